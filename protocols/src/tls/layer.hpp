/// @file
/// Internal: the TLS layer of one connection.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/protocol.hpp>
#include <bight/time.hpp>
#include <bight/tls/connection.hpp>
#include <bight/tls/context.hpp>

#include "openssl.hpp"
#include "scratch.hpp"
#include "settings.hpp"

namespace bight::tls::detail {

/// The transport that a protocol over TLS has. layer.cpp tells how it works; layer_reading.cpp has the way in,
/// layer_writing.cpp the way out, layer_closing.cpp the end, and layer_facts.cpp what can be asked. Below, a
/// `LayerProtocol` hears for it.
class Layer final : public Connection {
 public:
  /// `above` is told of the connection.
  Layer(ReactorTime& clock, std::shared_ptr<Protocol> above, const ServerContext& context);
  /// @throws std::invalid_argument if `hostname` cannot be one
  Layer(ReactorTime& clock, std::shared_ptr<Protocol> above, const ClientContext& context, const std::string& hostname);
  ~Layer() override;

  /// @throws std::invalid_argument, as above
  static void checkHostname(const std::string& hostname);

  /// @name From below
  /// @{
  /// The transport is there: introduces the protocol above, and begins.
  void made(Transport& below);
  /// The same in the middle of a connection, whose protocol knows its transport already.
  void slippedUnder(Transport& below, Takeover taken);
  void received(std::string_view data);
  void peerEnded();
  /// @return what the protocol above was told
  Failure lost(const Failure& reason);
  /// Who is above, for a log.
  std::string abovePrefix() const { return above_ ? above_->logPrefix() + " over TLS" : std::string("TLS"); }
  /// Cuts the cycle with the protocol above.
  void letGo() noexcept;
  /// @}

  /// @name From OpenSSL
  /// @{
  static Layer& of(const SSL* ssl) noexcept { return *static_cast<Layer*>(SSL_get_app_data(ssl)); }
  void setServerName(std::string name) { serverName_ = std::move(name); }
  static int verifyCallback(int passed, X509_STORE_CTX* context) noexcept;
  static int newSessionCallback(SSL* ssl, SSL_SESSION* session) noexcept;
  std::size_t giveInput(char* to, std::size_t size) noexcept;
  bool takeOutput(std::string_view bytes) noexcept;
  /// @}

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
  bool connected() const noexcept override { return !lost_ && below_ && below_->connected(); }
  bool disconnecting() const noexcept override;
  void pauseProducing() override;
  void resumeProducing() override;
  Address getHost() const override { return below_->getHost(); }
  Address getPeer() const override { return below_->getPeer(); }
  void setTcpNoDelay(bool enabled) override { below_->setTcpNoDelay(enabled); }
  bool getTcpNoDelay() const override { return below_->getTcpNoDelay(); }
  void setTcpKeepAlive(bool enabled) override { below_->setTcpKeepAlive(enabled); }
  bool getTcpKeepAlive() const override { return below_->getTcpKeepAlive(); }
  Takeover takeOver(std::shared_ptr<Protocol> layer) override;
  bool whenDispatchEnds(Function<void()> call) override;
  void checkThread(const char* function) const override {
    if (!lost_) below_->checkThread(function);
  }

  // Connection
  Deferred<void> handshake() override;
  bool secure() const noexcept override { return established_ && !lost_; }
  std::string negotiatedProtocol() const override;
  std::optional<Certificate> peerCertificate() const override;
  std::vector<Certificate> peerChain() const override;
  std::optional<Version> version() const override;
  std::string cipher() const override;
  std::string serverName() const override;
  bool resumed() const noexcept override;
  Transport& below() const noexcept override { return *below_; }

 private:
  class PushSteering;
  class PullSteering;

  /// What only the handshake needs.
  struct Opening {
    Duration timeout{};
    DelayedCall deadline;
    std::vector<Promise<void>> waiters;  // of handshake()
    int refusal = X509_V_OK;             // why the peer's certificate was refused
    X509Ptr refused;                     // and which one of its chain
    bool heard = false;                  // something has been received
  };

  /// What only clients have.
  struct ClientPart {
    std::string hostname;
    std::string server;  // the key of its sessions
    std::shared_ptr<SessionCache> sessions;
  };

  static constexpr std::size_t defaultMost = 16 * 1024 * 1024;

  /// What a connection without back-pressure does not have.
  struct Extras {
    std::shared_ptr<PushProducer> push;
    std::shared_ptr<PullProducer> pull;
    std::vector<Promise<void>> waiters;  // of drained()
    std::size_t high = 64 * 1024;
    std::size_t most = defaultMost;
    Duration graceful = std::chrono::seconds(30);
    DelayedCall gracefulCall;
    std::size_t left = 0;      // unsent when the graceful call was scheduled
    bool belowPaused = false;  // the transport below wants no more
    bool pushPaused = false;   // the push producer has been told to pause
    bool pullAsked = false;    // the pull producer has been asked and has not written since
  };

