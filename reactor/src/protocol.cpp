#include <bight/protocol.hpp>

#include <optional>
#include <stdexcept>
#include <typeinfo>
#include <utility>

namespace bight {

Protocol::~Protocol() = default;

void Protocol::makeConnection(Transport& transport) {
  transport_ = Ref<Transport>(&transport);
  connectionMade();
}

Deferred<void> Protocol::whenLost() {
  Deferred<void> told;
  if (transport_ && !transport_->connected()) {
    told.callback();
    return told;
  }
  // What is tracked is cancelled when the connection is lost. The watch keeps itself until then.
  const auto watch = std::make_shared<std::optional<Deferred<void>>>();
  watch->emplace([promise = told.promise(), watch](const Promise<void>& ended) {
    const auto last = std::exchange(*watch, std::nullopt);
    ended.callback();
    if (!promise.called()) promise.callback();
  });
  **watch = scope_.track(std::move(**watch));
  return told;
}

std::string Protocol::logPrefix() const {
  return typeName(typeid(*this));
}

void Protocol::changeTransport(Transport& transport) {
  if (!transport_) noTransport();
  transport_ = Ref<Transport>(&transport);
}

void Protocol::breakConnection(const Failure& reason) {
  // Cancels also when connectionLost throws.
  struct AtTheEnd {
    Protocol& protocol;
    ~AtTheEnd() { protocol.scope_.cancel(); }
  };
  const AtTheEnd atTheEnd{*this};
  connectionLost(reason);
}

void Protocol::noTransport() {
  throw std::logic_error("transport() was called before connectionMade(): the protocol is not connected yet");
}

}  // namespace bight
