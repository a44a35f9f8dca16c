/// @file
/// `websocket::Connection`: for those who wait for messages rather than subclass a protocol.
///
/// ```cpp
/// Deferred<void> talk(Reactor& reactor) {
///   websocket::Connection chat = co_await websocket::connect(reactor, "ws://127.0.0.1:8000/chat");
///   co_await chat.send("hello");
///   const websocket::Message answer = co_await chat.receive();
///   co_await chat.close();
/// }
/// ```
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/http/resource.hpp>
#include <bight/websocket/client.hpp>
#include <bight/websocket/errors.hpp>
#include <bight/websocket/server.hpp>

namespace bight::websocket {

/// A message.
struct Message {
  std::string payload;
  bool isBinary = false;

  bool operator==(const Message&) const = default;
};

namespace detail {
class HandleProtocol;
struct HandleShare;
}  // namespace detail

/// A handle on an open connection. Copies are handles on the same one; when the last is gone, the connection is closed
/// in order.
class BIGHT_API Connection {
 public:
  /// A handle on nothing: assign a real one before use.
  Connection() noexcept = default;

  /// The next message. Any number may wait; they are served in order. Cancelling leaves the line, and no message is
  /// lost. Messages that nobody waits for are kept, up to 16 of them or 64 KiB and one message: then the peer is slowed
  /// down.
  /// @return fails with ConnectionClosed when the connection is closed and all messages were taken
  Deferred<Message> receive();

  /// Sends a text. Nobody has to wait; who does keeps step with the peer.
  /// @return fires when the next may be sent: at once, unless more than 64 KiB wait to go out; fails with
  ///         ConnectionClosed if it is not open
  /// @throws std::invalid_argument if it is not UTF-8
  Deferred<void> send(std::string_view text) { return sendMessage(text, false); }
  /// The same for bytes.
  Deferred<void> sendBinary(std::string_view bytes) { return sendMessage(bytes, true); }
  /// The same for what was received.
  Deferred<void> send(const Message& message) { return sendMessage(message.payload, message.isBinary); }

  /// Closes in order, and drops messages that were not taken. @return fires with how it ended, when it has
  /// @throws as `Protocol::sendClose`
  Deferred<Closed> close(std::uint16_t code = closeCode::normal, std::string_view reason = {});
  /// Fires with how the connection ended, when it has. Any number may wait.
  Deferred<Closed> whenClosed();

  bool isOpen() const noexcept;
  /// The protocol behind it: subprotocol, addresses, pings, state.
  Protocol& protocol() const;

 private:
  friend class detail::HandleProtocol;
  explicit Connection(std::shared_ptr<detail::HandleShare> share) noexcept : share_(std::move(share)) {}

  Deferred<void> sendMessage(std::string_view payload, bool isBinary);
  detail::HandleProtocol& need() const;

  std::shared_ptr<detail::HandleShare> share_;
};

/// Connects to a server: `connect(reactor, url, protocol)` (client.hpp) for those who wait.
BIGHT_API Deferred<Connection> connect(const HostReactor& reactor, const Url& url, Options options, ConnectOptions how);
BIGHT_API Deferred<Connection> connect(const HostReactor& reactor, const Url& url, Options options);
BIGHT_API Deferred<Connection> connect(const HostReactor& reactor, const Url& url);
/// The same over an endpoint.
BIGHT_API Deferred<Connection> connect(ClientEndpoint& endpoint, ReactorTime& clock, const Url& url, Options options,
                                       ConnectOptions how);
BIGHT_API Deferred<Connection> connect(ClientEndpoint& endpoint, ReactorTime& clock, const Url& url);

/// A resource at which WebSocket is spoken by a function, as a rule a coroutine, that runs once for each connection:
///
/// ```cpp
/// root->putChild("echo", websocket::serve(*reactor, [](websocket::Connection peer) -> Deferred<void> {
///   for (;;) {
///     const websocket::Message message = co_await peer.receive();
///     co_await peer.send(message);
///   }
/// }));
/// ```
/// When the function is done, the connection is closed in order; when it fails, with 1011, and the failure is logged.
/// When the connection is closed, `receive()` and `send()` fail with ConnectionClosed, which is not logged if it comes
/// out; what else the function waits for then is cancelled.
BIGHT_API std::shared_ptr<http::Resource> serve(ReactorTime& clock, Function<Deferred<void>(Connection)> session,
                                                Options options = {});

}  // namespace bight::websocket
