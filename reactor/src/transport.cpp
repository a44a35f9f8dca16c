#include <bight/transport.hpp>

#include <cerrno>

#include <stdexcept>

#include <bight/protocol.hpp>

namespace bight {

namespace {

/// Steers the receiving side of a transport; holds it, so that a consumer may hold this.
class ReceivingSide final : public PushProducer {
 public:
  explicit ReceivingSide(Transport& transport) : transport_(&transport) {}
  void pauseProducing() override { transport_->pauseProducing(); }
  void resumeProducing() override { transport_->resumeProducing(); }
  void stopProducing() override { transport_->stopProducing(); }

 private:
  Ref<Transport> transport_;
};

}  // namespace

Transport::~Transport() = default;

std::shared_ptr<PushProducer> Transport::asProducer() {
  return std::make_shared<ReceivingSide>(*this);
}

Takeover Transport::takeOver(std::shared_ptr<Protocol>) {
  throw std::logic_error("takeOver: this kind of transport cannot change its protocol");
}
bool Transport::whenDispatchEnds(Function<void()>) {
  return false;
}

void Transport::checkThread(const char*) const {}

void Transport::setTcpNoDelay(bool) {}
bool Transport::getTcpNoDelay() const {
  return false;
}
void Transport::setTcpKeepAlive(bool) {}
bool Transport::getTcpKeepAlive() const {
  return false;
}
void Transport::sendFileDescriptor(int) {
  throw std::logic_error("sendFileDescriptor: only connections over UNIX sockets carry descriptors");
}
std::optional<PeerCredentials> Transport::getPeerCredentials() const {
  return std::nullopt;
}

bool Transport::holdWrites() {
  return false;
}
std::ptrdiff_t Transport::sendFrom(int, std::uint64_t, std::size_t) {
  errno = ENOTSUP;
  return -1;
}
void Transport::releaseWrites() {}

}  // namespace bight
