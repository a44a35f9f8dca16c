/// @file
/// Internal: an open connection of bytes: TCP or a UNIX socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/detail/block_cache.hpp>
#include <bight/poller.hpp>
#include <bight/protocol.hpp>
#include <bight/time.hpp>
#include <bight/transport.hpp>

#include "cargo.hpp"
#include "connection_origin.hpp"
#include "output_buffer.hpp"
#include "reactor_base.hpp"
#include "socket.hpp"
#include "write_batch.hpp"

namespace bight::detail {

/// A stream socket between a reactor and a protocol. stream_connection.cpp tells its states; stream_output.cpp has the writing side,
/// stream_cargo.cpp the descriptors that go with the bytes.
///
/// Its size counts: ten thousand of them may be idle. What only busy or unusual connections need is in `Extras`, made
/// when first needed.
class StreamConnection final : public Transport, private Owned {
 public:
  /// Wraps a connected socket. Nothing is watched yet. Made with `makeRef`.
  StreamConnection(ConnectionOrigin& origin, Descriptor socket, const SocketAddress& peer);
  ~StreamConnection() override;
  static void* operator new(std::size_t size) { return takeBlock(blockSizeFor(size)); }
  static void operator delete(void* block, std::size_t size) noexcept { giveBlock(block, blockSizeFor(size)); }

  /// Starts to watch the socket, and makes the reactor the owner. @throws what `Poller::add` throws
  void attach();
  /// Takes back `attach()`: there will be no protocol.
  void detach() noexcept;
  /// Hands the connection to its protocol. What `connectionMade` throws closes the connection. @return whether it threw
  /// nothing
  bool start(std::shared_ptr<Protocol> protocol) noexcept;

  // Transport
  void write(std::string_view data) override;
  void writeSequence(std::span<const std::string_view> pieces) override;
  std::size_t writeBufferSize() const noexcept override;
  Deferred<void> drained() override;
  void setWriteBufferLimits(std::size_t high, std::size_t low) override;
  void setMaxWriteBuffer(std::size_t bytes) override;
  void registerProducer(std::shared_ptr<PushProducer> producer) override;
  void registerProducer(std::shared_ptr<PullProducer> producer) override;
  void unregisterProducer() override;
  void loseConnection() override;
  void setGracefulLimit(Duration limit) override;
  void loseWriteConnection() override;
  void abortConnection() override;
  bool connected() const noexcept override { return is(isOpen); }
  bool disconnecting() const noexcept override { return (state_ & (isOpen | isDisconnecting | isDoomed)) != isOpen; }
  void pauseProducing() override;
  void resumeProducing() override;
  Address getHost() const override;
  Address getPeer() const override;
  void setTcpNoDelay(bool enabled) override;
  bool getTcpNoDelay() const override;
  void setTcpKeepAlive(bool enabled) override;
  bool getTcpKeepAlive() const override;
  void sendFileDescriptor(int descriptor) override;
  std::optional<PeerCredentials> getPeerCredentials() const override;
  Takeover takeOver(std::shared_ptr<Protocol> layer) override;
  bool whenDispatchEnds(Function<void()> call) override;
  bool holdWrites() override;
  std::ptrdiff_t sendFrom(int file, std::uint64_t offset, std::size_t most) override;
  void releaseWrites() override;
  void checkThread(const char* function) const override { reactorOnlyThread(function); }

 private:
  friend class WriteBatch;

  /// Where the connection is; see stream_connection.cpp. Bits, so that several can be asked for at once.
  enum State : std::uint16_t {
    isOpen = 1,            // until close()
    isPaused = 2,          // the user has paused us
    peerEnded = 4,         // there is no more to read, and the protocol goes on
    writeClosing = 8,      // loseWriteConnection() was called
    writeClosed = 16,      // our half is closed
    isDisconnecting = 32,  // loseConnection() was called
    isDoomed = 64,         // closes at the end of the dispatch, whatever is unsent
    isLingering = 128,     // closed for the protocol; the socket still waits for the peer's end
    hasDiscarded = 256,    // the peer went on talking after loseConnection()
    writeBroken = 512,     // writing has failed; what the peer said before is still read
    takesCargo = 1024      // the protocol receives descriptors
  };
  bool is(unsigned states) const noexcept { return (state_ & states) != 0; }
  void enter(State state) noexcept { state_ = static_cast<std::uint16_t>(state_ | state) & 0xfff; }
  void leave(State state) noexcept { state_ = static_cast<std::uint16_t>(state_ & ~state) & 0xfff; }

