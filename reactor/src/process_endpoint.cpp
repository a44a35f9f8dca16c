#include <bight/connection_errors.hpp>
#include <bight/endpoint_strings.hpp>
#include <bight/local_endpoints.hpp>
#include <bight/log.hpp>

#include "quoted.hpp"

namespace bight {

namespace {

/// A child as the connection of a protocol.
class ChildConnection final : public ProcessProtocol {
 public:
  ChildConnection(std::shared_ptr<Factory> factory, std::shared_ptr<Protocol> protocol, std::string name,
                  StandardErrorBehavior standardError)
      : factory_(std::move(factory)),
        protocol_(std::move(protocol)),
        half_(dynamic_cast<HalfCloseable*>(protocol_.get())),
        name_(std::move(name)),
        standardError_(standardError) {}

  void connectionMade() override {
    try {
      protocol_->makeConnection(transport());
    } catch (...) {
      refusal_ = Failure();
      transport().abortConnection();
      throw;
    }
  }
  void outReceived(std::string_view data) override {
    if (refusal_) return;
    try {
      protocol_->dataReceived(data);
    } catch (...) {
      refusal_ = Failure();
      transport().abortConnection();
      throw;
    }
  }
  void errReceived(std::string_view data) override {
    if (standardError_ == StandardErrorBehavior::drop) return;
    static const Logger log("bight.process");
    log.warn(name_ + " says: " + detail::quoted(data, 1000));
  }
  void outConnectionLost() override {
    // The end of its output, not of what it complains about: that is read to its end.
    if (half_)
      half_->readConnectionLost();
    else
      transport().closeStdin();
  }
  void inConnectionLost() override {
    if (half_) half_->writeConnectionLost();
  }
  void processEnded(const Failure& reason) override {
    const auto protocol = std::exchange(protocol_, nullptr);
    half_ = nullptr;
    const Failure why = refusal_ ? *refusal_ : reason.check<ProcessDone>() ? Failure(ConnectionDone()) : reason;
    struct AtTheEnd {
      Factory& factory;
      ~AtTheEnd() { factory.doStop(); }
    } const atTheEnd{*factory_};
    protocol->breakConnection(why);
  }

  const std::optional<Failure>& refusal() const noexcept { return refusal_; }

 private:
  const std::shared_ptr<Factory> factory_;
  std::shared_ptr<Protocol> protocol_;
  HalfCloseable* half_;  // the protocol
  const std::string name_;
  const StandardErrorBehavior standardError_;
  std::optional<Failure> refusal_;  // what the protocol threw
};

}  // namespace

ProcessEndpoint::ProcessEndpoint(ReactorProcess& reactor, std::string executable, std::vector<std::string> args,
                                 ProcessOptions options, StandardErrorBehavior standardError)
    : reactor_(reactor),
      executable_(std::move(executable)),
      args_(std::move(args)),
      options_(std::move(options)),
      standardError_(standardError) {}
ProcessEndpoint::~ProcessEndpoint() = default;

Deferred<std::shared_ptr<Protocol>> ProcessEndpoint::connect(std::shared_ptr<Factory> factory) {
  if (!factory) throw std::invalid_argument("connect needs a factory, and got a null pointer");
  const auto failed = [](const Failure& why) { return fail<std::shared_ptr<Protocol>>(why); };
  factory->doStart();
  bool spawned = false;
  try {
    auto protocol = factory->buildProtocol(ProcessAddress());
    if (!protocol) throw NoProtocol(toString());
    const auto child = std::make_shared<ChildConnection>(factory, protocol, executable_, standardError_);
    reactor_.spawnProcess(child, executable_, args_, options_);
    spawned = true;
    if (child->refusal()) return failed(*child->refusal());
    return succeed(std::move(protocol));
  } catch (...) {
    const Failure why;
    if (!spawned) factory->doStop();
    return failed(why);
  }
}

std::string ProcessEndpoint::toString() const {
  std::string text = "process " + executable_;
  for (std::size_t i = 1; i < args_.size(); ++i) text += " " + args_[i];
  return text;
}

}  // namespace bight
