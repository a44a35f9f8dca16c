// A connection of a Site: answers that come piece by piece, from a ResponseStream or from a file.
#include "connection.hpp"

#include <algorithm>
#include <stdexcept>

#include <bight/file_stream.hpp>
#include <bight/http/file_content.hpp>
#include <bight/http/serializer.hpp>
#include <bight/log.hpp>

#include "answering.hpp"
#include "request_extras.hpp"
#include "site_state.hpp"

namespace bight::http::detail {

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
  const bool closes = close_ || site_.draining() || (isOld_ && !length) || (mustContinue_ && !request.readerTaken_) ||
                      saysClose(response.headers);
  std::unique_ptr<GzipEncoder> encoder;
  Headers headers;
  const Headers* fields = &response.headers;
  state_ = State::streaming;  // a short first piece is no reason not to compress
  if (!length && request.extras_ && shallCompress(response)) {
    encoder = std::make_unique<GzipEncoder>(request.extras_->gzipLevel);
    headers = response.headers;
    markCompressed(headers);
    fields = &headers;
  }
  state_ = State::answering;
  std::string& out = site_.scratch();
  appendResponseHead(out, {.status = response.status,
                           .date = site_.date(),
                           .contentType = response.type.text(),
                           .headers = fields,
                           .more = moreHeaders(),
                           .contentLength = length,
                           .chunked = chunked,
                           .close = closes,
                           .keepAlive = isOld_});
  auto stream = std::make_shared<StreamState>(*this, chunked, !isHead_);
  stream->left = length;
  stream->encoder = std::move(encoder);
  close_ = closes;
  noteAnswer(response.status, 0);
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
  if (stream.encoder) {
    std::string smaller;
    stream.encoder->write(piece, smaller);
    writeContent(stream, smaller);
  } else {
    writeContent(stream, piece);
  }
  if (transport().writeBufferSize() > site_.options().streamBuffer) {
    stream.broken = true;  // its end is told by connectionLost, not from inside write()
    transport().abortConnection();
    return false;
  }
  return true;
}

void Connection::writeContent(const StreamState& stream, std::string_view piece) {
  if (request_ && request_->extras_) request_->extras_->sent += piece.size();
  if (!stream.chunked) return transport().write(piece);
  std::string& out = site_.scratch();
  if (piece.size() <= joinedContent) {
    appendChunk(out, piece);
    transport().write(out);
  } else {
    appendChunkSize(out, piece.size());
    transport().writeSequence({out, piece, "\r\n"});
  }
}

void Connection::streamFinish() {
  const std::shared_ptr<Protocol> self = shared_from_this();
  if (stream_->content && stream_->left.value_or(0) > 0) return cutStream();  // the client shall not take it for all
  StreamState& stream = *std::exchange(stream_, nullptr);
  if (stream.content && !stream.broken) {
    if (stream.encoder) {
      std::string end;
      stream.encoder->finish(end);
      writeContent(stream, end);
    }
    if (stream.chunked) transport().write("0\r\n\r\n");
  }
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
  if (site_.logs() && request_ && !answered_) logAccess();
  answered_ = true;
  leave();
  transport().loseConnection();
}

// --- files ---

namespace {
constexpr std::uint64_t slice = 256 * 1024;  // of a file: so much has to go out within SiteOptions::sendTimeout
}

void Connection::sendContent(std::shared_ptr<FileContent> content) {
  if (state_ != State::answering || answered_) return;
  if (!mayHaveContent(content->head.status)) {
    throw std::logic_error("bight::http::FileContent: a response with the status " +
                           std::to_string(content->head.status) + " has no content");
  }
  std::uint64_t length = content->after.size();
  for (const FileContent::Part& part : content->parts) length += part.before.size() + part.length;
  const bool closes = mustClose() || saysClose(content->head.headers);
  std::string& out = site_.scratch();
  appendResponseHead(out, {.status = content->head.status,
                           .date = site_.date(),
                           .contentType = content->head.type.text(),
                           .headers = &content->head.headers,
                           .more = moreHeaders(),
                           .contentLength = length,
                           .close = closes,
                           .keepAlive = isOld_});
  close_ = closes;
  noteAnswer(content->head.status, isHead_ ? 0 : length);
  transport().write(out);
  if (isHead_) return answered();
  state_ = State::sending;
  sendParts(std::move(content)).addBoth([self = shared_from_this()](const Result<void>& result) {
    static_cast<Connection&>(*self).partsSent(result);
  });
}

Deferred<void> Connection::sendParts(std::shared_ptr<FileContent> content) {
  const std::shared_ptr<Protocol> self = shared_from_this();
  for (const FileContent::Part& part : content->parts) {
    transport().write(part.before);
    for (std::uint64_t at = 0; at < part.length;) {
      SendFileOptions options;
      options.offset = part.offset + at;
      options.length = std::min(slice, part.length - at);
      site_.deadlines().set(*this, site_.after(site_.options().sendTimeout));
      const std::uint64_t sent = co_await sendFile(content->file, transport(), options);
      if (state_ != State::sending) co_return;
      if (sent < options.length) throw std::runtime_error("\"" + content->file.path() + "\" has become shorter");
      at += sent;
    }
  }
  transport().write(content->after);
}

void Connection::partsSent(const Result<void>& result) {
  if (state_ != State::sending) return;
  site_.deadlines().clear(*this);
  state_ = State::answering;
  if (result) return answered();
  if (!result.failure().check<FileTransferStopped>())
    Logger("bight.http").failure("while sending a file", result.failure());
  cutStream();
}

}  // namespace bight::http::detail
