#include <bight/policies/timeout_factory.hpp>

#include <stdexcept>
#include <utility>

#include <bight/timeout_mixin.hpp>

namespace bight {

namespace {

class TimedConnection : public ProtocolWrapper, public TimeoutMixin {
 public:
  TimedConnection(std::shared_ptr<Protocol> wrapped, ReactorTime& clock, Duration period)
      : ProtocolWrapper(std::move(wrapped)), TimeoutMixin(clock), period_(period) {}

  void connectionMade() override {
    setTimeout(period_);
    ProtocolWrapper::connectionMade();
  }
  void dataReceived(std::string_view data) override {
    resetTimeout();
    ProtocolWrapper::dataReceived(data);
  }
  void write(std::string_view data) override {
    resetTimeout();
    ProtocolWrapper::write(data);
  }
  void writeSequence(std::span<const std::string_view> pieces) override {
    resetTimeout();
    ProtocolWrapper::writeSequence(pieces);
  }
  void connectionLost(const Failure& reason) override {
    setTimeout(std::nullopt);
    ProtocolWrapper::connectionLost(reason);
  }

 private:
  Duration period_;
};

}  // namespace

TimeoutFactory::TimeoutFactory(ReactorTime& clock, std::shared_ptr<Factory> wrapped, Duration timeoutPeriod)
    : WrappingFactory(std::move(wrapped)), clock_(clock), timeoutPeriod_(timeoutPeriod) {
  if (timeoutPeriod <= Duration::zero())
    throw std::invalid_argument("TimeoutFactory: a timeoutPeriod that is not above 0 would close every connection");
}

TimeoutFactory::~TimeoutFactory() = default;

std::shared_ptr<ProtocolWrapper> TimeoutFactory::wrapProtocol(std::shared_ptr<Protocol> protocol, const Address&) {
  return makeWrapper<TimedConnection>(std::move(protocol), clock_, timeoutPeriod_);
}

}  // namespace bight
