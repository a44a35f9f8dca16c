// What forProtocol is given does not suit the protocol.
// package: reactor
// error: wrap in std::ref
#include <bight/factory.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct Shared {
  Shared() = default;
  Shared(const Shared&) = delete;
};
class Counted : public bight::Protocol {
 public:
  explicit Counted(Shared&) {}
  void dataReceived(std::string_view) override {}
};

std::shared_ptr<bight::Factory> make(Shared& shared) {
#if MISTAKE == 1
  return bight::Factory::forProtocol<Counted>(shared);
#elif MISTAKE == 2
  return bight::ClientFactory::forProtocol<Counted>(shared);
#else
  return bight::Factory::forProtocol<Counted>(std::ref(shared));
#endif
}
