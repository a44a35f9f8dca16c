#include <bight/policies/protocol_wrapper.hpp>

#include <stdexcept>
#include <utility>

namespace bight {

/// The transport of the protocol above. It keeps the wrapper, and so the connection's transport, for as long as anybody
/// keeps it: addresses can be asked for after the close.
class ProtocolWrapper::Face final : public Transport {
 public:
  explicit Face(ProtocolWrapper& wrapper)
      : wrapper_(std::static_pointer_cast<ProtocolWrapper>(wrapper.shared_from_this())) {}

  const ProtocolWrapper& wrapper() const noexcept { return *wrapper_; }

  void write(std::string_view data) override { wrapper_->write(data); }
  void writeSequence(std::span<const std::string_view> pieces) override { wrapper_->writeSequence(pieces); }
  std::size_t writeBufferSize() const noexcept override { return wrapper_->writeBufferSize(); }
  Deferred<void> drained() override { return wrapper_->drained(); }
  void setWriteBufferLimits(std::size_t high, std::size_t low) override { below().setWriteBufferLimits(high, low); }
  void setMaxWriteBuffer(std::size_t bytes) override { below().setMaxWriteBuffer(bytes); }
  void registerProducer(std::shared_ptr<PushProducer> producer) override {
    wrapper_->registerProducer(std::move(producer));
  }
  void registerProducer(std::shared_ptr<PullProducer> producer) override {
    wrapper_->registerProducer(std::move(producer));
  }
  void unregisterProducer() override { wrapper_->unregisterProducer(); }
  void loseConnection() override { wrapper_->loseConnection(); }
  void setGracefulLimit(std::chrono::nanoseconds limit) override { below().setGracefulLimit(limit); }
  void loseWriteConnection() override { wrapper_->loseWriteConnection(); }
  void abortConnection() override { wrapper_->abortConnection(); }
  bool connected() const noexcept override { return wrapper_->made_ && below().connected(); }
  bool disconnecting() const noexcept override { return !wrapper_->made_ || wrapper_->disconnecting(); }
  void pauseProducing() override { wrapper_->pauseFromAbove(); }
  void resumeProducing() override { wrapper_->resumeFromAbove(); }
  Address getHost() const override { return wrapper_->getHost(); }
  Address getPeer() const override { return wrapper_->getPeer(); }
  void setTcpNoDelay(bool enabled) override { below().setTcpNoDelay(enabled); }
  bool getTcpNoDelay() const override { return below().getTcpNoDelay(); }
  void setTcpKeepAlive(bool enabled) override { below().setTcpKeepAlive(enabled); }
  bool getTcpKeepAlive() const override { return below().getTcpKeepAlive(); }
  void sendFileDescriptor(int descriptor) override { below().sendFileDescriptor(descriptor); }
  std::optional<PeerCredentials> getPeerCredentials() const override { return below().getPeerCredentials(); }
  Takeover takeOver(std::shared_ptr<Protocol> layer) override { return wrapper_->takeOver(std::move(layer)); }
  bool whenDispatchEnds(Function<void()> call) override { return below().whenDispatchEnds(std::move(call)); }
  void checkThread(const char* function) const override {
    if (wrapper_->made_) below().checkThread(function);
  }

 private:
  ~Face() override = default;
  Transport& below() const { return wrapper_->transport(); }

