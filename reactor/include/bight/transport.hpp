/// @file
/// `Transport`: the connection as a protocol sees it. You write to it, and you may close it in three ways.
///
/// | call | what happens |
/// |---|---|
/// | `write(bytes)` | sent at the end of the present dispatch, with all that was written to the same connection in it |
/// | `loseConnection()` | no more reading; what was written still goes out; then `connectionLost(ConnectionDone)` |
/// | `loseWriteConnection()` | what was written goes out, then our half is closed; reading goes on |
/// | `abortConnection()` | what is unsent is dropped, the peer sees a reset; then `connectionLost(ConnectionAborted)` |
///
/// **Lifetime.** Transports carry their own count (`Ref<Transport>`). A protocol's `transport()` is valid from
/// `connectionMade()` until the protocol dies, also after the connection is lost: then writes are ignored, and
/// addresses can still be asked for.
///
/// **Re-entrancy.** Every function may be called from inside any callback, `dataReceived()` and the producer's
/// included. None of them calls `connectionLost()` before it returns, with one exception: `loseConnection()` when our
/// half is closed already.
///
/// **Threads.** A transport belongs to its reactor's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <bight/address.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/producer.hpp>
#include <bight/ref.hpp>

namespace bight {

template <class T>
class Deferred;
class Protocol;

/// What a transport gives up when a layer takes it over: who heard of the connection until now, and who wrote to it.
struct Takeover {
  std::shared_ptr<Protocol> protocol;
  std::shared_ptr<PushProducer> push;  ///< the registered producer, if it is of this kind
  std::shared_ptr<PullProducer> pull;  ///< or of this one
  bool pushPaused = false;             ///< the push producer has been told to pause
  bool readingPaused = false;          ///< the protocol had paused the receiving side
};

/// A process at the other end of a UNIX socket.
struct PeerCredentials {
  /// 0 if the system does not tell.
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// A stream of bytes in both directions. (Twisted: ITransport, ITCPTransport, IConsumer)
class BIGHT_API Transport : public Consumer {
 public:
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  /// @name Writing
  /// @{

  /// Sends `data`, without blocking and without waiting. An empty write does nothing; a write on a lost connection is
  /// ignored. Between `loseConnection()` and the real close it is still sent.
  ///
  /// What the peer does not take is kept. If more than `maxWriteBuffer` (default 16 MiB) is kept already when `write()`
  /// is called, the peer is taken for dead: the connection is aborted with `OutputLimitError` as its reason. One write
  /// of any size into an empty buffer is therefore always accepted.
  void write(std::string_view data) override = 0;

  /// Sends several pieces as if they were one, without joining them.
  virtual void writeSequence(std::span<const std::string_view> pieces) = 0;
  void writeSequence(std::initializer_list<std::string_view> pieces) {
    writeSequence(std::span<const std::string_view>(pieces.begin(), pieces.size()));
  }

  /// Bytes written and not yet taken by the system.
  virtual std::size_t writeBufferSize() const noexcept = 0;

  /// Fires when nothing is buffered: at once if that is so already. Fails with the reason if the connection is lost
  /// before. `co_await transport().drained();` is the simplest back-pressure. Any number may wait.
  virtual Deferred<void> drained() = 0;

  /// A push producer is paused when more than `high` bytes are buffered, and resumed when no more than `low` are left.
  /// Defaults: 64 KiB and 0 (Twisted's: resume when empty).
  /// @throws std::invalid_argument if low > high
  virtual void setWriteBufferLimits(std::size_t high, std::size_t low) = 0;
  /// The hard limit, see `write()`. Default 16 MiB.
  virtual void setMaxWriteBuffer(std::size_t bytes) = 0;

  /// @}
  /// @name Closing
  /// @{

  /// Closes when everything written has gone out and no producer is registered any more; reading stops now. May be
  /// called repeatedly. If for the graceful limit nothing moves, the connection is aborted (`ConnectionAborted`), so a
  /// peer that does not read cannot hold it for ever.
  virtual void loseConnection() = 0;
  /// How long `loseConnection()` waits *without progress* until it aborts. Default 30 s; zero or less: for ever.
  virtual void setGracefulLimit(std::chrono::nanoseconds limit) = 0;
  /// Closes our half when everything written has gone out and no producer is registered any more. A protocol that is
  /// `HalfCloseable` then gets `writeConnectionLost()`.
  virtual void loseWriteConnection() = 0;
  /// Drops what is unsent and resets the connection. Wins over an earlier `loseConnection()`.
  virtual void abortConnection() = 0;

  /// False from the moment `connectionLost()` is about to be called.
  virtual bool connected() const noexcept = 0;
  /// True after `loseConnection()` or `abortConnection()`, and once the connection is lost: whatever arrives is of no
  /// interest any more.
  virtual bool disconnecting() const noexcept = 0;

  /// @}
  /// @name Reading: a transport is a push producer of what it receives
  /// @{

