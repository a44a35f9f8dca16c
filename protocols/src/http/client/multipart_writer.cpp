#include <bight/http/multipart_writer.hpp>

#include <memory>
#include <stdexcept>
#include <utility>

#include <bight/http/syntax.hpp>

#include "../../tls/hash.hpp"

namespace bight::http {

namespace {

std::string quotedName(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c == '"') {
      out += "%22";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else {
      out += c;
    }
  }
  return out;
}

// The parts one after the other: texts as they are, streams piece by piece.
struct Sequence {
  std::vector<RequestBody> parts;
  std::size_t at = 0;
};

Deferred<std::string> nextOf(std::shared_ptr<Sequence> sequence) {
  while (sequence->at < sequence->parts.size()) {
    RequestBody& part = sequence->parts[sequence->at];
    if (!part.streamed()) {
      ++sequence->at;
      if (!part.bytes().empty()) co_return std::string(part.bytes());
      continue;
    }
    Deferred<std::string> next = part.next();
    std::string piece = co_await std::move(next);
    if (!piece.empty()) co_return piece;
    ++sequence->at;
  }
  co_return std::string();
}

}  // namespace

MultipartWriter::MultipartWriter(std::string boundary) : boundary_(std::move(boundary)) {
  if (boundary_.empty()) boundary_ = "bight-" + tls::detail::randomHex(16);
}

void MultipartWriter::begin(std::string_view name) {
  pending_ += "--" + boundary_ + "\r\nContent-Disposition: form-data; name=\"" + quotedName(name) + '"';
}

MultipartWriter& MultipartWriter::add(std::string_view name, std::string_view value) {
  begin(name);
  pending_.append("\r\n\r\n").append(value).append("\r\n");
  return *this;
}

MultipartWriter& MultipartWriter::addFile(FormFile file) {
  if (!isFieldValue(file.type) || file.type.empty())
    throw std::invalid_argument("bight::http::FormFile: this type cannot stand in a field");
  begin(file.field);
  pending_ += "; filename=\"" + quotedName(file.filename) + "\"\r\nContent-Type: " + file.type + "\r\n\r\n";
  if (file.content.streamed()) {
    text(std::exchange(pending_, {}));
    streamed_ = true;
    length_ = length_ && file.content.length() ? std::optional(*length_ + *file.content.length()) : std::nullopt;
    parts_.push_back(std::move(file.content));
  } else {
    pending_ += file.content.bytes();
  }
  pending_ += "\r\n";
  return *this;
}

void MultipartWriter::text(std::string_view text) {
  if (length_) *length_ += text.size();
  parts_.emplace_back(text);
}

std::string MultipartWriter::contentType() const {
  return "multipart/form-data; boundary=" + boundary_;
}

RequestBody MultipartWriter::body() {
  pending_ += "--" + boundary_ + "--\r\n";
  if (!streamed_) return RequestBody(std::exchange(pending_, {}));
  text(std::exchange(pending_, {}));
  auto sequence = std::make_shared<Sequence>();
  sequence->parts = std::exchange(parts_, {});
  return RequestBody::stream([sequence] { return nextOf(sequence); }, length_);
}

}  // namespace bight::http
