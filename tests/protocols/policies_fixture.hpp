// What the tests of the policies share: factories and producers that are told what to do.
#pragma once

#include <unistd.h>

#include <bight/endpoints.hpp>
#include <bight/policies.hpp>
#include <bight/reactor.hpp>
#include <bight/testing.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace bight;
using namespace std::chrono_literals;
using testing::AccumulatingProtocol;

namespace policies_test {

using State = testing::StringTransport::ProducerState;

/// Gives out what `make` makes.
class MadeBy : public Factory {
 public:
  explicit MadeBy(std::function<std::shared_ptr<Protocol>(const Address&)> make) : make_(std::move(make)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override { return make_(peer); }
  void startFactory() override { ++started; }
  void stopFactory() override { ++stopped; }
  int started = 0;
  int stopped = 0;

 private:
  std::function<std::shared_ptr<Protocol>(const Address&)> make_;
};

inline std::shared_ptr<MadeBy> gives(std::shared_ptr<Protocol> protocol) {
  return std::make_shared<MadeBy>([protocol = std::move(protocol)](const Address&) { return protocol; });
}

inline std::shared_ptr<MadeBy> accumulating() {
  return std::make_shared<MadeBy>([](const Address&) { return std::make_shared<AccumulatingProtocol>(); });
}

const Address ann = IPv4Address({192, 0, 2, 1}, 1000);
const Address annAgain = IPv4Address({192, 0, 2, 1}, 2000);
const Address bob = IPv4Address({192, 0, 2, 2}, 1000);

class HalfRecorder : public AccumulatingProtocol, public HalfCloseable {
 public:
  void readConnectionLost() override { events += "read lost;"; }
  void writeConnectionLost() override { events += "write lost;"; }
  std::string events;
};

/// Notes what it is told.
class Push : public PushProducer {
 public:
  void pauseProducing() override { events += "pause;"; }
  void resumeProducing() override { events += "resume;"; }
  void stopProducing() override { events += "stop;"; }
  std::string events;
};

class Pull : public PullProducer {
 public:
  void resumeProducing() override {
    events += "ask;";
    if (onAsk) onAsk();
  }
  void stopProducing() override { events += "stop;"; }
  std::string events;
  std::function<void()> onAsk;
};

/// One end of a connection whose protocol came out of a factory.
template <class P = AccumulatingProtocol>
struct Served {
  explicit Served(Factory& factory, std::shared_ptr<P> within = nullptr, const Address& peer = ann)
      : protocol(std::move(within)),
        outer(factory.buildProtocol(peer)),
        transport(makeRef<testing::StringTransport>(peer)) {
    if (outer) outer->makeConnection(*transport);
  }
  ~Served() {
    if (outer) transport->lose(*outer, Failure(ConnectionDone()));
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  void lose() { transport->lose(*outer, Failure(ConnectionDone())); }

  std::shared_ptr<P> protocol;
  std::shared_ptr<Protocol> outer;
  Ref<testing::StringTransport> transport;
};

class Loud : public ProtocolWrapper {
 public:
  using ProtocolWrapper::ProtocolWrapper;
  void dataReceived(std::string_view data) override { ProtocolWrapper::dataReceived(std::string(data) + '!'); }
  void write(std::string_view data) override { ProtocolWrapper::write(std::string(data) + '?'); }
};

}  // namespace policies_test