  std::shared_ptr<ProtocolWrapper> wrapper_;
};

ProtocolWrapper::ProtocolWrapper(std::shared_ptr<Protocol> wrapped) noexcept : wrapped_(std::move(wrapped)) {}

ProtocolWrapper::~ProtocolWrapper() = default;

const ProtocolWrapper* ProtocolWrapper::lending(const Transport& transport) noexcept {
  const auto* face = dynamic_cast<const Face*>(&transport);
  return face ? &face->wrapper() : nullptr;
}

std::string ProtocolWrapper::logPrefix() const {
  return wrapped_ ? wrapped_->logPrefix() : Protocol::logPrefix();
}

void ProtocolWrapper::wrapProtocol(std::shared_ptr<Protocol> wrapped) {
  if (!wrapped) throw std::invalid_argument("wrapProtocol needs a protocol, and got a null pointer");
  if (wrapped_) throw std::logic_error("wrapProtocol: there is a protocol already");
  wrapped_ = std::move(wrapped);
  if (made_) wrapped_->makeConnection(*makeRef<Face>(*this));
}

// ---- up ----

void ProtocolWrapper::connectionMade() {
  made_ = true;
  if (openAt_) openAt_->open_.insert(this);
  if (wrapped_) wrapped_->makeConnection(*makeRef<Face>(*this));
}

void ProtocolWrapper::dataReceived(std::string_view data) {
  if (wrapped_) wrapped_->dataReceived(data);
}

void ProtocolWrapper::passRest(std::string_view rest) {
  if (rest.empty() || transport().disconnecting()) return;
  if (paused_)
    held_ = rest;
  else
    ProtocolWrapper::dataReceived(rest);
}

void ProtocolWrapper::pauseFromAbove() {
  paused_ = true;
  pauseProducing();
}

void ProtocolWrapper::resumeFromAbove() {
  paused_ = false;
  if (held_.empty()) return resumeProducing();
  // Nobody is given data from inside of a call of its own.
  const auto self = std::static_pointer_cast<ProtocolWrapper>(shared_from_this());
  if (!transport().whenDispatchEnds([self] { self->passHeld(); })) passHeld();
}

void ProtocolWrapper::passHeld() {
  if (paused_ || held_.empty() || !transport().connected()) return;
  const std::string held = std::exchange(held_, {});
  try {
    if (!disconnecting()) ProtocolWrapper::dataReceived(held);
  } catch (...) {
    transport().abortConnection();
    throw;
  }
  if (!paused_) resumeProducing();
}

void ProtocolWrapper::connectionLost(const Failure& reason) {
  held_.clear();
  if (const auto factory = std::exchange(openAt_, nullptr)) factory->open_.erase(this);
  // Also when it throws, the cycle of protocol, transport and wrapper ends here.
  if (const auto wrapped = std::exchange(wrapped_, nullptr)) wrapped->breakConnection(reason);
}

void ProtocolWrapper::readConnectionLost() {
  if (auto* halfCloseable = dynamic_cast<HalfCloseable*>(wrapped_.get()))
    halfCloseable->readConnectionLost();
  else
    transport().loseConnection();
}

void ProtocolWrapper::fileDescriptorReceived(FileDescriptor descriptor) {
  if (auto* receiver = dynamic_cast<FileDescriptorReceiver*>(wrapped_.get()))
    receiver->fileDescriptorReceived(std::move(descriptor));
}

void ProtocolWrapper::writeConnectionLost() {
  if (auto* halfCloseable = dynamic_cast<HalfCloseable*>(wrapped_.get())) halfCloseable->writeConnectionLost();
}

// ---- down ----

void ProtocolWrapper::write(std::string_view data) {
  transport().write(data);
}

void ProtocolWrapper::writeSequence(std::span<const std::string_view> pieces) {
  transport().writeSequence(pieces);
}

std::size_t ProtocolWrapper::writeBufferSize() const noexcept {
  return transport().writeBufferSize();
}

Deferred<void> ProtocolWrapper::drained() {
  return transport().drained();
}

void ProtocolWrapper::registerProducer(std::shared_ptr<PushProducer> producer) {
  transport().registerProducer(std::move(producer));
}

void ProtocolWrapper::registerProducer(std::shared_ptr<PullProducer> producer) {
  transport().registerProducer(std::move(producer));
}

void ProtocolWrapper::unregisterProducer() {
  transport().unregisterProducer();
}

void ProtocolWrapper::loseConnection() {
  transport().loseConnection();
}

void ProtocolWrapper::loseWriteConnection() {
  transport().loseWriteConnection();
}

void ProtocolWrapper::abortConnection() {
  transport().abortConnection();
}

bool ProtocolWrapper::disconnecting() const noexcept {
  return transport().disconnecting();
}

void ProtocolWrapper::pauseProducing() {
  transport().pauseProducing();
}

void ProtocolWrapper::resumeProducing() {
  transport().resumeProducing();
}

Address ProtocolWrapper::getHost() const {
  return transport().getHost();
}

Address ProtocolWrapper::getPeer() const {
  return transport().getPeer();
}

Takeover ProtocolWrapper::takeOver(std::shared_ptr<Protocol> layer) {
  if (!layer) throw std::invalid_argument("takeOver needs a protocol, and got a null pointer");
  // Below nothing changes but who produces and whether it reads: it gives up its protocol, us, to ourselves.
  Takeover given = transport().takeOver(shared_from_this());
  given.protocol = std::exchange(wrapped_, std::move(layer));
  if (std::exchange(paused_, false)) {
    given.readingPaused = true;
    if (!held_.empty()) resumeFromAbove();  // it is the layer's now
  }
  return given;
}

// ---- factories ----

namespace {

template <class F>
std::shared_ptr<F> notNull(std::shared_ptr<F> factory) {
  if (!factory) throw std::invalid_argument("a wrapping factory needs a factory to wrap, and got a null pointer");
  return factory;
}

}  // namespace

WrappingFactory::WrappingFactory(std::shared_ptr<Factory> wrapped) : wrapped_(notNull(std::move(wrapped))) {}

WrappingFactory::~WrappingFactory() = default;

std::shared_ptr<Protocol> WrappingFactory::buildProtocol(const Address& peer) {
  auto protocol = wrapped_->buildProtocol(peer);
  if (!protocol) return nullptr;
  return adopt(wrapProtocol(std::move(protocol), peer));
}

std::shared_ptr<ProtocolWrapper> WrappingFactory::adopt(std::shared_ptr<ProtocolWrapper> wrapper) {
  if (wrapper) wrapper->openAt_ = std::static_pointer_cast<WrappingFactory>(shared_from_this());
  return wrapper;
}

std::vector<std::shared_ptr<ProtocolWrapper>> WrappingFactory::openProtocols() const {
  std::vector<std::shared_ptr<ProtocolWrapper>> protocols;
  protocols.reserve(open_.size());
  for (ProtocolWrapper* wrapper : open_)
    protocols.push_back(std::static_pointer_cast<ProtocolWrapper>(wrapper->shared_from_this()));
  return protocols;
}

WrappingClientFactory::WrappingClientFactory(std::shared_ptr<ClientFactory> wrapped)
    : wrapped_(notNull(std::move(wrapped))) {}

WrappingClientFactory::~WrappingClientFactory() = default;

std::shared_ptr<Protocol> WrappingClientFactory::buildProtocol(const Address& peer) {
  auto protocol = wrapped_->buildProtocol(peer);
  return protocol ? wrapProtocol(std::move(protocol), peer) : nullptr;
}

}  // namespace bight
