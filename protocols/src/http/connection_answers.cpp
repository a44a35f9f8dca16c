// A connection of a Site: from a whole request to its answer, at once, later, or as a stream.
#include "connection.hpp"

#include <algorithm>
#include <stdexcept>

#include <bight/connection_errors.hpp>
#include <bight/http/file_content.hpp>
#include <bight/http/serializer.hpp>
#include <bight/log.hpp>

#include "answering.hpp"
#include "gzip_encoder.hpp"
#include "locate.hpp"
#include "site_state.hpp"

namespace bight::http::detail {

namespace {

const Logger& log() {
  static const Logger logger("bight.http");
  return logger;
}

// If more than this waits for the client to read, the next request waits too.
constexpr std::size_t flushLimit = 128 * 1024;

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
  return RequestAccess::locate(site_.root(), *request_);
}

void Connection::takeAnswer(Answer&& answer, std::shared_ptr<const void> from) {
  if (auto* response = std::get_if<Response>(&answer.what_)) return respond(*response);
  if (answer.kept_) {
    Answer&& keeper = std::move(answer).keeping(std::move(from));
    from = std::move(keeper.kept_);
    return takeAnswer(std::move(keeper), std::move(from));
  }
  if (auto* later = std::get_if<Deferred<Response>>(&answer.what_)) {
    await(std::move(*later), std::move(from));
  } else if (auto* any = std::get_if<Deferred<Answer>>(&answer.what_)) {
    await(std::move(*any), std::move(from));
  } else if (auto* other = std::get_if<Upgrade>(&answer.what_)) {
    upgrade(std::move(*other));
  } else if (auto* file = std::get_if<std::shared_ptr<FileContent>>(&answer.what_)) {
    sendContent(std::move(*file));
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

// Whether a Compressed resource, and the response, ask for it.
bool Connection::shallCompress(const Response& response) const noexcept {
  const RequestExtras& extras = *request_->extras_;
  if (extras.gzipLevel == 0 || response.status < 200 || response.status == 206 || !mayHaveContent(response.status) ||
      response.headers.contains("Content-Encoding") || response.headers.contains("Content-Range"))
    return false;
  const std::string_view cache = response.headers.get("Cache-Control").value_or("");
  if (cache.find("no-transform") != std::string_view::npos) return false;
  if (state_ == State::answering && response.body.size() < extras.gzipFrom) return false;
  return isCompressible(response.headers.get("Content-Type").value_or(response.type.text()));
}

// Says in its fields that a content is compressed.
void Connection::markCompressed(Headers& headers) {
  headers.set("Content-Encoding", "gzip");
  const std::optional<std::string_view> tag = headers.get("ETag");
  if (tag && !tag->starts_with("W/")) headers.set("ETag", "W/" + std::string(*tag));
}

Response Connection::compressedResponse(const Response& response) {
  RequestExtras& extras = *request_->extras_;
  Response smaller{response.status, response.type, response.headers, gzip(response.body, extras.gzipLevel)};
  extras.gzipLevel = 0;
  markCompressed(smaller.headers);
  return smaller;
}

void Connection::respond(const Response& response) {
  if (state_ != State::answering || answered_) return;  // a stream was the answer
  if (response.status < 200)
    throw std::logic_error("bight::http: a response's status is at least 200, not " + std::to_string(response.status));
  if (request_ && request_->extras_ && shallCompress(response)) return respond(compressedResponse(response));
  const bool closes = mustClose() || saysClose(response.headers);
  const bool content = mayHaveContent(response.status);
  ResponseHead head;
  head.status = response.status;
  head.date = site_.date();
  head.contentType = response.type.text();
  head.headers = &response.headers;
  head.more = moreHeaders();
  if (content) head.contentLength = response.body.size();
  if (response.status == 205) head.contentLength = 0;
  head.close = closes;
  head.keepAlive = isOld_;
  std::string& out = site_.scratch();
  appendResponseHead(out, head);  // may throw: nothing has been sent then
  close_ = closes;
  noteAnswer(response.status, content && !isHead_ ? response.body.size() : 0);
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
  if (!isHead_) out += response.body;
  transport().write(out);
  if (site_.logs()) {
    noteAnswer(status, response.body.size());
    logAccess(status, response.body.size());
  }
  request_.reset();
  linger();
}

// --- the access log ---

void Connection::noteAnswer(int status, std::uint64_t bytes) noexcept {
  if (!request_ || !request_->extras_) return;
  request_->extras_->status = status;
  request_->extras_->sent += bytes;
}

// Of the present request; of bytes that are none: status and size of what they were answered.
void Connection::logAccess(int status, std::uint64_t bytes) {
  AccessEntry entry;
  entry.time = std::chrono::system_clock::now();
  std::string client;
  entry.status = status;
  entry.bytes = bytes;
  if (request_ && request_->extras_) {
    const RequestExtras& extras = *request_->extras_;
    entry.client = extras.client;
    entry.user = extras.user;
    entry.method = request_->method();
    entry.target = request_->target();
    entry.minorVersion = request_->minorVersion();
    entry.host = request_->host();
    entry.referer = request_->header("Referer").value_or("");
    entry.userAgent = request_->header("User-Agent").value_or("");
    entry.status = extras.status;
    entry.bytes = extras.sent;
    entry.took = site_.clock().seconds() - extras.begun;
  } else {
    client = transport().getPeer().host();
    entry.client = client;
  }
  site_.log(entry);
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
  if (site_.logs() && request_) logAccess();
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
  if (mustClose()) return paused_ || lingers_ ? linger() : lose();
  if (const std::size_t buffered = transport().writeBufferSize(); buffered > flushLimit) {
    state_ = State::flushing;
    measure_ = static_cast<std::uint32_t>(std::min<std::size_t>(buffered, UINT32_MAX));
    site_.deadlines().set(*this, site_.after(site_.options().sendTimeout));
    transport().drained().addBoth([self = shared_from_this(), this](Result<void>) {
      if (state_ != State::flushing) return;
      goOn();
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
  if (mustClose()) {
    receiving_ = contentPaused_ = false;
    return linger();
  }
  site_.deadlines().set(*this, site_.after(site_.options().bodyTimeout));
  contentPaused_ = false;
  if (paused_ && !soon_) readOnSoon();
}

}  // namespace bight::http::detail
