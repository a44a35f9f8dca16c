// One connection, from its handshake to its end.
//
//   connecting ──handshake──► open ──sendClose()────► closing (we wait for theirs) ──┐
//       │                      ├──their close (answered)────────────────────────────►├──► closed
//       │                      └──a rule is broken: our close goes out, the rest is dropped ──┘
//       └──► closed
//
// When both have said that they close, the server closes the connection, and the client waits for that (RFC 6455, 7.1.1).
// After a broken rule our half is closed and what still comes is dropped until the peer closes: to close a socket with
// unread input makes the system reset the connection, and the peer might not see why.
//
// One timer serves all waits: they follow each other.
#include "session.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>

namespace bight::websocket::detail {

namespace {

constexpr std::size_t mostDropped = std::size_t{1} << 20;  // after a broken rule

const Logger& log() {
  static const Logger logger("bight.websocket");
  return logger;
}

}  // namespace

Session::Session(Protocol& owner, Role role, ReactorTime& clock, std::shared_ptr<const Options> options)
    : owner_(owner), clock_(clock), options_(std::move(options)), role_(role) {
  closed_.reason = "The connection was never made.";
}

Session::~Session() {
  stopWaiting();
}

// ---- opening ----

Deferred<void> Session::ask(const ClientRequest& request, Duration openTimeout) {
  handshake_ = std::make_unique<ClientHandshake>(request, *options_);
  openTimeout_ = openTimeout;
  Deferred<void> open([this, owner = owner_.weak_from_this()] {
    const auto alive = owner.lock();
    if (!alive) return;
    closed_.reason = "Connecting was cancelled.";
    if (const auto promise = std::exchange(opening_, std::nullopt)) promise->errback(CancelledError());
    if (made_) transport().abortConnection();
  });
  opening_ = open.promise();
  return open;
}

void Session::made() {
  made_ = true;
  closed_.reason.clear();
  transport().setMaxWriteBuffer(options_->maxBuffered);
  if (!handshake_) return opened();
  if (!opening_) return transport().abortConnection();  // cancelled meanwhile
  transport().write(handshake_->request());
  wait(Waiting::toOpen, openTimeout_);
}

void Session::opened() {
  stopWaiting();
  reader_.emplace(MessageReader::Options{.role = role_,
                                         .maxMessage = options_->maxMessage,
                                         .maxFrame = options_->maxFrame,
                                         .deflate = agreement_.deflate});
  if (agreement_.deflate) deflater_ = std::make_unique<Deflater>(*agreement_.deflate, *options_->deflate);
  state_ = State::open;
  watch();
  owner_.onOpen();
  if (const auto promise = std::exchange(opening_, std::nullopt)) promise->callback();
}

void Session::readAnswer(std::string_view& input) {
  try {
    if (!handshake_->read(input, *options_)) return;
    agreement_ = handshake_->answer().agreement;
    const auto handshake = std::exchange(handshake_, nullptr);
    owner_.onAccepted(handshake->answer());
  } catch (...) {
    const Failure failure;
    handshake_.reset();
    closed_.reason = failure.getErrorMessage();
    input = {};
    transport().abortConnection();
    if (const auto promise = std::exchange(opening_, std::nullopt)) promise->errback(failure);
    return;
  }
  if (!gone()) opened();
}

// ---- reading ----

/// Nothing that comes now is of interest.
bool Session::gone() const {
  return gotClose_ || dropping_ || transport().disconnecting();
}

void Session::received(std::string_view data) {
  heard_ = true;
  if (gone()) return drop(data.size());
  if (busy_ || paused_ || midway_) {
    held_ += data;
    midway_ = true;
    return;
  }
  const std::string_view rest = read(data);
  if (!rest.empty()) held_.insert(0, rest);
}

/// Reads until nothing is left, or we are paused. @return what is left
std::string_view Session::read(std::string_view input) {
  struct Busy {
    explicit Busy(Session& now) : session(now) { session.busy_ = true; }
    ~Busy() {
      session.busy_ = false;
      session.left_ = 0;
    }
    Session& session;
  };
  const auto self = owner_.shared_from_this();
  const Busy whileHere(*this);
  try {
    while (!gone()) {
      if (paused_) {
        midway_ = true;
        if (reader_) reader_->rest();
        return input;
      }
      left_ = input.size();
      if (!reader_) {
        readAnswer(input);
        if (!reader_) return {};
        continue;
      }
      const MessageReader::Event event = reader_->next(input);
      left_ = input.size();
      if (event == MessageReader::Event::needMore) return {};
      take(event);
    }
  } catch (...) {
    // The transport logs it and closes; the peer is told that it is not its fault.
    if (reader_) reader_->rest();
    if (state_ == State::open && lacking_ == 0) sendClose(closeCode::internalError, {});
    throw;
  }
  if (reader_) reader_->rest();
  drop(input.size());
  return {};
}

void Session::pause() {
  if (!made_ || state_ == State::closed) return;
  paused_ = true;
  transport().pauseProducing();
}

void Session::resume() {
  if (!made_ || state_ == State::closed) return;
  paused_ = false;
  heard_ = true;  // time has passed in which we could not hear
  if (busy_) return transport().resumeProducing();
  const auto self = owner_.shared_from_this();
  try {
    while (midway_ && !paused_) {
      midway_ = false;
      const std::string input = std::exchange(held_, {});
      const std::string_view rest = read(input);
      if (!rest.empty()) held_.insert(0, rest);
    }
  } catch (...) {
    // There is no transport below us to do it.
    log().failure("while a message was treated", Failure());
    transport().loseConnection();
  }
  if (!paused_ && state_ != State::closed) transport().resumeProducing();
}

void Session::take(MessageReader::Event event) {
  using Event = MessageReader::Event;
  const bool wanted = state_ == State::open;  // after our close, messages are dropped
  switch (event) {
    case Event::messageBegin:
      collecting_ = delivered_ = false;
      message_.clear();
      if (wanted) owner_.onMessageBegin(reader_->isBinary());
      break;
    case Event::frameBegin:
      if (wanted && !collecting_) owner_.onMessageFrameBegin(reader_->frameLength());
      break;
    case Event::data:
      if (wanted) takeData();
      break;
    case Event::frameEnd:
      if (wanted && !collecting_) owner_.onMessageFrameEnd();
      break;
    case Event::messageEnd:
      if (wanted) takeMessageEnd();
      break;
    case Event::ping:
      owner_.onPing(reader_->data());
      break;
    case Event::pong:
      owner_.onPong(reader_->data());
      break;
    case Event::close:
      takeClose(reader_->close());
      break;
    case Event::refused:
      fail(reader_->violation().code, reader_->violation().sentence);
      break;
    case Event::needMore:
      break;
  }
}

void Session::takeData() {
  if (!collecting_) return owner_.onMessageFrameData(reader_->data());
  if (!reader_->isLast() || !message_.empty()) {
    message_ += reader_->data();
    return;
  }
  // It lies whole where it was read.
  delivered_ = true;
  owner_.onMessage(reader_->data(), reader_->isBinary());
}

void Session::takeMessageEnd() {
  if (!collecting_) return owner_.onMessageEnd();
  if (delivered_) return;
  const std::string message = std::exchange(message_, {});
  owner_.onMessage(message, reader_->isBinary());
}

void Session::takeClose(const ClosePayload& close) {
  gotClose_ = true;
  closed_ = {true, close.code, std::string(close.reason)};
  if (!sentClose_) {
    sentClose_ = true;
    writeControl(Opcode::close, makeClosePayload(close.code, {}));
  }
  state_ = State::closing;
  stopWaiting();
  if (role_ == Role::server) return transport().loseConnection();
  wait(Waiting::close, options_->closeTimeout);
}

// ---- the end ----

/// The peer broke a rule.
void Session::fail(std::uint16_t code, std::string_view sentence) {
  log().debug("the connection with " + transport().getPeer().toString() + " fails: " + std::string(sentence));
  closed_ = {false, code, std::string(sentence)};
  dropping_ = true;
  measure_ = 0;
  if (!std::exchange(sentClose_, true)) {
    if (lacking_ > 0) return transport().abortConnection();  // a close cannot stand inside of a frame
    writeControl(Opcode::close, makeClosePayload(code, sentence));
  }
  state_ = State::closing;
  transport().loseWriteConnection();
  wait(Waiting::close, options_->closeTimeout);
}

void Session::drop(std::size_t bytes) {
  if (!dropping_) return;
  measure_ += bytes;
  if (measure_ > mostDropped) transport().abortConnection();
}

void Session::abort(std::string_view why) {
  if (!gotClose_ && !dropping_) closed_ = {false, closeCode::abnormal, std::string(why)};
  transport().abortConnection();
}

void Session::lost(const Failure& reason) {
  stopWaiting();
  const bool opening = state_ == State::connecting;
  state_ = State::closed;
  held_ = message_ = behind_ = {};
  pong_.reset();
  if (reader_) reader_->rest();
  if (closed_.reason.empty() && !gotClose_ && !dropping_) closed_.reason = reason.getErrorMessage();
  if (const auto promise = std::exchange(opening_, std::nullopt)) {
    const bool ended = reason.check<ConnectionDone>() != nullptr;
    promise->errback(opening && ended ? Failure(HandshakeError("The server closed the connection in the handshake."))
                                      : reason);
  }
  const Closed closed = std::exchange(closed_, {});
  owner_.onClose(closed.wasClean, closed.code, closed.reason);
}

// ---- time ----

void Session::stopWaiting() noexcept {
  if (timer_.active()) timer_.cancel();
}

void Session::wait(Waiting what, Duration limit) {
  stopWaiting();
  if (limit <= Duration(0)) return;
  timer_ = clock_.callLater(limit, [this, what] { timedOut(what); });
}

/// Looks whether the peer is still there, from time to time.
void Session::watch() {
  heard_ = false;
  wait(Waiting::idle, options_->pingInterval);
}

void Session::timedOut(Waiting what) {
  const auto self = owner_.shared_from_this();
  const std::size_t buffered = transport().writeBufferSize();
  switch (what) {
    case Waiting::nothing:
      break;
    case Waiting::toOpen: {
      closed_.reason = "The server did not answer the handshake in time.";
      transport().abortConnection();
      if (const auto promise = std::exchange(opening_, std::nullopt))
        promise->errback(HandshakeError("The server did not answer the handshake in time."));
      break;
    }
    case Waiting::idle:
      if (heard_ || paused_ || lacking_ > 0) return watch();
      writeControl(Opcode::ping, {});
      measure_ = transport().writeBufferSize();
      wait(Waiting::pong, options_->pingTimeout);
      break;
    case Waiting::pong:
      if (heard_ || paused_) return watch();
      if (buffered < measure_) {  // the ping may not even have left: but something has
        measure_ = buffered;
        return wait(Waiting::pong, options_->pingTimeout);
      }
      abort("Nothing was heard of the peer, not even an answer to a ping.");
      break;
    case Waiting::close:
      abort("The peer did not answer our close in time.");
      break;
  }
}

}  // namespace bight::websocket::detail
