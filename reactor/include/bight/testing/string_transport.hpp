/// @file
/// A transport without a network: it keeps what is written, and remembers what it was asked to do.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/file_descriptor.hpp>
#include <bight/protocol.hpp>
#include <bight/transport.hpp>

namespace bight::testing {

/// Give it to a protocol, and look what comes out. (Twisted: StringTransport)
///
/// ```cpp
/// auto protocol = std::make_shared<Echo>();
/// auto transport = makeRef<testing::StringTransport>();
/// protocol->makeConnection(*transport);
/// protocol->dataReceived("hello");
/// BOOST_TEST(transport->value() == "hello");
/// ```
///
/// The network is you: `block()` makes the peer slow, so that bytes are buffered and producers are paused; `unblock()`
/// makes it fast again; `lose()` ends the connection. Closing calls are only remembered (`disconnecting()`,
/// `aborting()`, `writeClosed()`); nothing ends by itself. It lives on the heap, because protocols share it:
/// `makeRef<StringTransport>()`.
class BIGHT_API StringTransport : public Transport {
 public:
  enum class ProducerState { producing, paused, stopped };

  explicit StringTransport(Address peer = IPv4Address({192, 168, 1, 1}, 54321),
                           Address host = IPv4Address({10, 0, 0, 1}, 1234));

  /// @name What the protocol did
  /// @{

  /// Everything written since the last `clear()`, also what is buffered.
  std::string value() const { return value_ + held_; }
  /// Forgets what was written and sent; what is buffered stays.
  void clear() { value_.clear(); }
  /// The descriptors that were sent, in order.
  std::vector<FileDescriptor>& descriptors() noexcept { return descriptors_; }
  /// `abortConnection()` was called.
  bool aborting() const noexcept { return aborting_; }
  /// `loseWriteConnection()` was called.
  bool writeClosed() const noexcept { return writeClosed_; }
  /// What the protocol has asked of its receiving side: `pauseProducing()`, `resumeProducing()`, `stopProducing()`.
  ProducerState producerState() const noexcept;
  /// The producer that is registered, or null.
  Producer* producer() const noexcept;
  /// Whether that is a push producer.
  bool streaming() const noexcept { return push_ != nullptr; }

  /// @}
  /// @name Playing the network
  /// @{

  /// What `getPeerCredentials()` shall answer; at first nothing.
  void setPeerCredentials(PeerCredentials credentials) { credentials_ = credentials; }
  /// From now on the peer reads nothing: what is written is buffered.
  void block() noexcept { blocked_ = true; }
  /// The peer reads again: what is buffered is sent, producers and those who wait for `drained()` are told.
  void unblock();
  /// Asks the pull producer, if there is one, for its next portion. @return whether there is one
  bool pull();
  /// The connection is lost: producers are stopped, `protocol.connectionLost(reason)` is called, and those who wait for
  /// `drained()` fail.
  void lose(Protocol& protocol, const Failure& reason);

  /// @}

  // Transport
  void write(std::string_view data) override;
  using Transport::writeSequence;
  void writeSequence(std::span<const std::string_view> pieces) override;
  std::size_t writeBufferSize() const noexcept override { return held_.size(); }
  Deferred<void> drained() override;
  void setWriteBufferLimits(std::size_t high, std::size_t low) override;
  void setMaxWriteBuffer(std::size_t bytes) override { most_ = bytes; }
  void registerProducer(std::shared_ptr<PushProducer> producer) override;
  void registerProducer(std::shared_ptr<PullProducer> producer) override;
  void unregisterProducer() override;
  void loseConnection() override;
  void setGracefulLimit(std::chrono::nanoseconds limit) override { gracefulLimit_ = limit; }
  void loseWriteConnection() override;
  void abortConnection() override;
  bool connected() const noexcept override { return connected_; }
  bool disconnecting() const noexcept override { return disconnecting_ || aborting_ || !connected_; }
  void pauseProducing() override;
  void resumeProducing() override;
  Address getHost() const override { return host_; }
  Address getPeer() const override { return peer_; }
  void setTcpNoDelay(bool enabled) override { noDelay_ = enabled; }
  bool getTcpNoDelay() const override { return noDelay_; }
  void setTcpKeepAlive(bool enabled) override { keepAlive_ = enabled; }
  bool getTcpKeepAlive() const override { return keepAlive_; }
  /// On a transport whose peer is a `UNIXAddress`; kept as a duplicate, see `descriptors()`.
  void sendFileDescriptor(int descriptor) override;
  std::optional<PeerCredentials> getPeerCredentials() const override { return credentials_; }

 protected:
  ~StringTransport() override;

  /// The first `count` buffered bytes have left.
  std::string takeHeld(std::size_t count);
  bool hasProducer() const noexcept { return push_ || pull_; }
  bool readingPaused() const noexcept { return paused_; }
  /// What `takeOver()` returns, but for the protocol.
  Takeover giveUp() noexcept;

 private:
  void pauseIfFull();
  std::string value_;
  std::string held_;
  std::shared_ptr<PushProducer> push_;
  std::shared_ptr<PullProducer> pull_;
  std::vector<Promise<void>> waiters_;
  std::vector<FileDescriptor> descriptors_;
  std::optional<PeerCredentials> credentials_;
  Address peer_;
  Address host_;
  std::size_t high_ = 64 * 1024;
  std::size_t low_ = 0;
  std::size_t most_ = 16 * 1024 * 1024;
  std::chrono::nanoseconds gracefulLimit_ = std::chrono::seconds(30);
  bool blocked_ = false;
  bool connected_ = true;
  bool disconnecting_ = false;
  bool aborting_ = false;
  bool writeClosed_ = false;
  bool paused_ = false;
  bool pushPaused_ = false;
  bool noDelay_ = true;
  bool keepAlive_ = false;
};

}  // namespace bight::testing
