// A connection of a Site: what comes in, and how it ends. Answers are in connection_answers.cpp.
#include "connection.hpp"

#include <algorithm>

#include "site_state.hpp"

namespace bight::http::detail {

namespace {

constexpr std::size_t unreadLimit = 16 * 1024;      // so much may be read ahead while an answer is awaited
constexpr std::uint32_t lingerLimit = 1024 * 1024;  // so much more is read and dropped after a refusal
constexpr auto lingerTime = std::chrono::seconds(5);
constexpr std::size_t reservedContent = 64 * 1024;  // an announced length is believed up to this

std::uint32_t earlier(std::uint32_t a, std::uint32_t b) noexcept {
  return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

}  // namespace

Connection::Connection(SiteState& site) noexcept : site_(site) {}
Connection::~Connection() = default;

// --- input ---

void Connection::connectionMade() {
  site_.deadlines().set(*this, site_.after(site_.options().idleTimeout));
}

void Connection::dataReceived(std::string_view data) {
  switch (state_) {
    case State::reading:
      if (soon_) {
        keep(data);
      } else {
        std::unique_ptr<Input> input = input_ ? std::move(input_) : site_.takeInput();
        const std::size_t used = read(input->parser, data);
        putBack(std::move(input));
        if (used < data.size()) keep(data.substr(used));
        if (state_ == State::upgrading) switchOver();
      }
      break;
    case State::answering:
    case State::streaming:
    case State::flushing:
    case State::upgrading:
      keep(data);
      break;
    case State::lingering:
      measure_ += static_cast<std::uint32_t>(data.size());
      if (measure_ > lingerLimit) transport().abortConnection();
      break;
    case State::gone:
      break;
  }
}

// Reads requests and answers them, until one waits for its answer or the data is used up; says how much was used.
std::size_t Connection::read(RequestParser& parser, std::string_view data) {
  const std::size_t size = data.size();
  reading_ = true;
  for (bool more = true; more && state_ == State::reading;) {
    switch (parser.next(data)) {
      case RequestParser::Event::head:
        beginRequest(parser.head(), !data.empty());
        break;
      case RequestParser::Event::body:
        request_->body_ += parser.body();
        break;
      case RequestParser::Event::end:
        render();
        break;
      case RequestParser::Event::refused:
        refuse(parser.refusal().status, parser.refusal().sentence);
        break;
      case RequestParser::Event::needMore:
      case RequestParser::Event::closed:
        waitForMore(parser);
        more = false;
        break;
    }
  }
  reading_ = false;
  return size - data.size();
}

void Connection::waitForMore(const RequestParser& parser) {
  const SiteOptions& options = site_.options();
  std::uint32_t deadline;
  if (parser.idle()) {
    inRequest_ = false;
    deadline = site_.after(options.idleTimeout);
  } else {
    if (!inRequest_) {
      inRequest_ = true;
      measure_ = site_.after(options.requestTimeout);
    } else if (!request_) {
      return;  // the time for the head is running
    }
    deadline = earlier(site_.after(request_ ? options.bodyTimeout : options.headTimeout), measure_);
  }
  site_.deadlines().set(*this, deadline);
}

void Connection::beginRequest(const RequestHead& head, bool moreIsThere) {
  request_ = Request::make(head);
  request_->connection_ = this;
  isHead_ = head.method == "HEAD";
  isOld_ = head.minorVersion == 0;
  close_ = !head.keepAlive;
  if (head.contentLength) {
    request_->body_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*head.contentLength, reservedContent)));
  }
  const bool expectsContent = head.chunked || head.contentLength.value_or(0) > 0;
  if (head.expectContinue && expectsContent && !moreIsThere) transport().write("HTTP/1.1 100 Continue\r\n\r\n");
}

// Keeps the input for as long as there is something in it.
void Connection::putBack(std::unique_ptr<Input> input) {
  const bool needed = state_ == State::reading
                          ? !input->parser.idle() || !input->unread().empty()
                          : state_ != State::lingering && state_ != State::gone && !input->unread().empty();
  if (needed) {
    input_ = std::move(input);
  } else {
    site_.giveInput(std::move(input));
  }
}

// Bytes that came too early: before the present request is answered.
void Connection::keep(std::string_view data) {
  if (state_ == State::lingering || state_ == State::gone) return;
  if (!input_) input_ = site_.takeInput();
  if (input_->used > input_->bytes.size() / 2) {
    input_->bytes.erase(0, input_->used);
    input_->used = 0;
  }
  input_->bytes += data;
  if (input_->unread().size() > unreadLimit && !paused_) {
    paused_ = true;
    transport().pauseProducing();
  }
}

// Goes on with what was kept.
void Connection::readOn() {
  soon_ = false;
  if (state_ != State::reading) return;
  if (std::unique_ptr<Input> input = std::move(input_)) {
    input->used += read(input->parser, input->unread());
    putBack(std::move(input));
    if (state_ == State::upgrading) return switchOver();
  }
  if (paused_ && state_ != State::gone && (!input_ || input_->unread().size() <= unreadLimit / 2)) {
    paused_ = false;
    transport().resumeProducing();
  }
}

// Not at once: whoever gave the answer may be in the middle of giving many, and each could lead to the next.
void Connection::readOnSoon() {
  soon_ = true;
  site_.clock().callLater(Duration(0), [self = shared_from_this(), this] {
    if (state_ != State::gone) readOn();
  });
}

// --- ends ---

// From now on nobody waits for an answer here.
void Connection::leave() noexcept {
  state_ = State::gone;
  if (StreamState* stream = std::exchange(stream_, nullptr)) stream->over(false);
  if (bight::detail::Chain* awaited = awaited_.get()) {
    const bight::detail::ChainReference kept = std::move(awaited_);
    awaited->cancel();
  }
  if (!awaiting_ && !rendering_) request_.reset();
}

void Connection::lose() {
  state_ = State::gone;
  transport().loseConnection();
}

// Ends our half and reads on for a while without looking: to close now, with input unread, would make the system reset
// the connection, and what was just written could be lost before the client reads it.
void Connection::linger() {
  state_ = State::lingering;
  measure_ = 0;
  transport().loseWriteConnection();
  if (paused_) {
    paused_ = false;
    transport().resumeProducing();
  }
  site_.deadlines().set(*this, site_.after(lingerTime));
}

void Connection::timedOut() {
  switch (state_) {
    case State::reading:
      if (inRequest_) {
        refuse(408, "The request did not arrive in time.");
        site_.giveInput(std::move(input_));
      } else {
        lose();
      }
      break;
    case State::flushing: {
      const auto buffered =
          static_cast<std::uint32_t>(std::min<std::size_t>(transport().writeBufferSize(), UINT32_MAX));
      if (buffered >= measure_) {
        transport().abortConnection();
      } else {
        measure_ = buffered;
        site_.deadlines().set(*this, site_.after(site_.options().sendTimeout));
      }
      break;
    }
    case State::lingering:
      transport().abortConnection();
      break;
    case State::answering:
    case State::streaming:
    case State::upgrading:
    case State::gone:
      break;
  }
}

// The client has ended its half. Whoever does that while an answer is awaited counts as gone.
void Connection::readConnectionLost() {
  leave();
  transport().loseConnection();
}

void Connection::connectionLost(const Failure&) {
  site_.deadlines().remove(*this);
  leave();
  site_.giveInput(std::move(input_));
}

}  // namespace bight::http::detail