  void attach(SslPtr ssl, bool client);
  void begin();
  void run();
  void shakeHands();
  void established();
  void read();
  void keepRest();
  void peerNotified();
  void handshakeOver();
  bool ended() const noexcept { return lost_ || aborted_ || fate_; }
  bool hasRest() const noexcept;
  void fail(Failure reason);
  void userFailed() noexcept;
  Failure handshakeFailure(int error);
  Failure verificationFailure(int code, X509* refused) const;
  Failure recordFailure(int error, const char* doing) const;
  Failure reasonFor(const Failure& below) const;
  /// Calls OpenSSL. @return an SSL_ERROR_… number. What the transport below threw meanwhile comes out
  template <class F>
  int withSsl(F&& f) {
    if (ERR_peek_error() != 0) ERR_clear_error();
    const bool wasBusy = busy_;
    busy_ = true;
    const int result = std::forward<F>(f)(ssl_.get());
    busy_ = wasBusy;
    if (thrown_) [[unlikely]]
      std::rethrow_exception(std::exchange(thrown_, nullptr));
    return result > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
  }

  bool takesWrites() const noexcept { return !ended() && !sentNotify_; }
  bool hasProducer() const noexcept { return extras_ && (extras_->push || extras_->pull); }
  Extras& extras();
  void put(std::string_view data);
  void written();
  bool overfull();
  void limitHere();
  void putOff(std::string_view data);
  void encrypt(std::string_view data);
  void encryptPending();
  void schedule();
  void dispatchEnded() noexcept;
  void flush();
  void advanceClose();
  void finish();
  void startGraceful();
  void gracefulOver();
  void steer();
  void steerFor(std::shared_ptr<PushProducer> producer, bool paused);
  void belowPauses();
  void belowResumes();
  void belowAsks();
  void belowStops();
  void stopProducers();
  void fireDrained();

  ReactorTime& clock_;
  std::shared_ptr<Protocol> above_;
  Ref<Transport> below_;
  SslPtr ssl_;
  std::string_view input_;  // ciphertext that OpenSSL has not read yet
  std::string held_;        // the same, while we are not called with it
  std::string pending_;     // plaintext that has not been encrypted yet
  std::string serverName_;
  std::optional<Failure> fate_;    // why this connection ends, whatever the transport below says
  std::exception_ptr thrown_;      // by the transport below, while OpenSSL was on the stack
  Gathered* gathering_ = nullptr;  // where OpenSSL's output goes; null: to the transport below
  std::unique_ptr<Opening> opening_;
  std::unique_ptr<ClientPart> client_;
  std::unique_ptr<Extras> extras_;
  bool established_ : 1 = false;   // the handshake is through
  bool lost_ : 1 = false;          // connectionLost() has been called, or is about to be
  bool aborted_ : 1 = false;       // abortConnection() was called
  bool closing_ : 1 = false;       // loseConnection() was called
  bool writeClosing_ : 1 = false;  // loseWriteConnection() was called
  bool sentNotify_ : 1 = false;    // our close_notify is out
  bool gotNotify_ : 1 = false;     // the peer's has come
  bool peerGone_ : 1 = false;      // the peer's end of data has come
  bool finished_ : 1 = false;      // the transport below has been told to close
  bool encrypting_ : 1 = false;    // what OpenSSL gives out is what was written to us
  bool answered_ : 1 = false;      // it has given out something else
  bool limitsHere_ : 1 = false;    // the transport below has no limit of its own any more
  bool reading_ : 1 = true;        // the user has not paused us
  bool readDue_ : 1 = false;       // there is input to go on with when the dispatch ends
  bool scheduled_ : 1 = false;     // dispatchEnded() will be called
  bool inDispatch_ : 1 = false;    // run() is on the stack
  bool busy_ : 1 = false;          // OpenSSL is on the stack, or records are half made: no user code
};

/// Hears from the transport below, and passes it on.
class LayerProtocol final : public Protocol, public HalfCloseable {
 public:
  explicit LayerProtocol(Ref<Layer> layer) : layer_(std::move(layer)) {}
  std::string logPrefix() const override { return layer_->abovePrefix(); }
  ~LayerProtocol() override { layer_->letGo(); }

  /// Where to leave the reason of the end, for a factory that is told next.
  void leaveReasonIn(std::shared_ptr<std::optional<Failure>> place) { reason_ = std::move(place); }
  void slipUnder(Transport& below, Takeover taken);

  void connectionMade() override;
  void dataReceived(std::string_view data) override { layer_->received(data); }
  void connectionLost(const Failure& reason) override;
  void readConnectionLost() override { layer_->peerEnded(); }
  void writeConnectionLost() override {}

 private:
  Ref<Layer> layer_;
  std::shared_ptr<std::optional<Failure>> reason_;
  std::optional<Takeover> taken_;
};

}  // namespace bight::tls::detail
