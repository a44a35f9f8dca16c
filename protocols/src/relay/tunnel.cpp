#include "tunnel.hpp"

#include <utility>

#include <bight/connection_errors.hpp>

#include "relay.hpp"

namespace bight::detail {

Tunnel::Tunnel(std::shared_ptr<Factory> factory, Address target)
    : ProtocolWrapper(nullptr), factory_(std::move(factory)), target_(std::move(target)) {
  factory_->doStart();
}

Tunnel::~Tunnel() {
  stopFactory();
}

Deferred<Tunnel::Connected> Tunnel::open(ClientEndpoint& between) {
  const auto self = std::static_pointer_cast<Tunnel>(shared_from_this());
  Deferred<Connected> done([weak = std::weak_ptr<Tunnel>(self)] {
    if (const auto tunnel = weak.lock()) tunnel->giveUp();
  });
  done_ = done.promise();
  dial_.emplace(between.connect(std::make_shared<OnlyOne>(self))
                    .addCallbacks([](const Connected&) {}, [self](const Failure& failure) { self->fail(failure); }));
  return done;
}

void Tunnel::connectionMade() {
  ProtocolWrapper::connectionMade();
  ask();
}

void Tunnel::dataReceived(std::string_view data) {
  if (agreed_) return ProtocolWrapper::dataReceived(data);
  std::optional<std::string> rest;
  try {
    rest = answered(data);
  } catch (...) {
    fail(Failure());
    return transport().abortConnection();
  }
  if (!rest) return;
  agreed_ = true;
  agreed();
  passRest(*rest);
}

void Tunnel::connectionLost(const Failure& reason) {
  if (done_) fail(Failure(ConnectError(0, closedEarly())));
  stopFactory();
  ProtocolWrapper::connectionLost(reason);
}

void Tunnel::agreed() {
  try {
    auto protocol = factory_->buildProtocol(target_);
    if (!protocol) throw NoProtocol(target_.toString());
    wrapProtocol(protocol);
    if (const auto done = std::exchange(done_, std::nullopt)) done->callback(std::move(protocol));
  } catch (...) {
    // connectionMade() may have thrown: the protocol is told, by connectionLost()
    fail(Failure());
    transport().abortConnection();
  }
}

void Tunnel::fail(const Failure& why) {
  if (const auto done = std::exchange(done_, std::nullopt)) done->errback(why);
}

void Tunnel::giveUp() {
  const auto done = std::exchange(done_, std::nullopt);
  const auto self = shared_from_this();
  if (auto dial = std::exchange(dial_, std::nullopt)) dial->cancel();
  if (isMade()) transport().abortConnection();
  if (done) done->errback(ConnectingCancelledError(target_.toString()));
}

void Tunnel::stopFactory() {
  if (const auto factory = std::exchange(factory_, nullptr)) factory->doStop();
}

}  // namespace bight::detail
