// The floor of the echo servers: one loop over epoll, written by hand, without anything that is not needed.  echo_raw PORT
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

int epoll = -1;

void watch(int operation, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll, operation, fd, &event);
}

void acceptAll(int listener) {
  const int one = 1;
  for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

/// What the system does not take is kept until it does; meanwhile nothing is read.
std::unordered_map<int, std::string> unsent;

void send(int fd, std::string_view data) {
  const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
  const std::size_t gone = n > 0 ? static_cast<std::size_t>(n) : 0;
  if (gone == data.size()) return;
  unsent[fd] = std::string(data.substr(gone));
  watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

void forget(int fd) {
  unsent.erase(fd);
  close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: echo_raw PORT\n", stderr), 2;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 4096) != 0)
    return std::perror("echo_raw"), 2;
  epoll = epoll_create1(0);
  watch(EPOLL_CTL_ADD, listener, EPOLLIN);
  std::vector<char> buffer(65536);
  std::vector<epoll_event> events(512);
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        acceptAll(listener);
      } else if (const auto rest = unsent.find(fd); rest != unsent.end()) {
        const std::string data = std::move(rest->second);
        unsent.erase(rest);
        watch(EPOLL_CTL_MOD, fd, EPOLLIN);
        send(fd, data);
      } else {
        const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
        if (n > 0)
          send(fd, {buffer.data(), static_cast<std::size_t>(n)});
        else if (n == 0 || errno != EAGAIN)
          forget(fd);
      }
    }
  }
}
