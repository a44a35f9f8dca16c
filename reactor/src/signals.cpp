// A signal handler may do next to nothing: ours counts the signal for each reactor that wants it and wakes that reactor
// through a pipe (the self-pipe of D. J. Bernstein). Counts, not bytes in the pipe: a flood of one signal cannot push
// another out of a full pipe. All is in a fixed table of atomics, which the handler may read at any moment. libevent's
// own signal support is not used: with two event bases in a process the first one silently loses its signals.
//
// A reactor that leaves empties its place, and closes its pipe only when no handler is under way any more in any thread:
// otherwise one that had read the descriptor's number before would write to whatever file has that number next.
#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "thread_stack.hpp"
#include "waker.hpp"

namespace bight::detail {
namespace {

constexpr std::size_t mostWatches = 64;

/// A watching reactor, as the handler sees it. A table of zeros needs no initialisation before a handler may see it.
struct Place {
  std::atomic<int> pipe;  // 0: nobody; else the descriptor + 1
  std::array<std::atomic<std::uint32_t>, lastSignal + 1> counts;
  std::array<std::atomic<bool>, lastSignal + 1> wanted;
};
std::array<Place, mostWatches> places;
std::atomic<int> handlersUnderWay;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free &&
                  std::atomic<bool>::is_always_lock_free,
              "a signal handler may only use lock-free atomics");

/// What was there before us for SIGCHLD: somebody else's children end as well.
using PlainAction = void (*)(int);
using InformedAction = void (*)(int, siginfo_t*, void*);
std::atomic<PlainAction> plainForChild;
std::atomic<InformedAction> informedForChild;

extern "C" void bightTellReactors(int number, siginfo_t* info, void* context) {
  const int savedErrno = errno;
  handlersUnderWay.fetch_add(1);
  if (number > 0 && number <= lastSignal) {
    const auto at = static_cast<std::size_t>(number);
    for (Place& place : places) {
      if (!place.wanted[at].load()) continue;
      const int fd = place.pipe.load() - 1;
      if (fd < 0) continue;
      place.counts[at].fetch_add(1);
      const char byte = 0;
      static_cast<void>(!::write(fd, &byte, 1));  // full: a wake-up is pending
    }
  }
  handlersUnderWay.fetch_sub(1);
  if (number == SIGCHLD) {
    if (const InformedAction informed = informedForChild.load()) informed(number, info, context);
    if (const PlainAction plain = plainForChild.load()) plain(number);
  }
  errno = savedErrno;
}

/// A signal whose action is ours while any reactor watches it.
struct Taken {
  int users = 0;
  struct sigaction found{};
};

std::mutex mutex;  // guards all below, and who enters or leaves `places`; never taken by the signal handler
std::array<Taken, lastSignal + 1> taken;

bool isPlain(const struct sigaction& action, PlainAction plain) {
  return !(action.sa_flags & SA_SIGINFO) && action.sa_handler == plain;
}

void rememberForChild(const struct sigaction& found) {
  if (found.sa_flags & SA_SIGINFO)
    informedForChild.store(found.sa_sigaction);
  else if (found.sa_handler != SIG_DFL && found.sa_handler != SIG_IGN)
    plainForChild.store(found.sa_handler);
}

/// @return false if it is left alone
bool take(int number, bool onlyIfDefault) {
  Taken& it = taken[static_cast<std::size_t>(number)];
  if (it.users > 0) return ++it.users, true;
  struct sigaction found{};
  const auto refuse = [number] {
    throw std::system_error(errno, std::generic_category(), std::string("watching ") + signalName(number));
  };
  if (::sigaction(number, nullptr, &found) != 0) refuse();
  if (onlyIfDefault && !isPlain(found, SIG_DFL)) return false;
  if (number == SIGCHLD) rememberForChild(found);
  struct sigaction action{};
  action.sa_sigaction = bightTellReactors;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | SA_SIGINFO | (number == SIGCHLD ? SA_NOCLDSTOP : 0);
  if (::sigaction(number, &action, &it.found) != 0) refuse();
  it.users = 1;
  return true;
}

void giveBack(int number) {
  Taken& it = taken[static_cast<std::size_t>(number)];
  if (--it.users > 0) return;
  struct sigaction present{};
  if (::sigaction(number, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) &&
      present.sa_sigaction == bightTellReactors) {
    ::sigaction(number, &it.found, nullptr);
  }
  if (number == SIGCHLD) {
    plainForChild.store(nullptr);
    informedForChild.store(nullptr);
  }
}

struct Name {
  int number;
  const char* name;
};
constexpr Name names[] = {
    {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},   {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"},
    {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},     {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"},
    {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"}, {SIGPIPE, "SIGPIPE"},   {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
    {SIGCHLD, "SIGCHLD"}, {SIGCONT, "SIGCONT"}, {SIGSTOP, "SIGSTOP"},   {SIGTSTP, "SIGTSTP"}, {SIGTTIN, "SIGTTIN"},
    {SIGTTOU, "SIGTTOU"}, {SIGURG, "SIGURG"},   {SIGXCPU, "SIGXCPU"},   {SIGXFSZ, "SIGXFSZ"}, {SIGVTALRM, "SIGVTALRM"},
    {SIGPROF, "SIGPROF"}, {SIGSYS, "SIGSYS"},   {SIGWINCH, "SIGWINCH"}, {SIGIO, "SIGIO"},
};

}  // namespace

SignalWatch::SignalWatch(Poller& poller, Function<void(int)> told) : poller_(poller), told_(std::move(told)) {
  openPipe(ends_);
  try {
    handle_ = poller_.add(ends_[0], pollRead, *this);
    const std::lock_guard lock(mutex);
    while (place_ < mostWatches && places[place_].pipe.load() != 0) ++place_;
    if (place_ == mostWatches) {
      throw std::length_error(
          "more than 64 reactors want to hear of signals; run the others with installSignalHandlers = false");
    }
    for (auto& count : places[place_].counts) count.store(0);
    places[place_].pipe.store(ends_[1] + 1);
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
    for (int number = 1; number <= lastSignal; ++number) {
      const auto at = static_cast<std::size_t>(number);
      places[place_].wanted[at].store(false);
      for (; users_[at] > 0; --users_[at]) giveBack(number);
    }
    places[place_].pipe.store(0);
  }
  while (handlersUnderWay.load() != 0) std::this_thread::yield();
  poller_.remove(handle_);
  ::close(ends_[0]);
  ::close(ends_[1]);
}

bool SignalWatch::add(int number, bool onlyIfDefault) {
  if (number < 1 || number > lastSignal || number >= NSIG)
    throw std::invalid_argument("there is no signal " + std::to_string(number));
  for (const int refused : {SIGKILL, SIGSTOP, SIGSEGV, SIGFPE, SIGILL, SIGBUS}) {
    if (number == refused)
      throw std::invalid_argument(std::string(signalName(number)) + " cannot be told to a reactor: " +
                                  (number == SIGKILL || number == SIGSTOP
                                       ? "the system lets nobody change what it does"
                                       : "it tells of a fault, which would be repeated at once"));
  }
  if (isStackSignal(number))
    throw std::logic_error(std::string(signalName(number)) +
                           " is the one by which a Watchdog asks for the stack of the reactor's thread, and would not "
                           "come through any more; give the Watchdog another one by WatchdogOptions::signal");
  const std::lock_guard lock(mutex);
  const auto at = static_cast<std::size_t>(number);
  // Wanted first: from the moment the action is ours, no signal may find nobody.
  const bool wanted = places[place_].wanted[at].exchange(true);
  try {
    if (take(number, onlyIfDefault)) return ++users_[at], true;
  } catch (...) {
    places[place_].wanted[at].store(wanted);
    throw;
  }
  places[place_].wanted[at].store(wanted);
  return false;
}

void SignalWatch::remove(int number) noexcept {
  const std::lock_guard lock(mutex);
  const auto at = static_cast<std::size_t>(number);
  if (users_[at] == 0) return;
  giveBack(number);
  if (--users_[at] == 0) places[place_].wanted[at].store(false);
}

void SignalWatch::ready(unsigned) noexcept {
  char bytes[64];
  while (::read(ends_[0], bytes, sizeof bytes) == static_cast<ssize_t>(sizeof bytes)) {
  }
  // What is told may end our life, as a reactor's second signal does in its way: so the counts are taken first.
  std::array<std::uint32_t, lastSignal + 1> counts{};
  for (std::size_t at = 1; at < counts.size(); ++at) counts[at] = places[place_].counts[at].exchange(0);
  for (std::size_t at = 1; at < counts.size(); ++at)
    for (; counts[at] > 0; --counts[at]) told_(static_cast<int>(at));
}

const char* signalName(int number) noexcept {
  for (const Name& each : names)
    if (each.number == number) return each.name;
  thread_local char text[24];
  std::snprintf(text, sizeof text, "signal %d", number);
  return text;
}

int signalNumber(std::string_view name) {
  const std::string_view bare = name.substr(0, 3) == "SIG" ? name.substr(3) : name;
  for (const Name& each : names)
    if (bare == each.name + 3) return each.number;
  throw std::invalid_argument("\"" + std::string(name) + "\" is no signal; say for instance \"TERM\" or SIGTERM");
}

}  // namespace bight::detail
