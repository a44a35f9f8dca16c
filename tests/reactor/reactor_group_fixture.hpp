// What the tests of reactor groups share: what is left behind, traces from several threads, clients that block.
#pragma once

#include <bight/reactor_group.hpp>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bight/connection_errors.hpp>
#include <bight/task.hpp>
#include <bight/testing/log_capture.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "backends.hpp"
#include "tcp_port.hpp"

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

namespace bight::tests::group {

constexpr RunOptions quietly{.installSignalHandlers = false};
const ListenOptions here{.interface = "127.0.0.1"};
constexpr std::size_t count = 3;

/// What is in a directory of /proc: the open descriptors, the threads.
inline std::size_t entries(const char* directory) {
  std::size_t found = 0;
  DIR* open = ::opendir(directory);
  BOOST_REQUIRE(open);
  while (::readdir(open)) ++found;
  ::closedir(open);
  return found;
}

/// Descriptors and threads, before and after.
class Leftovers {
 public:
  Leftovers() {
    std::thread([] {}).join();  // a sanitizer has one of its own from the first one on
    threads_ = entries("/proc/self/task");
    for (int i = 0; i < 100; ++i) threads_ = std::min(threads_, entries("/proc/self/task"));
  }
  bool none() const {
    // One that has been joined may be listed for another moment.
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (entries("/proc/self/task") > threads_ && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    return entries("/proc/self/fd") == descriptors_ && entries("/proc/self/task") <= threads_;
  }

 private:
  std::size_t descriptors_ = entries("/proc/self/fd");
  std::size_t threads_ = 0;
};

/// Lines from several threads.
class Trace {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::vector<std::string> sorted() const {
    auto all = lines();
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

using Lines = std::vector<std::string>;

/// A client without a reactor: blocking, in whatever thread.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  /// One byte of the server's; 0 at the end.
  char get() {
    char byte = 0;
    return ::recv(fd_, &byte, 1, 0) == 1 ? byte : '\0';
  }

 private:
  int fd_;
  bool connected_ = false;
};

class Silent : public Protocol {};

/// Says the number of its reactor, and whether it is still in its thread at the end.
class Teller : public Protocol {
 public:
  Teller(ReactorGroup& group, std::size_t index, Trace* trace) : group_(group), index_(index), trace_(trace) {}

 private:
  void connectionMade() override {
    const char digit = static_cast<char>('0' + index_);
    transport().write({&digit, 1});
  }
  void connectionLost(const Failure&) override {
    if (!trace_) return;
    trace_->add("lost " + std::to_string(index_) + (group_.here() == index_ ? "" : ", in another thread"));
    // A message that is sent at the very end still arrives.
    group_.callFromThread((index_ + 1) % group_.size(), [trace = trace_] { trace->add("told"); });
  }

  ReactorGroup& group_;
  std::size_t index_;
  Trace* trace_;
};

inline auto tellers(ReactorGroup& group, Trace* trace = nullptr) {
  return [&group, trace](Reactor&, std::size_t index) {
    return Factory::forProtocol<Teller>(std::ref(group), index, trace);
  };
}

/// Runs the group, with a client's work in a thread beside it.
template <class F>
void runWith(ReactorGroup& group, F client) {
  std::thread thread;
  group.callWhenRunning([&] { thread = std::thread(client); });
  group.run(quietly);
  thread.join();
}

}  // namespace bight::tests::group
