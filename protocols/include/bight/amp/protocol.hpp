/// @file
/// AMP, the Asynchronous Messaging Protocol of Twisted: both sides may call the other, as often as they like, and
/// answers come in any order.
///
/// ```cpp
/// class Calculator : public bight::AMP {
///  public:
///   Calculator() {
///     respond<Sum>([](const Sum::Arguments& asked) { return Sum::Answer{asked.a + asked.b}; });
///   }
/// };
/// peer->callRemote<Sum>({.a = 40, .b = 2}).addCallback([](const Sum::Answer& answer) { ... });
/// ```
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <bight/amp/box.hpp>
#include <bight/amp/command.hpp>
#include <bight/amp/values.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/protocol.hpp>

namespace bight {

namespace amp {

/// How much a peer may ask for, and we of it.
struct Limits {
  /// Of a box.
  std::size_t mostBytes = std::size_t{1} << 20;
  /// Calls of the peer that are being worked on; further ones are refused.
  std::size_t mostResponding = 1000;
  /// Calls of ours without an answer yet; further ones fail at once.
  std::size_t mostOutstanding = 10000;
};

/// An answer that says nothing, for commands that have none: `using Answer = amp::Nothing;`, `answer = amp::fields()`.
struct Nothing {};

/// The wire's side of a command: arguments in, answer out. A failure becomes an error.
using Responder = Function<Deferred<Box>(const Box& arguments)>;

}  // namespace amp

/// Calls commands of the peer, and answers the peer's. Speaks what Twisted's `amp.AMP` speaks. (command.hpp tells how
/// commands are declared, values.hpp what may be in them)
///
/// - A responder that fails with an error that its command names: the caller gets that exception. With anything else:
///   it is logged here, and the caller gets `UnknownRemoteError`, which says no more. (Twisted closes the connection
///   then.)
/// - When the connection is lost, calls fail with the reason, and what responders have begun is cancelled.
/// - What is not AMP closes the connection.
class BIGHT_API AMP : public Protocol {
 public:
  explicit AMP(const amp::Limits& limits = {});
  ~AMP() override;

  /// Calls a command of the peer. Cancelling forgets the call: the peer does its work all the same.
  /// @return the answer; fails with an error that the command names, `RemoteError` and its kin, `InvalidValueError` if
  ///         the answer does not say what it should, `TooLongError` for arguments that cannot be sent, the reason of
  ///         a lost connection
  /// @throws std::logic_error before `connectionMade()`
  template <class Command>
  Deferred<typename Command::Answer> callRemote(const typename Command::Arguments& arguments) {
    amp::Box box;
    amp::toBox(arguments, Command::arguments, box);
    return callRemoteBox(Command::name, std::move(box))
        .addCallbacks(
            [](const amp::Box& answer) { return amp::fromBox<typename Command::Answer>(answer, Command::answer); },
            [](const Failure& failure) { return amp::detail::translated<Command>(failure); });
  }

  /// Calls a command and wants no answer, not even whether it was understood. (Twisted: requiresAnswer = False)
  /// @throws TooLongError
  template <class Command>
  void tellRemote(const typename Command::Arguments& arguments) {
    amp::Box box;
    amp::toBox(arguments, Command::arguments, box);
    tellRemoteBox(Command::name, std::move(box));
  }

  /// Answers a command: `f(const Arguments&)` returns an Answer or a `Deferred<Answer>`, or throws; it may be a
  /// coroutine that takes its Arguments by value. A second one for the same command replaces the first.
  template <class Command, class F>
  void respond(F f) {
    using Answer = typename Command::Answer;
    respondBox(std::string(Command::name), [f = std::move(f)](const amp::Box& asked) mutable {
      return maybeDeferred([&]() -> Deferred<Answer> {
               return maybeDeferred(f, amp::fromBox<typename Command::Arguments>(asked, Command::arguments));
             })
          .addCallbacks(
              [](const Answer& answer) {
                amp::Box box;
                amp::toBox(answer, Command::answer, box);
                return box;
              },
              [](const Failure& failure) -> Result<amp::Box> {
                const auto code = amp::detail::codeFor<Command>(failure);
                if (code.empty()) return failure;
                return Failure(amp::RemoteError(std::string(code), failure.getErrorMessage()));
              });
    });
  }

  /// @name Without types
  /// @{
  /// Keys that begin with '_' are AMP's own. Errors are `RemoteError`s on both sides.
  Deferred<amp::Box> callRemoteBox(std::string_view command, amp::Box arguments);
  void tellRemoteBox(std::string_view command, amp::Box arguments);
  void respondBox(std::string command, amp::Responder responder);
  /// A command that nobody responds to. Fails with `UnhandledCommandError` unless overridden.
  virtual Deferred<amp::Box> unhandledCommand(const std::string& command, const amp::Box& arguments);
  /// @}

  /// Calls of ours without an answer yet; calls of the peer that are being worked on.
  std::size_t outstanding() const noexcept { return calls_.size(); }
  std::size_t responding() const noexcept { return responding_; }

  void dataReceived(std::string_view data) override;
  /// Subclasses that override it call this one too.
  void connectionLost(const Failure& reason) override;
  std::size_t unreadInput() const noexcept override { return unread_ + reader_.kept(); }

 private:
  void boxReceived(const amp::Box& box);
  void asked(const std::string& command, const amp::Box& box);
  void answered(const std::string& tag, Result<amp::Box> result);
  void send(amp::Box box);
  void sendError(const std::string& tag, const std::string& command, const Failure& failure);

  amp::Limits limits_;
  amp::BoxReader reader_;
  std::unordered_map<std::string, std::shared_ptr<amp::Responder>> responders_;
  std::map<std::uint64_t, Promise<amp::Box>> calls_;  // in order: their failures come in order, too
  std::uint64_t lastTag_ = 0;
  std::size_t responding_ = 0;
  std::size_t unread_ = 0;  // bytes of the packet behind the present box
};

}  // namespace bight
