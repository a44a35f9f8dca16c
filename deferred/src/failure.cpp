#include <bight/failure.hpp>

#include <cxxabi.h>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

#include <bight/errors.hpp>

#include "failure_state.hpp"
#include "path.hpp"
#include "stack_capture.hpp"

// How an exception is looked at without being thrown: libstdc++'s exception_ptr is one pointer, to the exception
// object, and type_info can tell whether a `catch` of its type would take an object of another type, adjusting the
// pointer as the catch would. That is 100 times cheaper than to rethrow and catch. Another standard library gets the
// slow way.

namespace bight {

namespace {

std::atomic<std::uint64_t> failuresMade{0};

void* objectOf(const std::exception_ptr& exception) noexcept {
  static_assert(sizeof(std::exception_ptr) == sizeof(void*));
  return *reinterpret_cast<void* const*>(&exception);
}

detail::SharedFailure* shared(detail::FailureState* state) noexcept {
  return static_cast<detail::SharedFailure*>(state);
}

detail::SharedFailure* makeState(std::exception_ptr exception) {
  const void* object = objectOf(exception);
  auto made = std::make_unique<detail::SharedFailure>(std::move(exception), ++failuresMade);
  detail::takeStack(object, made->stack);
  return made.release();
}

/// The Failures that were thrown last in this thread: whoever catches such an exception and makes a Failure of it gets
/// the same one back, with the way it has gone. They are not kept alive by that.
struct Raised {
  struct Entry {
    detail::SharedFailure* state;
    detail::Path* path;

    void clear() noexcept {
      if (detail::SharedFailure* s = std::exchange(state, nullptr)) s->dropWeak();
      if (detail::Path* p = std::exchange(path, nullptr)) p->dropReference();
    }
  };
  Entry entries[4];
  unsigned next;
  bool guarded;
  bool ended;
};
constinit thread_local Raised raised{};

struct RaisedGuard {
  ~RaisedGuard() {
    raised.ended = true;
    for (Raised::Entry& entry : raised.entries) entry.clear();
  }
};

void rememberRaised(detail::SharedFailure& state, detail::Path* path) noexcept {
  if (raised.ended) return;
  if (!std::exchange(raised.guarded, true)) {
    static thread_local RaisedGuard guard;
    static_cast<void>(&guard);
  }
  Raised::Entry& entry = raised.entries[raised.next++ % 4];
  entry.clear();
  state.weakReferences.fetch_add(1, std::memory_order_relaxed);
  if (path) path->addReference();
  entry = {&state, path};
}

/// Null if the exception is not that of a Failure which was thrown lately and is still there.
detail::SharedFailure* findRaised(const std::exception_ptr& exception, detail::Path*& path) noexcept {
  const void* object = objectOf(exception);
  for (Raised::Entry& entry : raised.entries) {
    if (!entry.state || !entry.state->revive()) continue;
    if (objectOf(entry.state->exception) == object) {
      path = entry.path;
      if (path) path->addReference();
      return entry.state;
    }
    entry.state->dropReference();
  }
  return nullptr;
}

}  // namespace

Failure::Failure() {
  std::exception_ptr now = std::current_exception();
  if (!now) throw NoCurrentExceptionError();
  state_ = findRaised(now, path_);
  if (!state_) state_ = makeState(std::move(now));
}

Failure::Failure(std::exception_ptr exception) {
  if (!exception) throw std::invalid_argument("bight: a Failure needs an exception, not a null std::exception_ptr");
  state_ = makeState(std::move(exception));
}

Failure::Failure(const Failure& other) noexcept : state_(other.state_), path_(other.path_) {
  if (state_) shared(state_)->references.fetch_add(1, std::memory_order_relaxed);
  if (path_) path_->addReference();
}

Failure& Failure::operator=(const Failure& other) noexcept {
  Failure copy(other);
  std::swap(state_, copy.state_);
  std::swap(path_, copy.path_);
  return *this;
}

void Failure::release() noexcept {
  if (path_) path_->dropReference();
  shared(state_)->dropReference();
}

const void* Failure::find(const std::type_info& wanted) const noexcept {
  if (!state_) return nullptr;
  const std::exception_ptr& exception = shared(state_)->exception;
#ifdef __GLIBCXX__
  const std::type_info& actual = *exception.__cxa_exception_type();
  void* object = objectOf(exception);
  if (wanted == actual) return object;
  if (actual.__is_pointer_p()) object = *static_cast<void**>(object);
  return wanted.__do_catch(&actual, &object, 1) ? object : nullptr;
#else
#error "bight: Failure::find needs libstdc++"
#endif
}

void Failure::raise() const {
  if (!state_) throw std::logic_error("bight: this Failure was moved from");
  rememberRaised(*shared(state_), path_);
  std::rethrow_exception(shared(state_)->exception);
}

std::exception_ptr Failure::exception() const noexcept {
  return state_ ? shared(state_)->exception : nullptr;
}

std::string Failure::typeName() const {
  return state_ ? bight::typeName(*shared(state_)->exception.__cxa_exception_type())
                : std::string("(moved-from Failure)");
}

std::string Failure::getErrorMessage() const {
  if (auto* e = get<std::exception>()) {
    const char* text = e->what();
    return text ? text : "";
  }
  if (auto* text = get<std::string>()) return *text;
  if (auto* text = get<const char*>()) return *text ? *text : "";
  if (auto* number = get<int>()) return std::to_string(*number);
  return "(an exception that does not derive from std::exception)";
}

const Failure* Failure::cause() const noexcept {
  return state_ && shared(state_)->cause ? &*shared(state_)->cause : nullptr;
}

std::uint64_t Failure::count() const noexcept {
  return state_ ? shared(state_)->count : 0;
}

std::string typeName(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

namespace detail {

Failure FailureState::caught(const Failure* handled) {
  std::exception_ptr now = std::current_exception();
  if (handled && handled->state_ && objectOf(shared(handled->state_)->exception) == objectOf(now)) return *handled;
  Path* path = nullptr;
  if (SharedFailure* known = findRaised(now, path)) {
    Failure again(static_cast<FailureState*>(known));
    again.path_ = path;
    return again;
  }
  Failure failure(std::move(now));
  if (handled) shared(failure.state_)->cause = *handled;
  return failure;
}

Failure FailureState::wrapped(std::exception_ptr exception, const Failure& known) {
  if (known.state_ && objectOf(shared(known.state_)->exception) == objectOf(exception)) return known;
  return Failure(std::move(exception));
}

const std::vector<const void*>& FailureState::stackOf(const Failure& failure) noexcept {
  static const std::vector<const void*> none;
  return failure.state_ ? shared(failure.state_)->stack : none;
}

Failure FailureState::withCause(Failure failure, const Failure* cause) {
  if (!cause || !cause->state_ || !failure.state_ || failure == *cause) return failure;
  SharedFailure& state = *shared(failure.state_);
  // Only one that nobody else holds yet may still be changed.
  if (!state.cause && state.references.load(std::memory_order_acquire) == 1) state.cause = *cause;
  return failure;
}

}  // namespace detail
}  // namespace bight
