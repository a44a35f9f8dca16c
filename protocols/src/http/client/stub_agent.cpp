#include <bight/testing/stub_agent.hpp>

#include <stdexcept>
#include <utility>

#include <bight/endpoint.hpp>
#include <bight/http/server.hpp>
#include <bight/testing/io_pump.hpp>
#include <bight/testing/memory_reactor.hpp>

namespace bight::testing {

namespace {

class OneForAll final : public http::Resource {
 public:
  explicit OneForAll(Function<http::Answer(http::Request&)> answer) : answer_(std::move(answer)) {}
  http::Answer render(http::Request& request) override { return answer_(request); }
  bool isLeaf() const noexcept override { return true; }

 private:
  Function<http::Answer(http::Request&)> answer_;
};

}  // namespace

class StubAgent::State {
 public:
  State(std::shared_ptr<http::Resource> root, http::AgentOptions options)
      : site_(std::make_shared<http::Site>(reactor_, std::move(root))) {
    if (!options.endpoint) {
      options.endpoint = [this](const Url&) -> std::shared_ptr<ClientEndpoint> {
        return std::make_shared<Endpoint>(*this);
      };
    }
    agent_ = std::make_unique<http::NetworkAgent>(reactor_, std::move(options));
  }

  Deferred<http::ClientResponse> request(http::OutgoingRequest request) {
    requests_.push_back(request.method + " " + request.url.str());
    Deferred<http::ClientResponse> answer = agent_->request(std::move(request));
    flush();
    return answer;
  }

  bool flush() {
    if (std::exchange(flushing_, true)) return false;  // the loop below us goes on
    bool any = false;
    try {
      for (bool more = true; more;) {
        more = false;
        reactor_.advance(Duration(0));                     // what either side wants done soon
        for (std::size_t i = 0; i < pumps_.size(); ++i) {  // may grow meanwhile
          IOPump& pump = *pumps_[i];
          more = pump.flush() > 0 || more;
        }
        any = any || more;
      }
    } catch (...) {
      flushing_ = false;
      throw;
    }
    std::erase_if(pumps_, [](const auto& pump) {
      return !pump->clientTransport().connected() && !pump->serverTransport().connected();
    });
    flushing_ = false;
    return any;
  }

  MemoryReactor& reactor() noexcept { return reactor_; }
  const std::vector<std::string>& requests() const noexcept { return requests_; }
  std::size_t connections() const noexcept { return agent_->connections(); }

 private:
  class Endpoint final : public ClientEndpoint {
   public:
    explicit Endpoint(State& state) : state_(state) {}
    Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) override {
      const Address here = IPv4Address({127, 0, 0, 1}, 80);
      auto client = factory->buildProtocol(here);
      auto server = state_.site_->buildProtocol(here);
      state_.pumps_.push_back(std::make_unique<IOPump>(client, std::move(server)));
      return succeed(std::move(client));
    }
    std::string toString() const override { return "a stub"; }

   private:
    State& state_;
  };

  MemoryReactor reactor_;
  const std::shared_ptr<http::Site> site_;
  std::vector<std::unique_ptr<IOPump>> pumps_;
  std::vector<std::string> requests_;
  bool flushing_ = false;
  std::unique_ptr<http::NetworkAgent> agent_;
};

StubAgent::StubAgent(std::shared_ptr<http::Resource> root, http::AgentOptions options)
    : state_(std::make_unique<State>(std::move(root), std::move(options))) {}

StubAgent::StubAgent(Function<http::Answer(http::Request&)> answer, http::AgentOptions options)
    : StubAgent(std::make_shared<OneForAll>(std::move(answer)), std::move(options)) {}

StubAgent::~StubAgent() = default;

Deferred<http::ClientResponse> StubAgent::request(http::OutgoingRequest request) {
  return state_->request(std::move(request));
}

ReactorTime& StubAgent::clock() {
  return state_->reactor();
}

bool StubAgent::flush() {
  return state_->flush();
}

void StubAgent::advance(Duration amount) {
  state_->reactor().advance(amount);
  state_->flush();
}

const std::vector<std::string>& StubAgent::requests() const noexcept {
  return state_->requests();
}

std::size_t StubAgent::connections() const noexcept {
  return state_->connections();
}

}  // namespace bight::testing
