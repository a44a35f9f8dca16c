// A poller from outside the library, over ::poll: what a user who brings a backend writes.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <list>
#include <mutex>
#include <system_error>

#include "backends.hpp"

namespace bight::tests {
namespace {

std::atomic<std::size_t> polls{0};

class PlainPoller final : public Poller {
 public:
  PlainPoller() { tellsRemovals(); }
  std::string_view name() const noexcept override { return plainPoller; }

  PollHandle* add(int fd, unsigned interest, PollTarget& target) override {
    handles_.push_back(Handle(fd, interest, &target));
    return &handles_.back();
  }
  void change(PollHandle* handle, unsigned interest) override { static_cast<Handle*>(handle)->interest = interest; }
  void remove(PollHandle* handle) noexcept override {
    // Only marked: `poll` below may be walking over it.
    removed(*static_cast<Handle*>(handle)->target);
    static_cast<Handle*>(handle)->target = nullptr;
    static_cast<Handle*>(handle)->interest = 0;
  }

  void poll(Duration until) override {
    ++polls;
    std::erase_if(handles_, [](const Handle& each) { return !each.target; });
    std::vector<pollfd> asked;
    std::vector<Handle*> whose;
    for (Handle& each : handles_) {
      if (each.interest == 0) continue;
      short events = 0;
      if (each.interest & pollRead) events |= POLLIN;
      if (each.interest & pollWrite) events |= POLLOUT;
      asked.push_back({each.fd, events, 0});
      whose.push_back(&each);
    }
    if (::poll(asked.data(), asked.size(), timeout(until)) < 0) {
      if (errno == EINTR) return;
      throw std::system_error(errno, std::generic_category(), "poll");
    }
    for (std::size_t i = 0; i < asked.size(); ++i) {
      unsigned events = 0;
      if (asked[i].revents & (POLLIN | POLLHUP)) events |= pollRead;
      if (asked[i].revents & POLLOUT) events |= pollWrite;
      if (asked[i].revents & (POLLERR | POLLNVAL)) events |= pollRead | pollWrite | pollError;
      events &= whose[i]->interest | pollError;
      if (whose[i]->target && events) dispatch(*whose[i]->target, events);
    }
  }

 private:
  struct Handle : PollHandle {
    Handle(int descriptor, unsigned what, PollTarget* who) : fd(descriptor), interest(what), target(who) {}
    int fd;
    unsigned interest;
    PollTarget* target;
  };

  static int timeout(Duration until) {
    if (until == dontWait) return 0;
    if (until == forever) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steadyNow()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 1000000000));
  }

  std::list<Handle> handles_;
};

}  // namespace

std::vector<std::string> backends() {
  static std::once_flag once;
  std::call_once(once, [] { registerPoller(plainPoller, [] { return std::make_unique<PlainPoller>(); }); });
  return availableReactors();
}

std::size_t plainPollCount() noexcept {
  return polls;
}

}  // namespace bight::tests
