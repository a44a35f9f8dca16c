/// @file
/// `EventStream`: server-sent events (WHATWG HTML, 9.2), over a ResponseStream.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/http/resource.hpp>
#include <bight/time.hpp>

namespace bight::http {

/// One event: what a page's `EventSource` gets.
struct Event {
  std::string_view data = {};   ///< any text; its lines are sent one by one
  std::string_view event = {};  ///< its kind; empty: "message"
  /// What the browser says after a break, in Last-Event-ID: from there it wants to go on. Empty: unchanged.
  std::string_view id = {};
};

/// Appends an event as it goes out.
/// @throws std::invalid_argument if its kind holds a line end, or its id a line end or a NUL
BIGHT_API void appendEvent(std::string& out, const Event& event);

/// What an `EventSource` that connects again has seen last: its Last-Event-ID field, or, for those that cannot set
/// one, "lastEventId" in the query. Empty if it is new.
BIGHT_API std::string lastEventId(const Request& request);

struct EventStreamOptions {
  /// A comment goes out when nothing else has for so long, so that no proxy takes the connection for dead. Zero: none.
  Duration heartbeat = std::chrono::seconds(15);
  /// How long the browser shall wait before it connects again, if it is to be told.
  std::optional<std::chrono::milliseconds> retry = {};
  Headers headers = {};  ///< further fields
};

/// The writing end of an event stream.
///
///     http::Answer render(http::Request& request) override {
///       http::EventStream events(*reactor_, request);
///       for (const auto& news : archive_.since(http::lastEventId(request))) events.send({.data = news.text, .id = news.id});
///       listeners_.push_back(events);
///       events.ended().addCallback([this, events](bool) { std::erase(listeners_, events); });
///       return events.stream();
///     }
///
/// A handle, as ResponseStream is: copies write to the same stream, and all calls are harmless when the client has gone.
/// The answer is "text/event-stream" and not to be cached or held back by proxies.
class BIGHT_API EventStream {
 public:
  /// Sends the head. `clock` (the reactor) must outlive the stream. Throws as the constructor of ResponseStream.
  EventStream(ReactorTime& clock, Request& request, const EventStreamOptions& options = {});

  /// False if nobody will get it any more. Throws as `appendEvent`.
  bool send(const Event& event);
  /// The same for an event that has been written by `appendEvent` already: for many streams, once.
  bool sendEncoded(std::string_view event);
  /// Something that no page sees. Line ends in it are replaced by spaces.
  bool comment(std::string_view text);

  Deferred<void> drained();
  std::size_t buffered() const noexcept;
  bool open() const noexcept;
  void finish();
  Deferred<bool> ended();

  /// What it writes to: the answer.
  const ResponseStream& stream() const noexcept;
  bool operator==(const EventStream& other) const noexcept = default;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bight::http
