#include <bight/port_forward.hpp>

#include <stdexcept>
#include <string>
#include <utility>

#include <bight/haproxy.hpp>
#include <bight/log.hpp>

#include "relay.hpp"

namespace bight {

namespace {

class Front final : public detail::RelayEnd {
 public:
  Front(ReactorTime& clock, ClientEndpoint& there, const PortForwardOptions& options)
      : clock_(clock), there_(there), options_(options) {}

  void connectionMade() override {
    transport().pauseProducing();
    std::string greeting;
    if (options_.proxyHeader > 0) {
      const ProxyHeader header = proxyHeaderFor(transport());
      greeting = options_.proxyHeader == 1 ? header.toVersion1() : header.toVersion2();
    }
    const auto back = std::make_shared<detail::RelayEnd>(std::move(greeting));
    track(there_.connect(std::make_shared<detail::OnlyOne>(back)))
        .addCallbacks(
            [this, back](const std::shared_ptr<Protocol>&) {
              detail::Relay::join(std::static_pointer_cast<RelayEnd>(shared_from_this()), back, clock_,
                                  options_.idleTimeout);
              transport().resumeProducing();
            },
            [this](const Failure& reason) {
              if (!transport().connected()) return;  // it was the client who went
              static const Logger log("bight.portforward");
              log.warn("a connection of " + transport().getPeer().toString() +
                       " is reset, because none can be made to " + there_.toString() + ": " + reason.getErrorMessage());
              transport().abortConnection();
            });
  }

 private:
  ReactorTime& clock_;
  ClientEndpoint& there_;
  const PortForwardOptions& options_;
};

}  // namespace

PortForwardFactory::PortForwardFactory(ReactorTime& clock, std::shared_ptr<ClientEndpoint> there,
                                       const PortForwardOptions& options)
    : clock_(clock), there_(std::move(there)), options_(options) {
  if (!there_)
    throw std::invalid_argument("PortForwardFactory needs an endpoint to connect to, and got a null pointer");
  if (options.proxyHeader < 0 || options.proxyHeader > 2)
    throw std::invalid_argument("PortForwardFactory: the PROXY protocol has the versions 1 and 2, and no version " +
                                std::to_string(options.proxyHeader));
}

PortForwardFactory::~PortForwardFactory() = default;

std::shared_ptr<Protocol> PortForwardFactory::buildProtocol(const Address&) {
  return std::make_shared<Front>(clock_, *there_, options_);
}

}  // namespace bight
