#include <bight/protocol.hpp>

#include <stdexcept>

namespace bight {

Protocol::~Protocol() = default;

void Protocol::makeConnection(Transport& transport) {
  transport_ = Ref<Transport>(&transport);
  connectionMade();
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
