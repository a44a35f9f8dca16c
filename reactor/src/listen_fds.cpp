// The protocol of sd_listen_fds(3): descriptors from 3 on, as many as LISTEN_FDS says, if LISTEN_PID is this process.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <bight/local_endpoints.hpp>

#include "quoted.hpp"

namespace bight {

namespace {

int numberIn(const char* variable, std::string_view text, int most) {
  int number = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stopped != text.data() + text.size() || number < 0 || number > most)
    throw std::runtime_error(std::string("socket activation: the environment variable ") + variable +
                             " must be a number from 0 to " + std::to_string(most) + ", and is " +
                             detail::quoted(text));
  return number;
}

}  // namespace

ListenFDs ListenFDs::fromEnvironment(int first) {
  ListenFDs found;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (!pid || !count) return found;
  if (numberIn("LISTEN_PID", pid, 0x7fffffff) != static_cast<int>(::getpid())) return found;
  constexpr int most = 65536;
  const int sockets = numberIn("LISTEN_FDS", count, most);
  const char* const given = std::getenv("LISTEN_FDNAMES");
  std::string_view names = given ? given : "";
  for (int fd = first; fd < first + sockets; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0 || ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
      throw std::runtime_error("socket activation: LISTEN_FDS is " + std::to_string(sockets) + ", but descriptor " +
                               std::to_string(fd) + " cannot be used: " + std::generic_category().message(errno));
    const auto colon = names.find(':');
    found.sockets_.push_back({fd, std::string(names.substr(0, colon))});
    names.remove_prefix(colon == std::string_view::npos ? names.size() : colon + 1);
  }
  return found;
}

std::string ListenFDs::list() const {
  if (sockets_.empty())
    return "there are none: this process has not been started with sockets (LISTEN_PID, LISTEN_FDS)";
  std::string text = "there are " + std::to_string(sockets_.size()) + ":";
  for (std::size_t i = 0; i < sockets_.size(); ++i)
    text += " " + std::to_string(i) + (sockets_[i].name.empty() ? "" : " (" + detail::quoted(sockets_[i].name) + ")");
  return text;
}

int ListenFDs::named(const std::string& name) const {
  const Socket* one = nullptr;
  for (const Socket& each : sockets_) {
    if (each.name != name) continue;
    if (one)
      throw std::out_of_range("several sockets are named " + detail::quoted(name) + ", use the index; " + list());
    one = &each;
  }
  if (!one) throw std::out_of_range("no socket is named " + detail::quoted(name) + "; " + list());
  return one->fd;
}

int ListenFDs::at(std::size_t index) const {
  if (index >= sockets_.size()) throw std::out_of_range("there is no socket " + std::to_string(index) + "; " + list());
  return sockets_[index].fd;
}

}  // namespace bight
