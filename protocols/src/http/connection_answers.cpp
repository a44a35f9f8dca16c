// A connection of a Site: from a whole request to its answer, at once, later, or as a stream.
#include "connection.hpp"

#include <algorithm>
#include <stdexcept>

#include <bight/connection_errors.hpp>
#include <bight/http/serializer.hpp>
#include <bight/log.hpp>

#include "locate.hpp"
#include "site_state.hpp"

namespace bight::http::detail {

namespace {

const Logger& log() {
  static const Logger logger("bight.http");
  return logger;
}

// A content up to this size is copied behind its head and goes out in one piece.
constexpr std::size_t joinedContent = 4096;
// If more than this waits for the client to read, the next request waits too.
constexpr std::size_t flushLimit = 128 * 1024;

bool mayHaveContent(int status) noexcept {
  return status >= 200 && status != 204 && status != 304;
}

// The user's own "Connection: close".
bool saysClose(const Headers& headers) {
  if (headers.empty()) return false;
  for (std::string_view value : headers.getAll("Connection")) {
    for (std::string_view option = nextListItem(value); !option.empty(); option = nextListItem(value)) {
      if (equalsIgnoringCase(option, "close")) return true;
    }
  }
  return false;
}

}  // namespace

// Without `found`, the resource is looked up.
void Connection::render(std::shared_ptr<Resource> found) {
  site_.deadlines().clear(*this);
  state_ = State::answering;
  answered_ = inRequest_ = forgotten_ = false;
  if (request_->method() == "CONNECT") return refuse(501, "This is no proxy: CONNECT is not known here.");
  rendering_ = true;
  try {
    if (request_->method() == "OPTIONS" && request_->path() == "*") {
      respond(Response::empty());  // asks whether the server is there (RFC 9110, 9.3.7)
    } else if (std::shared_ptr<Resource> resource = found ? std::move(found) : findResource()) {
      Answer answer = resource->render(*request_);
      takeAnswer(std::move(answer), std::move(resource));
    } else {
      respond(Response::error(404, "There is nothing at this address."));
    }
  } catch (...) {
    fail(Failure());
  }
  rendering_ = false;
  proceed();
}

// Walks down the tree of resources along the path. Null: there is none.
std::shared_ptr<Resource> Connection::findResource() {
  request_->below_ = 0;
  return RequestAccess::locate(site_.root().shared_from_this(), *request_);
}

void Connection::takeAnswer(Answer answer, std::shared_ptr<const void> from) {
  if (answer.kept_) {
    answer = std::move(answer).keeping(std::move(from));
    from = std::move(answer.kept_);
  }
  if (auto* response = std::get_if<Response>(&answer.what_)) {
    respond(*response);
  } else if (auto* later = std::get_if<Deferred<Response>>(&answer.what_)) {
    await(std::move(*later), std::move(from));
  } else if (auto* any = std::get_if<Deferred<Answer>>(&answer.what_)) {
    await(std::move(*any), std::move(from));
  } else if (auto* other = std::get_if<Upgrade>(&answer.what_)) {
    upgrade(std::move(*other));
  } else if (state_ == State::answering && !answered_) {
    throw std::logic_error("bight::http: a resource answered with the ResponseStream of another request");
  } else if (stream_) {
    stream_->resource = std::move(from);
  }
}

template <class T>
void Connection::await(Deferred<T> deferred, std::shared_ptr<const void> from) {
  awaiting_ = true;
  awaited_ = bight::detail::ChainReference(deferred.chain());
  // The chain keeps this object, so that an answer that comes when the connection is long gone finds somebody who drops it; and the
  // resource, though it may have been taken off the tree.
  std::move(deferred).addBoth([self = shared_from_this(), from = std::move(from)](Result<T> result) {
    static_cast<Connection&>(*self).deferredFired(std::move(result), from);
  });
}

template <class T>
void Connection::deferredFired(Result<T> result, [[maybe_unused]] const std::shared_ptr<const void>& from) noexcept {
  awaiting_ = false;
  awaited_ = {};
  if (state_ == State::gone) {
    if (!result) failedUnseen(result.failure());
    if (!rendering_) request_.reset();
    return;
  }
  try {
    if (!result) {
      fail(result.failure());
    } else if constexpr (std::is_same_v<T, Response>) {
      respond(*result);
    } else {
      takeAnswer(*std::move(result), from);
    }
  } catch (...) {
    fail(Failure());
  }
  proceed();
}

void Connection::failedUnseen(const Failure& failure) {
  if (!failure.check<CancelledError, ConnectionLost, IncompleteBody>())
    log().failure("a request failed after its client had gone", failure);
}

void Connection::fail(const Failure& failure) {
  const auto* status = failure.get<StatusError>();
  if (!status) {
    log().failure(request_
                      ? "while answering " + std::string(request_->method()) + ' ' + std::string(request_->target())
                      : "while answering a request that was forgotten",
                  failure);
  }
  if (state_ == State::streaming) {  // what was sent cannot be taken back; the missing end tells the client
    cutStream();
  } else if (state_ == State::answering && !answered_) {
    respond(status ? Response::error(status->status(), status->what())
                   : Response::error(500, "Something went wrong here. It has been noted."));
  }
}

// The fields that were put at the request.
const Headers* Connection::moreHeaders() const noexcept {
  return request_ && request_->extras_ ? &request_->extras_->responseHeaders : nullptr;
}

void Connection::respond(const Response& response) {
  if (state_ != State::answering || answered_) return;  // a stream was the answer
  if (response.status < 200)
    throw std::logic_error("bight::http: a response's status is at least 200, not " + std::to_string(response.status));
  const bool closes = close_ || mustContinue_ || saysClose(response.headers);
  const bool content = mayHaveContent(response.status);
  ResponseHead head;
  head.status = response.status;
  head.date = site_.date();
  head.contentType = response.type.text();
  head.headers = &response.headers;
  head.more = moreHeaders();
  if (content) head.contentLength = response.body.size();
  head.close = closes;
  head.keepAlive = isOld_;
  std::string& out = site_.scratch();
  appendResponseHead(out, head);  // may throw: nothing has been sent then
  close_ = closes;
  if (!content || isHead_) {
    transport().write(out);
  } else if (response.body.size() <= joinedContent) {
    out += response.body;
    transport().write(out);
  } else {
    transport().writeSequence({out, response.body});
  }
  answered();
}

// The answer to something that is no request.
void Connection::refuse(int status, std::string_view sentence) {
  const Response response = Response::error(status, sentence);
  std::string& out = site_.scratch();
  appendResponseHead(out, {.status = status,
                           .date = site_.date(),
                           .contentType = response.type.text(),
                           .contentLength = response.body.size(),
                           .close = true});
  if (!request_ || !isHead_) out += response.body;
  transport().write(out);
  request_.reset();
  linger();
}

void Connection::forgetRequest() noexcept {
  if (receiving_ || request_->extras_) return;  // the rest of the exchange needs it
  forgotten_ = true;
  if (!rendering_) request_.reset();
}

void Connection::answered() {
  answered_ = true;
  proceed();
}

// On to the next request, once the present one is answered and nobody holds on to it any more.
void Connection::proceed() {
  if (rendering_ || state_ == State::reading || state_ == State::skipping || state_ == State::flushing) return;
  if (forgotten_) request_.reset();
  if (awaiting_ || !answered_) return;
  if (state_ == State::gone) return request_.reset();
  if (receiving_) return skipContent();
  request_.reset();
  if (state_ == State::upgrading) {
    if (!reading_) switchOver();  // else it is done when read() has returned, and what is left of its input was kept
    return;
  }
  goOn();
}

// On to the next request.
void Connection::goOn() {
  if (close_) return paused_ || lingers_ ? linger() : lose();
  if (const std::size_t buffered = transport().writeBufferSize(); buffered > flushLimit) {
    state_ = State::flushing;
    measure_ = static_cast<std::uint32_t>(std::min<std::size_t>(buffered, UINT32_MAX));
    site_.deadlines().set(*this, site_.after(site_.options().sendTimeout));
    transport().drained().addBoth([self = shared_from_this(), this](Result<void>) {
      if (state_ != State::flushing) return;
      state_ = State::reading;
      site_.deadlines().set(*this, site_.after(site_.options().idleTimeout));
      readOnSoon();
    });
    return;
  }
  state_ = State::reading;
  if (reading_) return;
  site_.deadlines().set(*this, site_.after(site_.options().idleTimeout));
  if (input_ || paused_) readOnSoon();
}

// The request is answered, but not all of its content has come: what is little is skipped.
void Connection::skipContent() {
  const Ref<BodyPipe> pipe = request_->pipe_;
  request_.reset();
  state_ = State::skipping;
  pipe->fail(Failure(IncompleteBody(pipe->received(), pipe->length(), "the request was answered")));
  if (state_ != State::skipping) return;  // whoever read it has closed the connection
  if (close_ || mustContinue_) {
    receiving_ = contentPaused_ = false;
    return linger();
  }
  site_.deadlines().set(*this, site_.after(site_.options().bodyTimeout));
  contentPaused_ = false;
  if (paused_ && !soon_) readOnSoon();
}

// --- streams ---

std::shared_ptr<StreamState> Connection::openStream(const Request& request, const Response& response,
                                                    std::optional<std::uint64_t> length) {
  if (request_.get() != &request || state_ != State::answering || answered_) {
    throw std::logic_error("bight::http::ResponseStream: the request is answered already, or its client has gone");
  }
  if (!mayHaveContent(response.status)) {
    throw std::logic_error("bight::http::ResponseStream: a response with the status " +
                           std::to_string(response.status) + " has no content to stream");
  }
  const bool chunked = !isOld_ && !length;
  const bool closes =
      close_ || (isOld_ && !length) || (mustContinue_ && !request.readerTaken_) || saysClose(response.headers);
  std::string& out = site_.scratch();
  appendResponseHead(out, {.status = response.status,
                           .date = site_.date(),
                           .contentType = response.type.text(),
                           .headers = &response.headers,
                           .more = moreHeaders(),
                           .contentLength = length,
                           .chunked = chunked,
                           .close = closes,
                           .keepAlive = isOld_});
  auto stream = std::make_shared<StreamState>(*this, chunked, !isHead_);
  stream->left = length;
  close_ = closes;
  state_ = State::streaming;
  stream_ = stream.get();
  transport().write(out);
  streamWrite(*stream, response.body);
  return stream;
}

bool Connection::streamWrite(StreamState& stream, std::string_view piece) {
  if (stream.broken) return false;
  if (stream.left) {
    if (piece.size() > *stream.left) {
      throw std::logic_error("bight::http::ResponseStream: this would be more than the " +
                             std::to_string(*stream.left) + " bytes that are left of the announced length");
    }
    *stream.left -= piece.size();
  }
  if (piece.empty() || !stream.content) return true;
  if (!stream.chunked) {
    transport().write(piece);
  } else {
    std::string& out = site_.scratch();
    if (piece.size() <= joinedContent) {
      appendChunk(out, piece);
      transport().write(out);
    } else {
      appendChunkSize(out, piece.size());
      transport().writeSequence({out, piece, "\r\n"});
    }
  }
  if (transport().writeBufferSize() > site_.options().streamBuffer) {
    stream.broken = true;  // its end is told by connectionLost, not from inside write()
    transport().abortConnection();
    return false;
  }
  return true;
}

void Connection::streamFinish() {
  const std::shared_ptr<Protocol> self = shared_from_this();
  if (stream_->content && stream_->left.value_or(0) > 0) return cutStream();  // the client shall not take it for all
  StreamState& stream = *std::exchange(stream_, nullptr);
  if (stream.chunked && stream.content && !stream.broken) transport().write("0\r\n\r\n");
  state_ = State::answering;
  answered_ = true;
  stream.over(true);
  proceed();
}

// The last handle has gone without finish(): the client must not take what it got for the whole.
void Connection::streamDropped() noexcept {
  stream_ = nullptr;  // it is being destroyed
  cutStream();
}

void Connection::cutStream() noexcept {
  answered_ = true;
  leave();
  transport().loseConnection();
}

}  // namespace bight::http::detail
