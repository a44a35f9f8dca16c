// A thread cannot look into another one, so it asks by a signal: the action runs in the thread that is asked, on top of
// whatever that is doing, and writes down return addresses. It does nothing else: no memory, no locks, no names. Those
// are made from the addresses afterwards, in the thread that asked.
//
// backtrace() loads a library when it is called first, which a signal's action must not; so it is called once before.
//
// There is one place for the answer, `Question`, that lives for ever: a thread that answers late, when nobody waits any
// more, writes into it and does no harm. The number of the question tells a late answer from the right one.
#include "thread_stack.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#if defined(__GLIBC__)
#include <link.h>
#endif
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define BIGHT_HAS_BACKTRACE 1
#else
#define BIGHT_HAS_BACKTRACE 0
#endif

#include "symbol_file.hpp"
#include "vitals.hpp"

namespace bight::detail {
namespace {

constexpr std::size_t mostFrames = 64;

struct Question {
  std::array<void*, mostFrames> frames;
  std::atomic<int> count{0};
  std::atomic<std::uint64_t> asked{0};     // the number of the question; 0: nobody asks
  std::atomic<std::uint64_t> answered{0};  // and of the one that was answered last
};
Question question;

/// The action. Everything in it may be done on top of anything.
void answer(int) {
  const int error = errno;
  const std::uint64_t number = question.asked.load(std::memory_order_acquire);
  if (number != 0) {
#if BIGHT_HAS_BACKTRACE
    question.count.store(::backtrace(question.frames.data(), static_cast<int>(mostFrames)), std::memory_order_relaxed);
#endif
    question.answered.store(number, std::memory_order_release);
  }
  errno = error;
}

/// Who uses which signal. The mutex also lets one ask at a time.
struct Signals {
  struct Use {
    std::size_t users = 0;
    struct sigaction before{};
  };
  std::mutex mutex;
  std::map<int, Use> uses;
  std::mutex asking;
  std::uint64_t questions = 0;
};
Signals& signals() {
  static Signals it;
  return it;
}

#if BIGHT_HAS_BACKTRACE
std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 && text ? text.get() : name;
}

std::string hex(std::uintptr_t number) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  do {
    text += digits[number % 16];
    number /= 16;
  } while (number != 0);
  text += "x0";
  std::reverse(text.begin(), text.end());
  return text;
}

/// The name of a function that dladdr() does not know.
std::string hiddenName(const char* address, const Dl_info& about) {
  const char* file = about.dli_fname;
#if defined(__GLIBC__)
  // The program itself goes by the name that it was called by, which may mean another file now.
  Dl_info again{};
  void* extra = nullptr;
  if (::dladdr1(address, &again, &extra, RTLD_DL_LINKMAP) != 0 && extra) {
    const char* const name = static_cast<const link_map*>(extra)->l_name;
    if (!name || *name == '\0') file = "/proc/self/exe";
  }
#endif
  return symbolInFile(file, reinterpret_cast<std::uintptr_t>(about.dli_fbase),
                      reinterpret_cast<std::uintptr_t>(address));
}

/// "chat::Room::dataReceived(…) in /usr/bin/chat (0x12ab)": what a person wants, then what addr2line wants.
std::string named(void* frame, bool isReturnAddress) {
  // A return address may be the first one of the next function.
  const char* const address = static_cast<const char*>(frame) - (isReturnAddress ? 1 : 0);
  Dl_info about{};
  if (::dladdr(address, &about) == 0 || !about.dli_fname) return hex(reinterpret_cast<std::uintptr_t>(address));
  const auto offset = static_cast<std::uintptr_t>(address - static_cast<const char*>(about.dli_fbase));
  const std::string name = about.dli_sname ? about.dli_sname : hiddenName(address, about);
  return (name.empty() ? std::string(namelessFunction) : demangled(name.c_str())) + " in " + about.dli_fname + " (" +
         hex(offset) + ")";
}
#endif

}  // namespace

StackSignal::StackSignal(int number) : number_(number) {
#if BIGHT_HAS_BACKTRACE
  std::array<void*, 1> nowhere{};
  ::backtrace(nowhere.data(), 1);
#endif
  auto& all = signals();
  const std::lock_guard lock(all.mutex);
  if (const auto known = all.uses.find(number); known != all.uses.end()) {
    ++known->second.users;
    return;
  }
  struct sigaction before{};
  if (number <= 0 || ::sigaction(number, nullptr, &before) != 0)
    throw std::invalid_argument("Watchdog: there is no signal " + std::to_string(number));
  if ((before.sa_flags & SA_SIGINFO) != 0 || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN))
    throw std::logic_error("Watchdog: signal " + std::to_string(number) +
                           " has an action already; choose another one by WatchdogOptions::signal");
  struct sigaction action{};
  action.sa_handler = answer;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  if (::sigaction(number, &action, nullptr) != 0)
    throw std::invalid_argument("Watchdog: signal " + std::to_string(number) + " cannot have an action");
  all.uses.emplace(number, Signals::Use{1, before});
}

StackSignal::~StackSignal() {
  auto& all = signals();
  const std::lock_guard lock(all.mutex);
  const auto use = all.uses.find(number_);
  if (--use->second.users > 0) return;
  ::sigaction(number_, &use->second.before, nullptr);
  all.uses.erase(use);
}

bool isStackSignal(int number) {
  auto& all = signals();
  const std::lock_guard lock(all.mutex);
  return all.uses.count(number) != 0;
}

std::vector<std::string> StackSignal::ask(Vitals& vitals) const {
  std::vector<std::string> lines;
#if BIGHT_HAS_BACKTRACE
  auto& all = signals();
  const std::lock_guard lock(all.asking);
  const std::uint64_t number = ++all.questions;
  question.asked.store(number, std::memory_order_release);
  bool answered = false;
  if (vitals.signalThread(number_)) {
    for (int i = 0; i < 500 && !answered; ++i) {
      answered = question.answered.load(std::memory_order_acquire) == number;
      if (!answered) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  question.asked.store(0, std::memory_order_release);
  if (!answered) return lines;
  // The first two are the action and what the system put under it; the third is where the thread was, and not a return
  // address.
  constexpr int own = 2;
  const int count = question.count.load(std::memory_order_relaxed);
  for (int i = own; i < count; ++i) lines.push_back(named(question.frames[static_cast<std::size_t>(i)], i > own));
#else
  static_cast<void>(vitals);
#endif
  return lines;
}

}  // namespace bight::detail
