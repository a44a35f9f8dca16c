// A signal handler may do next to nothing: ours writes the signal's number into one pipe per watching reactor (the
// self-pipe of D. J. Bernstein). The pipes are in a fixed table of atomics, which the handler may read at any moment.
// libevent's own signal support is not used: with two event bases in a process the first one silently loses its
// signals.
#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "waker.hpp"

namespace bight::detail {
namespace {

constexpr std::size_t mostWatches = 64;
// 0 is an empty place, otherwise the descriptor + 1 (a table of zeros needs no initialisation before a handler may see
// it).
std::array<std::atomic<int>, mostWatches> pipes;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only use lock-free atomics");

extern "C" void bightTellReactors(int number) {
  const int savedErrno = errno;
  const unsigned char byte = static_cast<unsigned char>(number);
  for (const auto& place : pipes) {
    const int fd = place.load(std::memory_order_acquire) - 1;
    if (fd >= 0) static_cast<void>(!::write(fd, &byte, 1));  // full: enough signals are waiting there
  }
  errno = savedErrno;
}

/// One signal whose action is ours while any reactor watches.
struct Taken {
  int number;
  bool onlyIfDefault;
  bool ours = false;
  struct sigaction found{};
};

std::mutex mutex;  // guards all below; never taken by the signal handler
int watches = 0;
Taken taken[] = {{SIGINT, true}, {SIGTERM, false}};

void install() {
  for (Taken& each : taken) {
    struct sigaction found{};
    if (::sigaction(each.number, nullptr, &found) != 0) continue;
    const bool isDefault = !(found.sa_flags & SA_SIGINFO) && found.sa_handler == SIG_DFL;
    if (each.onlyIfDefault && !isDefault) continue;
    struct sigaction action{};
    action.sa_handler = bightTellReactors;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    if (::sigaction(each.number, &action, &each.found) == 0) each.ours = true;
  }
}

void restore() {
  for (Taken& each : taken) {
    if (!std::exchange(each.ours, false)) continue;
    struct sigaction present{};
    if (::sigaction(each.number, nullptr, &present) != 0) continue;
    const bool stillOurs = !(present.sa_flags & SA_SIGINFO) && present.sa_handler == bightTellReactors;
    if (stillOurs) ::sigaction(each.number, &each.found, nullptr);
  }
}

}  // namespace

SignalWatch::SignalWatch(Poller& poller, Function<void(int)> told) : poller_(poller), told_(std::move(told)) {
  openPipe(ends_);
  try {
    handle_ = poller_.add(ends_[0], pollRead, *this);
    const std::lock_guard lock(mutex);
    std::size_t place = 0;
    while (place < mostWatches && pipes[place].load() != 0) ++place;
    if (place == mostWatches) {
      throw std::length_error(
          "more than 64 reactors want to hear of signals; run the others with installSignalHandlers = false");
    }
    pipes[place].store(ends_[1] + 1, std::memory_order_release);
    if (watches++ == 0) install();
  } catch (...) {
    if (handle_) poller_.remove(handle_);
    ::close(ends_[0]);
    ::close(ends_[1]);
    throw;
  }
}

SignalWatch::~SignalWatch() {
  {
    const std::lock_guard lock(mutex);
    if (--watches == 0) restore();
    for (auto& place : pipes) {
      if (place.load() == ends_[1] + 1) place.store(0, std::memory_order_release);
    }
  }
  poller_.remove(handle_);
  ::close(ends_[0]);
  ::close(ends_[1]);
}

void SignalWatch::ready(unsigned) noexcept {
  unsigned char numbers[16];
  const ssize_t count = ::read(ends_[0], numbers, sizeof numbers);
  for (ssize_t i = 0; i < count; ++i) told_(numbers[i]);
}

const char* signalName(int number) noexcept {
  switch (number) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    default:
      thread_local char text[24];
      std::snprintf(text, sizeof text, "signal %d", number);
      return text;
  }
}

}  // namespace bight::detail
