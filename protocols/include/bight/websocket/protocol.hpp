/// @file
/// `websocket::Protocol`: one end of a WebSocket connection. Subclass it and override what you want to hear.
///
/// ```cpp
/// class Echo : public bight::websocket::Protocol {
///   void onMessage(std::string_view payload, bool isBinary) override { sendMessage(payload, isBinary); }
/// };
/// ```
/// A server makes them in a `websocket::Resource` (server.hpp), a client with `websocket::connect` (client.hpp). Who would
/// rather wait for messages than be told takes a `websocket::Connection` (connection.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/protocol.hpp>
#include <bight/time.hpp>
#include <bight/websocket/errors.hpp>
#include <bight/websocket/handshake.hpp>
#include <bight/websocket/options.hpp>

namespace bight::websocket {

namespace detail {
class Session;
}

/// Where a connection stands.
enum class State : std::uint8_t {
  connecting,  ///< the handshake is not through
  open,        ///< messages may be sent
  closing,     ///< one side has said that it closes, or broken a rule
  closed       ///< the connection is gone
};

/// One end of a connection. (Autobahn: WebSocketServerProtocol, WebSocketClientProtocol)
///
/// **Order of calls.** A server's: `onConnect`. A client's: `onAccepted`. Then `onOpen`, then any number of messages, pings
/// and pongs, and at last `onClose`, exactly once, also if it never came to `onOpen`; none of them runs inside another
/// one of the same protocol. After `sendClose()` messages of the peer are dropped.
///
/// **Exceptions.** What a function throws closes the connection with 1011, is logged, and never reaches the peer.
///
/// **Sending.** On a connection that is not open, sending does nothing and answers false: nobody needs to ask first.
/// Nothing blocks and nothing is refused for being much; who sends much looks at `bufferedAmount()`, or waits for
/// `drained()`. A peer for which more than `Options::maxBuffered` waits is taken for dead when still more is sent.
///
/// **Limits**, all finite from the start, are in `Options`. A peer that breaks a rule is told which, with 1002, 1007 or
/// 1009, and then disconnected.
///
/// Subclasses do not override what is final here: the connection's own events.
class BIGHT_API Protocol : public bight::Protocol {
 public:
  Protocol();
  ~Protocol() override;

  // ---- what happens: override these ----

  /// A server: a client asks to connect. Return what it is accepted with, now or later; throw, or fail with, an
  /// `http::StatusError` to refuse it with that status. The Opening is valid until then. As it comes: the first of
  /// `Options::subprotocols` that the client asks for, if there is one, and no refusal.
  virtual Deferred<Acceptance> onConnect(const Opening& opening);
  /// A client: the server has accepted. Throw to give up.
  virtual void onAccepted([[maybe_unused]] const ServerAnswer& answer) {}
  /// The connection is open.
  virtual void onOpen() {}
  /// A message has come whole. `payload` is valid until this returns; if it is not binary, it is UTF-8.
  virtual void onMessage([[maybe_unused]] std::string_view payload, [[maybe_unused]] bool isBinary) {}
  /// A ping has come. As it comes: answers it. While much waits to be sent, only the last ping is answered.
  virtual void onPing(std::string_view payload);
  /// A pong has come, to a ping of ours or to none.
  virtual void onPong([[maybe_unused]] std::string_view payload) {}
  /// The connection is over.
  ///
  /// | code | |
  /// |---|---|
  /// | what the peer sent | it closed, or answered our close; 1005 if it gave no code |
  /// | 1002, 1007, 1009 with `wasClean` false | it broke a rule; `reason` says which |
  /// | 1006 | the connection ended without a close; `reason` says how |
  virtual void onClose([[maybe_unused]] bool wasClean, [[maybe_unused]] std::uint16_t code,
                       [[maybe_unused]] std::string_view reason) {}

  /// @name Messages piece by piece
  /// For messages that shall not lie in memory. Override `onMessageBegin`, and do not call the one here: then the
  /// pieces are given to the functions below as they arrive, and `onMessage` is not called. What was checked so far may
  /// still turn out to be part of a bad message: then no `onMessageEnd` comes. `Options::maxMessage` limits these
  /// messages, too.
  /// @{
  virtual void onMessageBegin(bool isBinary);
  /// `length` is that of the frame, in bytes as they come: more or fewer than its data if it is compressed.
  virtual void onMessageFrameBegin([[maybe_unused]] std::uint64_t length) {}
  virtual void onMessageFrameData([[maybe_unused]] std::string_view payload) {}
  virtual void onMessageFrameEnd() {}
  virtual void onMessageEnd() {}
  /// @}

