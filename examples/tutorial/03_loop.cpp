// Three pages in one thread: sockets that do not block, a call that waits for all of them, and a loop.
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "slow_sites.hpp"

int main() {
  const SlowSites sites;
  const auto start = std::chrono::steady_clock::now();
  Pages pages;
  // region: sockets
  std::vector<pollfd> watched;
  std::map<int, std::string> names;  // whose socket is it? What we know about each must be kept somewhere
  for (const Site& site : sites.all()) {
    const int descriptor = connectTo(site);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);  // from now on read() never waits
    watched.push_back({.fd = descriptor, .events = POLLIN, .revents = 0});
    names[descriptor] = site.name;
  }
  // endregion: sockets
  // region: loop
  while (!watched.empty()) {
    poll(watched.data(), watched.size(), -1);  // the only place where the program waits: for all of them
    std::vector<pollfd> open;
    for (const pollfd& one : watched) {
      std::array<char, 1024> piece{};
      const ssize_t count = one.revents == 0 ? -1 : read(one.fd, piece.data(), piece.size());
      if (count > 0) pages[names[one.fd]].append(piece.data(), static_cast<std::size_t>(count));
      const bool ended = one.revents != 0 && (count == 0 || (count < 0 && errno != EAGAIN));
      if (ended) {
        close(one.fd);
      } else {
        open.push_back(one);
      }
    }
    watched = open;
  }
  // endregion: loop
  show(pages, start);
}
