#include <bight/endpoint.hpp>

namespace bight {

ClientEndpoint::~ClientEndpoint() = default;
ServerEndpoint::~ServerEndpoint() = default;

namespace detail {

namespace {

class FactoryOfOne final : public Factory {
 public:
  explicit FactoryOfOne(std::shared_ptr<Protocol> protocol) : protocol_(std::move(protocol)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return std::exchange(protocol_, nullptr); }

 private:
  std::shared_ptr<Protocol> protocol_;
};

}  // namespace

std::shared_ptr<Factory> factoryOf(std::shared_ptr<Protocol> protocol) {
  if (!protocol) throw std::invalid_argument("connectProtocol needs a protocol, and got a null pointer");
  return std::make_shared<FactoryOfOne>(std::move(protocol));
}

}  // namespace detail
}  // namespace bight