  /// What an idle connection does not have.
  struct Extras {
    OutputBuffer output;
    OutputBuffer behind;  // written while a file is sent
    std::shared_ptr<PushProducer> push;
    std::shared_ptr<PullProducer> pull;
    std::vector<Promise<void>> waiters;  // of drained()
    std::optional<Failure> fate;         // why a doomed connection ends, if not by abortConnection()
    std::optional<Address> peer;         // unless it is IPv4, or nameless
    std::unique_ptr<Cargo> cargo;        // descriptors that wait for their bytes to leave
    std::size_t high = 64 * 1024;
    std::size_t low = 0;
    std::size_t most = 16 * 1024 * 1024;
    Duration graceful = std::chrono::seconds(30);
    DelayedCall gracefulCall;
    bool moved = false;       // bytes have left since the graceful call was scheduled
    bool pushPaused = false;  // the push producer has been told to pause
    bool holding = false;     // a file is being sent; see stream_file.cpp
    bool pullAsked = false;   // the pull producer has been asked and has not written since
  };

  // PollTarget, Owned
  void ready(unsigned events) noexcept override;
  std::string describe() const override;
  void disconnect(const Failure& reason) noexcept override;

  // For the batch
  bool keepsOutput() const noexcept { return extras_ && (!extras_->output.empty() || extras_->cargo); }
  void keep(std::string_view data);
  void sendPending() noexcept;
  void sendOnly(std::string_view data) noexcept;
  void settle() noexcept;
  void letGo() noexcept;

  void reactorOnlyThread(const char* what) const {
    if (origin_) reactor().checkThread(what);
  }
  bool takesWrites() const noexcept { return (state_ & (isOpen | writeClosed | isDoomed | writeBroken)) == isOpen; }
  bool holdsWrites() const noexcept { return extras_ && extras_->holding; }
  bool hasProducer() const noexcept { return extras_ && (extras_->push || extras_->pull); }
  bool hasOutput() const noexcept { return keepsOutput() || batch().isPending(*this); }
  bool wantsWritable() const noexcept;
  Extras& extras();
  WriteBatch& batch() const noexcept { return reactor().writeBatch(); }
  ReactorBase& reactor() const noexcept { return origin_->reactor; }

  bool overfull() noexcept;
  void writeSlowly(std::string_view data);
  void countSent(ssize_t bytes) const noexcept {
    if (bytes > 0) reactor().count().bytesOut.add(static_cast<std::uint64_t>(bytes));
  }
  void put(std::string_view data);
  void written() noexcept;
  void readyOtherwise(unsigned events) noexcept;
  void receive() noexcept;
  void receiveWithCargo() noexcept;
  void receivedNothing(ssize_t got) noexcept;
  void sentPartly(std::string_view data, ssize_t sent) noexcept;
  void discard() noexcept;
  void endOfData() noexcept;
  void sendKept() noexcept;
  void sendKeptWithCargo() noexcept;
  bool loadCargo() noexcept;
  void sendNow(const std::string_view* pieces, std::size_t count, std::size_t bytes);
  void sendFailed(int error) noexcept;
  void dropOutput() noexcept;
  void doom(std::optional<Failure> fate) noexcept;
  void outputGone() noexcept;
  void fireDrained() noexcept;
  void pauseIfFull() noexcept;
  void resumeIfLow() noexcept;
  void askPull() noexcept;
  void watch() noexcept;
  void startGraceful();
  void gracefulOver();
  void userFailed(std::string_view context) noexcept;
  /// Runs user code; if it throws, the connection closes with that. @return whether it threw nothing
  template <class F>
  bool run(std::string_view context, F&& f) noexcept {
    try {
      std::forward<F>(f)();
      return true;
    } catch (...) {
      userFailed(context);
      return false;
    }
  }
  enum class End { orderly, reset };
  void close(Failure reason, End end = End::orderly) noexcept;
  bool hearsMore() noexcept;
  bool isLocal() const noexcept;
  void meetProtocol() noexcept;
  void linger();
  void endSocket() noexcept;

  Ref<ConnectionOrigin> origin_;
  std::shared_ptr<Protocol> protocol_;
  PollHandle* handle_ = nullptr;
  std::unique_ptr<Extras> extras_;
  int fd_ = -1;
  std::int32_t firstPiece_ = WriteBatch::none;
  std::array<std::uint8_t, 4> peerBytes_{};  // IPv4; others are in the extras, and the nameless ones of UNIX nowhere
  std::uint16_t peerPort_ = 0;
  // Together they fill the last two bytes of the last word.
  std::uint16_t state_ : 12 = isOpen;  // of the states above
  std::uint16_t interest_ : 2 = 0;     // what the poller watches now
  std::uint16_t isDue_ : 1 = 0;        // in the batch's list
};

}  // namespace bight::detail
