#include <bight/failure.hpp>

#include <cxxabi.h>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <sstream>
#include <stdexcept>

#include <bight/errors.hpp>

#include "failure_state.hpp"

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

}  // namespace

Failure::Failure() {
  std::exception_ptr now = std::current_exception();
  if (!now) throw NoCurrentExceptionError();
  state_ = new detail::SharedFailure(std::move(now), ++failuresMade);
}

Failure::Failure(std::exception_ptr exception) {
  if (!exception) throw std::invalid_argument("bight: a Failure needs an exception, not a null std::exception_ptr");
  state_ = new detail::SharedFailure(std::move(exception), ++failuresMade);
}

namespace {
detail::SharedFailure* shared(detail::FailureState* state) noexcept {
  return static_cast<detail::SharedFailure*>(state);
}
}  // namespace

Failure::Failure(const Failure& other) noexcept : state_(other.state_) {
  if (state_) shared(state_)->references.fetch_add(1, std::memory_order_relaxed);
}

Failure& Failure::operator=(const Failure& other) noexcept {
  Failure copy(other);
  std::swap(state_, copy.state_);
  return *this;
}

void Failure::release() noexcept {
  if (shared(state_)->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete shared(state_);
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

std::string Failure::getTraceback(Detail detail) const {
  std::ostringstream out;
  printTraceback(out, detail);
  return std::move(out).str();
}

void Failure::printTraceback(std::ostream& out, Detail detail) const {
  const std::string what = typeName() + ": " + getErrorMessage();
  const std::source_location* stage = state_ && shared(state_)->stage ? &*shared(state_)->stage : nullptr;
  switch (detail) {
    case Detail::brief:
      if (!stage) {
        out << "Traceback (failure with no frames): " << what << "\n";
      } else {
        out << "Traceback: " << what << "\n" << stage->file_name() << ":" << stage->line() << ":stage\n";
      }
      break;
    case Detail::normal:
      out << "Traceback (most recent call last):\n";
      if (stage) {
        out << "  File \"" << stage->file_name() << "\", line " << stage->line() << ", in the stage added here\n"
            << what << "\n";
      } else {
        out << "Failure: " << what << "\n";
      }
      break;
    case Detail::verbose:
      out << "*--- Failure #" << count() << " ---\n";
      if (stage)
        out << stage->file_name() << ":" << stage->line() << ": stage added in " << stage->function_name() << "\n";
      out << what << "\n*--- End of Failure #" << count() << " ---\n";
      break;
  }
  if (detail != Detail::brief && cause()) {
    out << "while handling:\n";
    cause()->printTraceback(out, detail);
  }
}

std::string toString(const Failure& failure) {
  return "[Failure instance: " + failure.getBriefTraceback() + "]";
}
std::ostream& operator<<(std::ostream& out, const Failure& failure) {
  return out << toString(failure);
}

std::string typeName(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

namespace detail {

Failure FailureState::caught(std::source_location stage, const Failure* handled) {
  std::exception_ptr now = std::current_exception();
  if (handled && handled->state_ && objectOf(shared(handled->state_)->exception) == objectOf(now)) return *handled;
  Failure failure(std::move(now));
  shared(failure.state_)->stage = stage;
  if (handled) shared(failure.state_)->cause = *handled;
  return failure;
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