  /// No `dataReceived()` until `resumeProducing()`, and none for data that arrived in between. A paused transport does
  /// not notice that the peer closes, either.
  virtual void pauseProducing() = 0;
  /// Reads on. Nothing happens when disconnecting or lost.
  virtual void resumeProducing() = 0;
  /// The same as `loseConnection()`.
  void stopProducing() { loseConnection(); }
  /// This transport's receiving side as a producer, to be registered with another consumer. It keeps the transport
  /// alive.
  ///
  /// A proxy of two connections: `a.registerProducer(b.asProducer()); b.registerProducer(a.asProducer());`
  std::shared_ptr<PushProducer> asProducer();

  /// @}
  /// @name Addresses and options
  /// @{

  /// This end. After the close: the address it had, if the transport remembers it, else 0.0.0.0:0.
  virtual Address getHost() const = 0;
  /// The other end. Still there after the close.
  virtual Address getPeer() const = 0;

  /// Whether small pieces leave at once (no Nagle). On by default for connections of this library, because writes of
  /// one dispatch are joined anyway. These four do nothing, and answer false, where there is no TCP below.
  virtual void setTcpNoDelay(bool enabled);
  virtual bool getTcpNoDelay() const;
  /// Whether the system probes an idle connection.
  virtual void setTcpKeepAlive(bool enabled);
  virtual bool getTcpKeepAlive() const;

  /// @}
  /// @name UNIX sockets only
  /// @{

  /// Passes an open descriptor to the peer, which gets its own of the same thing: a file, a socket. It travels with the
  /// next byte that is written, and each needs a byte of its own: if the present dispatch ends with fewer bytes than
  /// descriptors waiting, the connection is closed with FileDescriptorOverrun. Sent from a duplicate, so `descriptor`
  /// stays yours and may be closed at once. Ignored on a lost connection. (Twisted: IUNIXTransport)
  ///
  /// At most 253 wait; one more closes the connection with FileDescriptorOverrun. A push producer is paused at 16.
  /// @throws std::logic_error where there is no UNIX socket below, and while `sendFile` is under way; std::system_error
  /// if `descriptor` is not open
  virtual void sendFileDescriptor(int descriptor);
  /// Who the peer is, as the system knows it from when the connection was made. Nothing where there is no UNIX socket
  /// below, or the connection is closed.
  virtual std::optional<PeerCredentials> getPeerCredentials() const;

  /// @}
  /// @name For layers: transports over a transport, as TLS is
  /// @{

  /// From now on `layer` is told what `connectionMade()`'s protocol was told: data, losses and half closes. What the
  /// protocol wrote before goes out before anything that the layer writes; its producer is not registered any more, and
  /// reading goes on if it was paused. May be called from inside the protocol's own `dataReceived()`; what that call
  /// was given is the protocol's. The layer's `connectionMade()` is not called: `Protocol::makeConnection` is the
  /// caller's to call.
  /// @throws std::logic_error if the connection is lost, while `sendFile` is under way, or if this kind of transport
  /// cannot change its protocol
  virtual Takeover takeOver(std::shared_ptr<Protocol> layer);

  /// Calls `call` once, at the end of the present dispatch, before what is written in it is sent: the moment to make
  /// one large piece of many small ones. What it throws is logged.
  /// @returns false, without keeping `call`, if this transport knows of no dispatches: do it at once, then
  virtual bool whenDispatchEnds(Function<void()> call);

  /// Catches a call from another thread than the reactor's, as every function of a transport does that reaches a
  /// reactor: a layer that keeps something of its own asks first. `function` is named in the message. A transport
  /// without a reactor does nothing.
  /// @throws WrongThread in debug builds; others log it once
  virtual void checkThread(const char* function) const;

  /// @}
  /// @name For `sendFile`, which is what to call: the system copies from a file to the connection
  /// @{

  /// What is written from now on is kept until `releaseWrites()`, behind what `sendFrom()` sends.
  /// @returns false if the system cannot do it for this transport: then nothing has changed, and the file is to be read
  virtual bool holdWrites();
  /// Sends what the peer takes at once, if what was written before the file has left.
  /// @returns how many bytes, 0 at the end of the file, or -1 with errno: EAGAIN if there is no room at the moment, and
  /// then the pull producer that is registered is asked again when there is; EPIPE if the connection is lost, of which
  /// that producer is told; else what is wrong with the file
  virtual std::ptrdiff_t sendFrom(int file, std::uint64_t offset, std::size_t most);
  /// The file has gone, or shall go no further: what was written meanwhile follows.
  virtual void releaseWrites();

  /// @}

  /// One more holder; see `Ref`.
  void ref() const noexcept { count_.add(); }
  /// One holder less; the last one deletes.
  void unref() const noexcept {
    if (count_.drop()) delete this;
  }

 protected:
  Transport() = default;
  ~Transport() override;

 private:
  mutable detail::RefCount count_;
};

}  // namespace bight
