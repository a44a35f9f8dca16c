/// @file
/// `ResponseStream`: a response that is written piece by piece, such as server-sent events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/http/message.hpp>
#include <bight/producer.hpp>

namespace bight::http {

namespace detail {
struct StreamState;
}

/// The writing end of a response whose length is not known beforehand.
///
///     http::Answer render(http::Request& request) override {
///       http::ResponseStream stream(request, http::Response{200, "text/event-stream"});
///       stream.write("data: welcome\n\n");
///       listeners_.push_back(stream);
///       stream.ended().addCallback([this, stream](bool) { std::erase(listeners_, stream); });
///       return stream;
///     }
///
/// A handle: copies write to the same response. Each piece goes out as a chunk (to an HTTP/1.0 client as it is, ended
/// by the connection's end). All calls are harmless when the client has gone or the response is finished: `write` then
/// says false. When the last handle dies without `finish`, the connection is closed, so that the client sees that the
/// response was cut off.
class BIGHT_API ResponseStream {
 public:
  /// Sends the head (status, type and headers of `head`; its body is the first piece). From now on the stream is the
  /// answer: `render` returns it, or a Deferred whose value is then ignored. Throws std::logic_error if the request has
  /// been answered or streamed already, or has no connection.
  ///
  /// With `length`, that is announced as the Content-Length and nothing is chunked: then exactly so many bytes are to be
  /// written. To write more throws std::logic_error; to finish with fewer closes the connection.
  ResponseStream(Request& request, const Response& head, std::optional<std::uint64_t> length = std::nullopt);

  /// Sends a piece; it is copied as far as it cannot be sent at once. Empty pieces are skipped. False if nobody will
  /// get it any more. A client that does not read what it asked for is disconnected when more than
  /// `SiteOptions::streamBuffer` bytes wait for it.
  bool write(std::string_view piece);

  /// Fires when everything written so far has been handed to the system, or the client has gone: write in step with it
  /// when you have a lot to say.
  Deferred<void> drained();

  /// The same as a Consumer, for producers, which are paused and resumed as the client reads: `body.pipeTo`,
  /// `FileSender`. It is there as long as a handle is. When the client goes, or the stream is finished, its producer is
  /// stopped.
  Consumer& consumer() const;

  /// How many bytes wait for the client to read.
  std::size_t buffered() const noexcept;

  /// Ends the response. The connection may then carry the next request. Twisted: `request.finish`.
  void finish();

  /// Whether the client is still there and the response is not finished.
  bool open() const noexcept;

  /// Fires once, when it is over: true after `finish()`, false when the client went away first. Each call gives a
  /// Deferred of its own. Twisted: `request.notifyFinish`.
  Deferred<bool> ended();

  /// The same response.
  bool operator==(const ResponseStream& other) const noexcept = default;

 private:
  friend class detail::Connection;

  std::shared_ptr<detail::StreamState> state_;
};

}  // namespace bight::http
