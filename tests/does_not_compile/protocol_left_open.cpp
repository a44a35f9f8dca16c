// What forProtocol is given does not suit the protocol.
// package: reactor
// error: does not override all that its base leaves open
#include <bight/factory.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

class Lines : public bight::Protocol {
  virtual void lineReceived(std::string_view line) = 0;
};
class Misspelt : public Lines {
  void lineRecieved(std::string_view) {}
};
class Sink : public Lines {
  void lineReceived(std::string_view) override {}
};

std::shared_ptr<bight::Factory> make() {
#if MISTAKE == 1
  return bight::Factory::forProtocol<Misspelt>();
#else
  return bight::Factory::forProtocol<Sink>();
#endif
}
