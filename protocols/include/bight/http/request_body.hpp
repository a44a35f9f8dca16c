/// @file
/// `RequestBody`: what a client sends, as a text or as a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>

namespace bight::http {

/// The content of a request. Copies share it.
///
///     http::post(reactor, url, {.data = "some text"});
///     auto next = [file] { return file->read(65536); };
///     http::put(reactor, url, {.data = http::RequestBody::stream(next, size)});
class BIGHT_API RequestBody {
 public:
  /// Gives the next piece each time it is called; an empty one is the end. It is called when there is room for more.
  using Next = Function<Deferred<std::string>()>;

  /// No content.
  RequestBody() = default;
  RequestBody(std::string bytes)  // NOLINT(google-explicit-constructor): a text is a content
      : bytes_(std::make_shared<const std::string>(std::move(bytes))), length_(bytes_->size()) {}
  RequestBody(const char* text) : RequestBody(std::string(text)) {}       // NOLINT(google-explicit-constructor)
  RequestBody(std::string_view text) : RequestBody(std::string(text)) {}  // NOLINT(google-explicit-constructor)

  /// A content that is made while it is sent. Without a length it goes out in chunks. It can be sent only once: a
  /// redirect that would have to repeat it fails, and so does a lost connection. If `next` fails, or gives more or less
  /// than `length`, the request fails with that.
  static RequestBody stream(Next next, std::optional<std::uint64_t> length = std::nullopt) {
    RequestBody body;
    body.next_ = std::make_shared<Next>(std::move(next));
    body.length_ = length;
    return body;
  }

  /// Whether there is a content, maybe one of no bytes.
  bool given() const noexcept { return bytes_ || next_; }
  bool streamed() const noexcept { return next_ != nullptr; }
  /// How long it is, as far as that is known.
  std::optional<std::uint64_t> length() const noexcept { return length_; }
  /// The text; empty for a stream.
  std::string_view bytes() const noexcept { return bytes_ ? std::string_view(*bytes_) : std::string_view(); }
  /// The next piece of a stream.
  Deferred<std::string> next() const { return (*next_)(); }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::shared_ptr<Next> next_;
  std::optional<std::uint64_t> length_ = 0;
};

}  // namespace bight::http
