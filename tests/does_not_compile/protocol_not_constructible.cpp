// What forProtocol is given does not suit the protocol.
// package: reactor
// error: no public constructor that takes these arguments
#include <bight/factory.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

class Named : public bight::Protocol {
 public:
  explicit Named(std::string) {}
  void dataReceived(std::string_view) override {}
};

std::shared_ptr<bight::Factory> make() {
#if MISTAKE == 1
  return bight::Factory::forProtocol<Named>();
#elif MISTAKE == 2
  return bight::Factory::forProtocol<Named>(std::string("Ann"), 7);
#else
  return bight::Factory::forProtocol<Named>(std::string("Ann"));
#endif
}