  // ---- what you do ----

  /// Sends a message, compressed if that was agreed upon and it is long enough.
  /// @return false, and does nothing, if the connection is not open
  /// @throws std::invalid_argument if a text is not UTF-8; std::logic_error between beginMessage and endMessage
  bool sendMessage(std::string_view payload, bool isBinary = false);
  /// Sends a ping, a pong. @throws std::invalid_argument above 125 bytes
  bool sendPing(std::string_view payload = {});
  bool sendPong(std::string_view payload = {});
  /// Closes in order: what was sent goes out, then the close; the peer answers with its own, and the connection is
  /// closed. Not answered within `Options::closeTimeout`, it is aborted. Before the connection is open, it is simply
  /// closed. A second call does nothing.
  /// @param code  1000 to 1014 but 1004 to 1006, or 3000 to 4999; 1005 for a close without a code
  /// @param reason  UTF-8; cut to 123 bytes
  /// @throws std::invalid_argument for a code that may not be sent, or a reason that is not UTF-8
  bool sendClose(std::uint16_t code = closeCode::normal, std::string_view reason = {});

  /// @name Frames of one's own making, not compressed
  /// Messages whose length is not known at the beginning, or that do not fit into memory.
  ///
  ///     beginMessage(true);
  ///     sendMessageFrame("one frame");
  ///     beginMessageFrame(1000000);           // another, in pieces
  ///     while (sendMessageFrameData(piece()) > 0) {}
  ///     endMessage();
  ///
  /// Pongs and closes that are due while a frame is incomplete go out behind it.
  /// @throws std::logic_error out of order, or for more bytes than the frame has left
  /// @{
  bool beginMessage(bool isBinary = false);
  bool beginMessageFrame(std::uint64_t length);
  /// @return how many bytes the frame still lacks
  std::uint64_t sendMessageFrameData(std::string_view payload);
  bool sendMessageFrame(std::string_view payload);
  bool endMessage();
  /// @}

  // ---- what it is ----

  State state() const noexcept;
  /// The subprotocol that was agreed upon; empty if none.
  const std::string& subprotocol() const noexcept;
  /// What was agreed upon about compression.
  const std::optional<DeflateAgreement>& compression() const noexcept;
  /// The client's or the server's end?
  Role role() const noexcept;
  const Options& options() const noexcept;

  /// Bytes that have been sent and are not with the system yet.
  std::size_t bufferedAmount() const;
  /// Fires when that is 0; fails if the connection is lost before.
  Deferred<void> drained();
  /// No messages until `resumeProducing()`; the peer is slowed down. Pings are not answered meanwhile, and a close is
  /// not seen. Our own pings are not sent while paused.
  void pauseProducing();
  /// Goes on; messages that are there may be given before it returns, unless it is called from inside one of the
  /// functions above.
  void resumeProducing();

  // ---- for those who make the connections ----

  /// Makes it a server's end of a connection whose handshake is through. Called before `makeConnection()`.
  /// @param clock  a reactor, or a test's Clock; must outlive the connection
  /// @throws std::logic_error if it was prepared before; std::invalid_argument for options that make no sense
  void prepareServer(ReactorTime& clock, std::shared_ptr<const Options> options);
  void accepted(Agreement agreement);
  /// Makes it a client's end: it asks as soon as it is connected.
  /// @return fires after `onOpen()`; fails with HandshakeError or another reason. Cancelling closes the connection.
  Deferred<void> prepareClient(ReactorTime& clock, std::shared_ptr<const Options> options, const ClientRequest& request,
                               Duration openTimeout);

  void connectionMade() final;
  void dataReceived(std::string_view data) final;
  void connectionLost(const Failure& reason) final;
  std::size_t unreadInput() const noexcept final;

 private:
  detail::Session& session() const;

  std::unique_ptr<detail::Session> session_;
};

}  // namespace bight::websocket
