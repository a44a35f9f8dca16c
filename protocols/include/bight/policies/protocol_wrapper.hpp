/// @file
/// A layer between a connection and its protocol, from which policies are made.
///
/// ```
///   connection ──► ProtocolWrapper ──► your protocol        dataReceived, connectionLost, …
///   connection ◄── ProtocolWrapper ◄── your protocol        write, loseConnection, …
/// ```
/// Twisted: policies.ProtocolWrapper and policies.WrappingFactory.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/protocol.hpp>
#include <bight/transport.hpp>
#include <bight/unix.hpp>

namespace bight {

class WrappingFactory;

/// Is a protocol to the connection below, and lends a transport to the protocol above. Everything passes unchanged, in
/// both directions, unless a subclass overrides it: the functions of `Protocol` and `HalfCloseable` on the way up,
/// those of `Transport` (under the same names) on the way down. An override calls the wrapper's own function to pass
/// things on; that of `connectionLost()` must.
///
/// ```cpp
/// struct Loud : bight::ProtocolWrapper {
///   using ProtocolWrapper::ProtocolWrapper;
///   void dataReceived(std::string_view data) override { ProtocolWrapper::dataReceived(upperCase(data)); }
///   void write(std::string_view data) override { ProtocolWrapper::write(upperCase(data)); }
/// };
/// auto factory = bight::wrap<Loud>(echo);
/// ```
///
/// **Order and exceptions.** The protocol above sees the same order of calls as without the wrapper. What it throws
/// passes through the wrapper and closes the connection, as without it.
///
/// **Lifetime.** The connection keeps the wrapper, the wrapper keeps the protocol until `connectionLost()` has
/// returned, and the protocol's transport keeps the wrapper.
///
/// **Half close, descriptors.** Make wrappers with `makeWrapper()` (or by `wrap()`): then they are `HalfCloseable`, and
/// a `FileDescriptorReceiver`, exactly if the protocol above is, and the peer's end of data, or the descriptors that it
/// passes, mean to the connection what they would mean without the wrapper.
class BIGHT_API ProtocolWrapper : public Protocol {
 public:
  /// @param wrapped  the protocol above; null if `wrapProtocol()` is to be called later
  explicit ProtocolWrapper(std::shared_ptr<Protocol> wrapped) noexcept;
  ~ProtocolWrapper() override;

  /// The protocol above; null when there is none yet, and after the connection is lost.
  const std::shared_ptr<Protocol>& wrappedProtocol() const noexcept { return wrapped_; }

  /// The wrapper that lends `transport` to its protocol; null if that is no wrapper's.
  static const ProtocolWrapper* lending(const Transport& transport) noexcept;

  /// That of the protocol above, if there is one.
  std::string logPrefix() const override;

  /// @name The way up
  /// @{
  /// Gives the protocol above its transport.
  void connectionMade() override;
  void dataReceived(std::string_view data) override;
  void connectionLost(const Failure& reason) override;
  /// The peer's end of data. A protocol above that is not `HalfCloseable` has its connection closed.
  virtual void readConnectionLost();
  virtual void writeConnectionLost();
  virtual void fileDescriptorReceived(FileDescriptor descriptor);
  std::size_t unreadInput() const noexcept override { return held_.size() + (wrapped_ ? wrapped_->unreadInput() : 0); }
  /// @}

  /// @name The way down: what the protocol above asks of its transport
  /// @{
  virtual void write(std::string_view data);
  /// Calls `transport().writeSequence()`. Who overrides `write()` overrides this one too.
  virtual void writeSequence(std::span<const std::string_view> pieces);
  virtual std::size_t writeBufferSize() const noexcept;
  virtual Deferred<void> drained();
  virtual void registerProducer(std::shared_ptr<PushProducer> producer);
  virtual void registerProducer(std::shared_ptr<PullProducer> producer);
  virtual void unregisterProducer();
  virtual void loseConnection();
  virtual void loseWriteConnection();
  virtual void abortConnection();
  virtual bool disconnecting() const noexcept;
  virtual void pauseProducing();
  virtual void resumeProducing();
  virtual Address getHost() const;
  virtual Address getPeer() const;
  /// `layer` takes the place of the protocol above.
  virtual Takeover takeOver(std::shared_ptr<Protocol> layer);
  /// @}

 protected:
  /// `connectionMade()` has been called.
  bool isMade() const noexcept { return made_; }
  /// Names the protocol above when it was not known from the beginning, and gives it its transport if the connection is
  /// made already.
  /// @throws std::logic_error if there is one; std::invalid_argument if it is null
  void wrapProtocol(std::shared_ptr<Protocol> wrapped);
  /// For who takes the beginning of the data, and builds the protocol above then: what came behind it, in the same
  /// packet. The protocol gets it now, or when it reads on, if its `connectionMade()` has paused.
  void passRest(std::string_view rest);

 private:
  friend class WrappingFactory;
  class Face;

  void pauseFromAbove();
  void resumeFromAbove();
  void passHeld();

