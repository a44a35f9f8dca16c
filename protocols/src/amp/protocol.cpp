// A box with _command asks; it has _ask, a tag, if it wants an answer. The answer has the tag in _answer, or in _error.
// Tags of ours are numbers in hexadecimal, counted up: an answer to a number that was given out and is not waited for
// any more belongs to a call that was cancelled; any other unknown one is a mistake of the peer's.
#include <bight/amp/protocol.hpp>

#include <charconv>
#include <exception>
#include <optional>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>

namespace bight {

using amp::Box;

namespace amp {

RemoteError::RemoteError(std::string code, std::string description)
    : std::runtime_error("Code<" + code + ">: " + description),
      code_(std::move(code)),
      description_(std::move(description)) {}

}  // namespace amp

namespace {

constexpr std::string_view askKey = "_ask";
constexpr std::string_view answerKey = "_answer";
constexpr std::string_view errorKey = "_error";
constexpr std::string_view codeKey = "_error_code";
constexpr std::string_view descriptionKey = "_error_description";
constexpr std::string_view commandKey = "_command";
constexpr std::size_t longestDescription = 4096;

const Logger& log() {
  static const Logger logger("bight.amp");
  return logger;
}

std::string tagText(std::uint64_t tag) {
  char digits[16];
  return std::string(digits, std::to_chars(digits, digits + sizeof digits, tag, 16).ptr);
}

Failure remoteFailure(const Box& box) {
  const std::string* code = box.find(codeKey);
  const std::string* description = box.find(descriptionKey);
  const std::string said = description ? *description : std::string("(no description)");
  if (!code) throw amp::ProtocolError("an error has no code");
  if (*code == "UNHANDLED") return Failure(amp::UnhandledCommandError(said));
  if (*code == "UNKNOWN") return Failure(amp::UnknownRemoteError(said));
  if (*code == "TOO_MANY_CALLS") return Failure(amp::TooManyCallsError(said));
  return Failure(amp::RemoteError(*code, said));
}

}  // namespace

AMP::AMP(const amp::Limits& limits) : limits_(limits), reader_(limits.mostBytes) {}

AMP::~AMP() = default;

// ---- asking ----

Deferred<Box> AMP::callRemoteBox(std::string_view command, Box arguments) {
  if (!transport().connected())
    return fail<Box>(ConnectionLost("AMP: \"" + std::string(command) + "\" was called on a lost connection."));
  if (calls_.size() >= limits_.mostOutstanding)
    return fail<Box>(
        amp::TooManyCallsError("there are " + std::to_string(calls_.size()) + " calls without an answer already"));
  const std::uint64_t tag = lastTag_ + 1;
  arguments.set(askKey, tagText(tag));
  arguments.set(commandKey, std::string(command));
  try {
    send(std::move(arguments));
  } catch (const amp::TooLongError&) {
    return fail<Box>(Failure());
  }
  lastTag_ = tag;
  Deferred<Box> answer([self = std::weak_ptr<Protocol>(weak_from_this()), tag] {
    const auto protocol = std::static_pointer_cast<AMP>(self.lock());
    if (!protocol) return;
    const auto found = protocol->calls_.find(tag);
    if (found == protocol->calls_.end()) return;
    const auto call = std::move(found->second);
    protocol->calls_.erase(found);
    call.errback(CancelledError());
  });
  calls_.emplace(tag, answer.promise());
  return answer;
}

void AMP::tellRemoteBox(std::string_view command, Box arguments) {
  arguments.set(commandKey, std::string(command));
  send(std::move(arguments));
}

void AMP::send(Box box) {
  transport().write(box.serialize());
}

// ---- receiving ----

void AMP::dataReceived(std::string_view data) {
  try {
    while (!data.empty() && !transport().disconnecting()) {
      const auto box = reader_.next(data);
      if (!box) break;
      unread_ = data.size();
      boxReceived(*box);
    }
    unread_ = 0;
  } catch (const amp::ProtocolError& error) {
    unread_ = 0;
    log().warn("the connection with " + transport().getPeer().toString() + " is closed: " + error.what());
    transport().loseConnection();
  }
}

void AMP::boxReceived(const Box& box) {
  if (const auto* command = box.find(commandKey)) return asked(*command, box);
  if (const auto* tag = box.find(answerKey)) return answered(*tag, box);
  if (const auto* tag = box.find(errorKey)) return answered(*tag, remoteFailure(box));
  throw amp::ProtocolError("a box neither asks nor answers");
}

void AMP::answered(const std::string& tag, Result<Box> result) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(tag.data(), tag.data() + tag.size(), number, 16);
  if (error != std::errc() || end != tag.data() + tag.size() || number == 0 || number > lastTag_)
    throw amp::ProtocolError("an answer to a question that was not asked");
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;  // it was cancelled
  const auto call = std::move(found->second);
  calls_.erase(found);
  call.callback(std::move(result));
}

void AMP::respondBox(std::string command, amp::Responder responder) {
  responders_.insert_or_assign(std::move(command), std::make_shared<amp::Responder>(std::move(responder)));
}

Deferred<Box> AMP::unhandledCommand(const std::string& command, const Box&) {
  return fail<Box>(amp::UnhandledCommandError("Unhandled Command: '" + command.substr(0, 255) + "'"));
}

void AMP::asked(const std::string& command, const Box& box) {
  const std::string* ask = box.find(askKey);
  const std::string tag = ask ? *ask : std::string();
  if (responding_ >= limits_.mostResponding)
    return sendError(tag, command,
                     Failure(amp::TooManyCallsError(std::to_string(responding_) + " calls are being worked on")));
  const auto found = responders_.find(command);
  const auto responder = found == responders_.end() ? nullptr : found->second;  // it may be replaced while it runs
  ++responding_;
  // Tracked: nothing of this runs when the connection is lost.
  track(maybeDeferred([&] { return responder ? (*responder)(box) : unhandledCommand(command, box); }))
      .addCallback([this, tag](Box answer) {
        if (tag.empty()) return;
        answer.set(answerKey, tag);
        send(std::move(answer));
      })
      .addErrback([this, tag, command](const Failure& failure) { sendError(tag, command, failure); })
      .addBoth([this] { --responding_; });
}

void AMP::sendError(const std::string& tag, const std::string& command, const Failure& failure) {
  if (!transport().connected()) return;  // that is why it failed
  const auto* known = failure.get<amp::RemoteError>();
  if (!known) log().failure("while responding to \"" + command.substr(0, 255) + '"', failure, LogLevel::error);
  if (tag.empty()) return;
  Box box;
  box.set(errorKey, tag);
  box.set(codeKey, known ? known->code() : "UNKNOWN");
  box.set(descriptionKey, known ? known->description().substr(0, longestDescription) : "Unknown Error");
  send(std::move(box));
}

void AMP::connectionLost(const Failure& reason) {
  for (const auto& [tag, call] : std::exchange(calls_, {}))
    if (!call.called()) call.errback(reason);
}

}  // namespace bight
