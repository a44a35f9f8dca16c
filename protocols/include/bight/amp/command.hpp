/// @file
/// Commands of AMP as plain structures, and the errors that travel.
///
/// ```cpp
/// struct Divide {
///   static constexpr std::string_view name = "Divide";
///   struct Arguments { std::int64_t numerator = 0, denominator = 1; };
///   struct Answer { double result = 0; };
///   static constexpr auto arguments = amp::fields(amp::field("numerator", &Arguments::numerator),
///                                                 amp::field("denominator", &Arguments::denominator));
///   static constexpr auto answer = amp::fields(amp::field("result", &Answer::result));
///   static constexpr auto errors = amp::errors(amp::error<ZeroDivision>("ZERO_DIVISION"));       // if it has any
/// };
/// ```
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include <bight/amp/values.hpp>
#include <bight/export.hpp>
#include <bight/failure.hpp>

namespace bight::amp {

/// The peer's answer is an error that the command does not name. (Twisted: RemoteAmpError)
class BIGHT_API RemoteError : public std::runtime_error {
 public:
  RemoteError(std::string code, std::string description);
  const std::string& code() const noexcept { return code_; }
  const std::string& description() const noexcept { return description_; }

 private:
  std::string code_;
  std::string description_;
};

/// The peer does not know the command. (Twisted: UnhandledCommand)
class BIGHT_API UnhandledCommandError : public RemoteError {
 public:
  explicit UnhandledCommandError(const std::string& description) : RemoteError("UNHANDLED", description) {}
};

/// Something went wrong over there, and only their log says what. (Twisted: UnknownRemoteError)
class BIGHT_API UnknownRemoteError : public RemoteError {
 public:
  explicit UnknownRemoteError(const std::string& description) : RemoteError("UNKNOWN", description) {}
};

/// More calls are unanswered than may be: ours, or over there.
class BIGHT_API TooManyCallsError : public RemoteError {
 public:
  explicit TooManyCallsError(const std::string& description) : RemoteError("TOO_MANY_CALLS", description) {}
};

/// An exception that travels under a code.
template <class E>
struct Error {
  std::string_view code;
};

/// Names an exception: the responder's side sends `code` and what it says, the caller's makes an E of that. E must be
/// constructible from a `std::string`.
template <class E>
constexpr Error<E> error(std::string_view code) {
  static_assert(std::is_constructible_v<E, const std::string&>, "an error of a command is made of a std::string");
  return {code};
}

/// The errors of a command.
template <class... E>
constexpr std::tuple<Error<E>...> errors(Error<E>... all) {
  return {all...};
}

namespace detail {

/// Which code a failure travels under; empty if the command names none.
template <class C>
std::string_view codeFor(const Failure& failure) {
  std::string_view code;
  if constexpr (requires { C::errors; }) {
    const auto look = [&]<class E>(const Error<E>& error) {
      if (code.empty() && failure.check<E>()) code = error.code;
    };
    std::apply([&](const auto&... error) { (look(error), ...); }, C::errors);
  }
  return code;
}

/// A `RemoteError` as the exception that the command names for its code; others stay what they are.
template <class C>
Failure translated(const Failure& failure) {
  if constexpr (requires { C::errors; }) {
    const auto* remote = failure.get<RemoteError>();
    if (!remote) return failure;
    std::optional<Failure> found;
    const auto look = [&]<class E>(const Error<E>& error) {
      if (!found && remote->code() == error.code) found.emplace(E(remote->description()));
    };
    std::apply([&](const auto&... error) { (look(error), ...); }, C::errors);
    if (found) return *found;
  }
  return failure;
}

}  // namespace detail
}  // namespace bight::amp
