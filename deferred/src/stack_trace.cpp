#include <bight/stack_trace.hpp>

#include <dlfcn.h>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <cxxabi.h>

#include <bight/failure.hpp>

#include "stack_capture.hpp"
#include "stack_walk.hpp"

#if BIGHT_HAVE_BACKTRACE
#include <backtrace.h>
#endif

namespace bight {

namespace {

#ifdef NDEBUG
constexpr bool onByDefault = false;
#else
constexpr bool onByDefault = true;
#endif

constinit std::atomic<bool> capturing{onByDefault};
constinit std::atomic<std::uint32_t> generation{1};  // of what was noted since it was switched on

[[maybe_unused]] const bool stacksAskedFor = [] {
  const char* const wanted = std::getenv("BIGHT_TRACE");
  if (!wanted || !*wanted) return true;
  // 0, 1, or a list of words, of which the others are for pending.cpp.
  const std::string_view words = wanted;
  const bool one = words.find_first_of("0123456789") != words.npos;
  if (one || words.find("stacks") != words.npos) captureStacks(words != "0");
  return true;
}();

struct Noted {
  const void* object;
  std::uint32_t generation;
  std::uint32_t depth;
  const void* addresses[stackDepth];
};

/// The last few of each thread. Exceptions are made into Failures soon after they were thrown; those that cross a
/// `catch` in between are few.
struct Ring {
  static constexpr unsigned size = 8;
  Noted noted[size];
  unsigned next;
};
constinit thread_local Ring ring{};

[[gnu::noinline]] void note(const void* object, const void* address, const void* frame) noexcept {
  Noted& noted = ring.noted[ring.next++ % Ring::size];
  noted.object = object;
  noted.generation = generation.load(std::memory_order_relaxed);
  noted.depth = detail::walkStack(address, frame, noted.addresses, stackDepth);
}

}  // namespace

void captureStacks(bool on) noexcept {
  generation.fetch_add(1, std::memory_order_relaxed);
  capturing.store(on, std::memory_order_relaxed);
}

bool capturesStacks() noexcept {
  return capturing.load(std::memory_order_relaxed);
}

void detail::takeStack(const void* object, std::vector<const void*>& stack) {
  if (!capturesStacks()) return;
  const std::uint32_t now = generation.load(std::memory_order_relaxed);
  for (unsigned i = 1; i <= Ring::size; ++i) {
    const Noted& noted = ring.noted[(ring.next - i) % Ring::size];
    if (noted.object != object) continue;
    if (noted.generation == now) stack.assign(noted.addresses, noted.addresses + noted.depth);
    return;
  }
}

// ---- names ----

namespace {

/// g++ moves the body of a coroutine into a function of its own, "page(page(Url)::_Z4page3Url.Frame*) [clone .actor]": it is
/// "page(Url)".
std::string coroutineNamed(std::string name) {
  const std::size_t frame = name.find("::_Z");
  if (frame == name.npos || !name.ends_with(" [clone .actor]")) return name;
  for (std::size_t n = name.find('('); n != name.npos && 2 * n < frame; n = name.find('(', n + 1)) {
    if (n > 0 && name.compare(n + 1, n, name, 0, n) == 0) return name.substr(n + 1, frame - n - 1);
  }
  return name;
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return coroutineNamed(status == 0 && text ? text.get() : name);
}

#if BIGHT_HAVE_BACKTRACE

void ignore(void*, const char*, int) {}

backtrace_state* symbols() {
  static backtrace_state* const state = backtrace_create_state(nullptr, 1, &ignore, nullptr);
  return state;
}

struct Answer {
  std::vector<StackFrame>& frames;
  const void* address;
};

int placeFound(void* to, std::uintptr_t, const char* file, int line, const char* function) {
  const Answer& answer = *static_cast<Answer*>(to);
  if (!file && !function) return 0;
  answer.frames.push_back({function ? demangled(function) : std::string(), file ? file : "",
                           line > 0 ? static_cast<unsigned>(line) : 0U, answer.address});
  return 0;
}

void nameFound(void* to, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  if (name) *static_cast<std::string*>(to) = demangled(name);
}

void describe(const void* address, std::vector<StackFrame>& frames) {
  // A return address is behind the call, and may belong to the next line.
  const std::uintptr_t place = reinterpret_cast<std::uintptr_t>(address) - 1;
  const std::size_t before = frames.size();
  if (backtrace_state* state = symbols()) {
    Answer answer{frames, address};
    backtrace_pcinfo(state, place, &placeFound, &ignore, &answer);
    // The outermost of those that were inlined has the name of the symbol, with its parameters.
    std::string name;
    backtrace_syminfo(state, place, &nameFound, &ignore, &name);
    if (frames.size() == before) frames.push_back({{}, {}, 0, address});
    if (!name.empty()) frames.back().function = std::move(name);
    if (!frames.back().function.empty()) return;
  }
  if (frames.size() == before) frames.push_back({{}, {}, 0, address});
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(place), &info) && info.dli_sname)  // NOLINT(performance-no-int-to-ptr)
    frames.back().function = demangled(info.dli_sname);
}

#else

void describe(const void* address, std::vector<StackFrame>& frames) {
  frames.push_back({{}, {}, 0, address});
  Dl_info info{};
  if (dladdr(static_cast<const char*>(address) - 1, &info) && info.dli_sname)
    frames.back().function = demangled(info.dli_sname);
}

#endif

}  // namespace

std::vector<StackFrame> describeStack(std::span<const void* const> addresses) {
  std::vector<StackFrame> frames;
  frames.reserve(addresses.size());
  for (const void* address : addresses) describe(address, frames);
  return frames;
}

std::vector<StackFrame> thrownAt(const Failure& failure) {
  return describeStack(detail::FailureState::stackOf(failure));
}

}  // namespace bight

// Every exception is made here, whether it is to be thrown or to be put into an exception_ptr. Weak, so that a program
// with a C++ library of its own inside keeps that one's.
extern "C" [[gnu::weak, gnu::visibility("default")]] void*
__cxa_allocate_exception(  // NOLINT(bugprone-reserved-identifier)
    std::size_t size) noexcept {
  using Allocate = void* (*)(std::size_t) noexcept;
  static constinit std::atomic<Allocate> next{nullptr};
  Allocate allocate = next.load(std::memory_order_relaxed);
  if (!allocate) {
    allocate = reinterpret_cast<Allocate>(dlsym(RTLD_NEXT, "__cxa_allocate_exception"));
    if (!allocate) std::abort();  // there is no C++ library: no exception can be thrown either
    next.store(allocate, std::memory_order_relaxed);
  }
  void* object = allocate(size);
  if (bight::capturing.load(std::memory_order_relaxed)) [[unlikely]]
    bight::note(object, __builtin_return_address(0), __builtin_dwarf_cfa());
  return object;
}