  std::shared_ptr<Protocol> wrapped_;
  std::shared_ptr<WrappingFactory> openAt_;  // the factory that counts us as open
  std::string held_;                         // the rest, while the protocol above does not read
  bool made_ = false;
  bool paused_ = false;  // by the protocol above
};

namespace detail {

/// A wrapper that the connection may tell of half closes.
template <class Wrapper>
class HalfClosing final : public Wrapper, public HalfCloseable {
 public:
  using Wrapper::Wrapper;
  void readConnectionLost() override { Wrapper::readConnectionLost(); }
  void writeConnectionLost() override { Wrapper::writeConnectionLost(); }
};

/// A wrapper that the connection may give descriptors to.
template <class Wrapper>
class ReceivingDescriptors : public Wrapper, public FileDescriptorReceiver {
 public:
  using Wrapper::Wrapper;
  void fileDescriptorReceived(FileDescriptor descriptor) override {
    Wrapper::fileDescriptorReceived(std::move(descriptor));
  }
};

}  // namespace detail

/// Makes a `Wrapper` around `protocol` that hears of half closes, and of descriptors, if `protocol` does.
/// @param arguments  of Wrapper's constructor, behind the protocol
template <class Wrapper, class... Arguments>
std::shared_ptr<Wrapper> makeWrapper(std::shared_ptr<Protocol> protocol, Arguments&&... arguments) {
  const auto make = [&]<class Made>(std::shared_ptr<Made>) -> std::shared_ptr<Wrapper> {
    return std::make_shared<Made>(std::move(protocol), std::forward<Arguments>(arguments)...);
  };
  const bool halfCloses = dynamic_cast<HalfCloseable*>(protocol.get());
  using Receiving = detail::ReceivingDescriptors<Wrapper>;
  if (dynamic_cast<FileDescriptorReceiver*>(protocol.get())) {
    return halfCloses ? make(std::shared_ptr<detail::HalfClosing<Receiving>>()) : make(std::shared_ptr<Receiving>());
  }
  return halfCloses ? make(std::shared_ptr<detail::HalfClosing<Wrapper>>()) : make(std::shared_ptr<Wrapper>());
}

/// Builds protocols in wrappers around those of another factory, and knows those that are open. (Twisted:
/// policies.WrappingFactory)
class BIGHT_API WrappingFactory : public Factory {
 public:
  /// @throws std::invalid_argument if `wrapped` is null
  explicit WrappingFactory(std::shared_ptr<Factory> wrapped);
  ~WrappingFactory() override;

  Factory& wrappedFactory() const noexcept { return *wrapped_; }
  /// The wrappers whose connection is open now, in no order.
  std::vector<std::shared_ptr<ProtocolWrapper>> openProtocols() const;
  std::size_t openCount() const noexcept { return open_.size(); }

  /// Starts and stops the factory within.
  void startFactory() override { wrapped_->doStart(); }
  void stopFactory() override { wrapped_->doStop(); }
  /// A protocol of the factory within, in a wrapper. Null if that one refuses.
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

 protected:
  /// Puts a protocol that has just been built into a wrapper, see `makeWrapper()`. Null refuses the connection.
  virtual std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) = 0;
  /// Counts a wrapper among the open ones from its `connectionMade()` on. `buildProtocol()` does it.
  std::shared_ptr<ProtocolWrapper> adopt(std::shared_ptr<ProtocolWrapper> wrapper);

 private:
  friend class ProtocolWrapper;

  std::shared_ptr<Factory> wrapped_;
  std::unordered_set<ProtocolWrapper*> open_;
};

/// The same for connectors: `wrapped` hears how the connecting went. What its functions get is what the connector says.
class BIGHT_API WrappingClientFactory : public ClientFactory {
 public:
  /// @throws std::invalid_argument if `wrapped` is null
  explicit WrappingClientFactory(std::shared_ptr<ClientFactory> wrapped);
  ~WrappingClientFactory() override;

  ClientFactory& wrappedFactory() const noexcept { return *wrapped_; }

  void startFactory() override { wrapped_->doStart(); }
  void stopFactory() override { wrapped_->doStop(); }
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;
  void startedConnecting(Connector& connector) override { wrapped_->startedConnecting(connector); }
  void clientConnectionFailed(Connector& connector, const Failure& reason) override {
    wrapped_->clientConnectionFailed(connector, reason);
  }
  void clientConnectionLost(Connector& connector, const Failure& reason) override {
    wrapped_->clientConnectionLost(connector, reason);
  }

 protected:
  virtual std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) = 0;

 private:
  std::shared_ptr<ClientFactory> wrapped_;
};

namespace detail {

template <class Wrapper>
class WrapEach final : public WrappingFactory {
 public:
  using WrappingFactory::WrappingFactory;

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address&) override {
    return makeWrapper<Wrapper>(std::move(protocol));
  }
};

}  // namespace detail

/// A factory that puts each protocol of `factory` into a `Wrapper` of its own.
template <class Wrapper>
std::shared_ptr<Factory> wrap(std::shared_ptr<Factory> factory) {
  return std::make_shared<detail::WrapEach<Wrapper>>(std::move(factory));
}

}  // namespace bight
