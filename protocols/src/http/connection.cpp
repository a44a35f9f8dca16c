// A connection of a Site: what comes in, and how it ends. Answers are in connection_answers.cpp.
#include "connection.hpp"

#include <algorithm>

#include "locate.hpp"
#include "site_state.hpp"

namespace bight::http::detail {

namespace {

constexpr std::size_t unreadLimit = 16 * 1024;      // so much may be read ahead while an answer is awaited
constexpr std::uint32_t lingerLimit = 1024 * 1024;  // so much more is read and dropped after a refusal
constexpr auto lingerTime = std::chrono::seconds(5);
constexpr std::size_t reservedContent = 64 * 1024;  // an announced length is believed up to this
constexpr std::size_t skipLimit = 256 * 1024;       // so much of a content is read though nobody wants it
constexpr std::uint64_t noLimit = UINT64_MAX;
constexpr std::size_t leastProgress = 1024;  // so much of a streamed content must come in the time for a piece

std::uint32_t earlier(std::uint32_t a, std::uint32_t b) noexcept {
  return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

}  // namespace

Connection::Connection(SiteState& site) noexcept : site_(site) {}
Connection::~Connection() = default;

// --- input ---

void Connection::connectionMade() {
  if (!site_.came()) return refuse(503, "There are too many connections here; try again later.");
  site_.deadlines().set(*this, site_.after(site_.options().idleTimeout));
}

void Connection::dataReceived(std::string_view data) {
  if ((state_ == State::reading || receiving_) && !soon_) {
    std::unique_ptr<Input> input = input_ ? std::move(input_) : site_.takeInput();
    const std::size_t used = read(*input, data);
    putBack(std::move(input));
    if (used < data.size()) keep(data.substr(used));
    if (state_ == State::upgrading) switchOver();
    return;
  }
  switch (state_) {
    case State::reading:
    case State::skipping:
    case State::answering:
    case State::streaming:
    case State::sending:
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
std::size_t Connection::read(Input& input, std::string_view data) {
  RequestParser& parser = input.parser;
  const std::size_t size = data.size();
  reading_ = true;
  for (bool more = true; more && (state_ == State::reading || receiving_);) {
    switch (parser.next(data)) {
      case RequestParser::Event::head:
        beginRequest(input, !data.empty());
        break;
      case RequestParser::Event::body:
        if (receiving_) {
          takeContent(input, parser.body());
        } else {
          request_->body_ += parser.body();
        }
        break;
      case RequestParser::Event::end:
        if (receiving_) {
          endContent(input);
        } else {
          parser.limitBody(noLimit);
          render();
        }
        break;
      case RequestParser::Event::refused:
        if (receiving_) {
          failContent(input, Failure(StatusError(parser.refusal().status, parser.refusal().sentence)));
        } else {
          isHead_ = parser.headAsked();
          refuse(parser.refusal().status, parser.refusal().sentence);
        }
        break;
      case RequestParser::Event::needMore:
      case RequestParser::Event::closed:
        waitForMore(input);
        more = false;
        break;
    }
  }
  reading_ = false;
  return size - data.size();
}

void Connection::waitForMore(Input& input) {
  const RequestParser& parser = input.parser;
  const SiteOptions& options = site_.options();
  if (receiving_) {
    // Each piece of the content has its time; but who sends a byte at a time gains nothing by it.
    if (input.progress < leastProgress || contentPaused_ || mustContinue_) return;
    input.progress = 0;
    return site_.deadlines().set(*this, site_.after(options.bodyTimeout));
  }
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

void Connection::beginRequest(Input& input, bool moreIsThere) {
  const RequestHead& head = input.parser.head();
  request_ = Request::make(head);
  request_->connection_ = this;
  if (site_.logs()) {
    RequestExtras& extras = RequestAccess::extras(*request_);
    extras.begun = site_.clock().seconds();
    extras.client = transport().getPeer().host();
  }
  answered_ = false;
  isHead_ = head.method == "HEAD";
  isOld_ = head.minorVersion == 0;
  close_ = !head.keepAlive;
  if ((!head.chunked && head.contentLength.value_or(0) == 0) || head.method == "CONNECT") return;

  std::shared_ptr<Resource> resource;
  std::uint64_t streamed = 0;
  try {
    resource = findResource();
    if (resource) streamed = resource->streamedBody(*request_);
  } catch (...) {
    streamed = 0;  // it happens again when the request is there, and is answered then
  }
  const std::uint64_t limit = streamed ? streamed : site_.options().limits.body;
  input.parser.limitBody(limit);
  if (head.contentLength && *head.contentLength > limit) return refuse(413, "The content is too large.");
  const bool mustContinue = head.expectContinue && !moreIsThere;
  if (!streamed) {
    if (head.contentLength) {
      request_->body_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*head.contentLength, reservedContent)));
    }
    if (mustContinue) transport().write("HTTP/1.1 100 Continue\r\n\r\n");
    return;
  }
  input.owner = this;
  input.pipe = makeRef<BodyPipe>(&input, head.contentLength);
  input.skipped = 0;
  input.progress = leastProgress;
  request_->pipe_ = input.pipe;
  receiving_ = true;
  contentPaused_ = false;
  mustContinue_ = mustContinue;
  render(std::move(resource));
}

// --- contents that are read as they arrive ---

void Connection::contentWanted() {
  if (!mustContinue_ || state_ != State::answering || answered_) return;
  mustContinue_ = false;
  transport().write("HTTP/1.1 100 Continue\r\n\r\n");
  if (receiving_) site_.deadlines().set(*this, site_.after(site_.options().bodyTimeout));
}

void Connection::takeContent(Input& input, std::string_view piece) {
  mustContinue_ = false;  // it did not wait
  input.progress += piece.size();
  if (state_ != State::skipping && input.pipe->wanted()) return input.pipe->push(piece);
  input.skipped += piece.size();
  if (input.skipped <= skipLimit) return;
  close_ = lingers_ = true;
  if (state_ == State::skipping) {
    receiving_ = false;
    linger();
  } else {
    pauseContent();  // until it is answered
  }
}

void Connection::endContent(Input& input) {
  receiving_ = contentPaused_ = false;
  site_.deadlines().clear(*this);
  const Ref<BodyPipe> pipe = std::exchange(input.pipe, nullptr);
  input.parser.limitBody(noLimit);
  if (paused_ && !soon_) readOnSoon();
  if (state_ == State::skipping) {
    goOn();
  } else {
    pipe->end();
  }
}

// The content is not what it should be, or does not come. Who reads it decides about the answer; it is the last.
void Connection::failContent(Input& input, Failure failure) {
  receiving_ = contentPaused_ = false;
  close_ = lingers_ = true;
  site_.deadlines().clear(*this);
  const Ref<BodyPipe> pipe = std::exchange(input.pipe, nullptr);
  if (state_ == State::skipping) {
    linger();
  } else {
    pipe->fail(std::move(failure));
  }
}

void Connection::pauseContent() {
  contentPaused_ = true;
  site_.deadlines().clear(*this);
  if (paused_) return;
  paused_ = true;
  transport().pauseProducing();
}

void Connection::resumeContent() {
  if (!contentPaused_ || state_ == State::gone || state_ == State::lingering) return;
  contentPaused_ = false;
  if (receiving_) site_.deadlines().set(*this, site_.after(site_.options().bodyTimeout));
  if (!soon_) readOnSoon();
}

void Input::pauseBody() {
  owner->pauseContent();
}
void Input::resumeBody() {
  owner->resumeContent();
}
void Input::bodyDropped() {
  owner->resumeContent();  // what comes is skipped
}

// Keeps the input for as long as there is something in it.
void Connection::putBack(std::unique_ptr<Input> input) {
  const bool needed = state_ == State::reading ? !input->parser.idle() || !input->unread().empty()
                                               : state_ != State::lingering && state_ != State::gone &&
                                                     (receiving_ || !input->unread().empty());
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
  if (input_ && (state_ == State::reading || receiving_)) {
    std::unique_ptr<Input> input = std::move(input_);
    if (!input->unread().empty()) input->used += read(*input, input->unread());
    putBack(std::move(input));
    if (state_ == State::upgrading) return switchOver();
  }
  if (paused_ && !contentPaused_ && state_ != State::gone && state_ != State::lingering &&
      (!input_ || input_->unread().size() <= unreadLimit / 2)) {
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
  if (site_.logs() && request_ && !answered_ && state_ != State::gone && !inRequest_) logAccess();
  state_ = State::gone;
  if (receiving_ && request_ && request_->pipe_) {
    receiving_ = false;
    const Ref<BodyPipe> pipe = request_->pipe_;
    pipe->fail(Failure(IncompleteBody(pipe->received(), pipe->length(), "the client went away")));
  }
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
        isHead_ = input_ && input_->parser.headAsked();
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
    case State::sending:
      transport().abortConnection();
      break;
    case State::skipping:
      receiving_ = false;
      linger();
      site_.giveInput(std::move(input_));
      break;
    case State::answering:
    case State::streaming:
      if (receiving_ && input_) failContent(*input_, Failure(StatusError(408, "The content did not arrive in time.")));
      break;
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
  site_.went();
}

bool Connection::mustClose() const noexcept {
  return close_ || mustContinue_ || site_.draining();
}

void Connection::drain() {
  if (state_ == State::reading && !inRequest_ && !input_ && !soon_) lose();
}

}  // namespace bight::http::detail
