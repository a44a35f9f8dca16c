// AMP: both sides call each other with typed commands, many at a time, and an exception travels.
#include <iostream>

#include <bight/amp.hpp>
#include <bight/endpoints.hpp>
#include <bight/reactor.hpp>

using namespace bight;

// region: command
struct ZeroDivision : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Divide {
  static constexpr std::string_view name = "Divide";
  struct Arguments {
    std::int64_t numerator = 0;
    std::int64_t denominator = 1;
  };
  struct Answer {
    double result = 0;
  };
  static constexpr auto arguments =
      amp::fields(amp::field("numerator", &Arguments::numerator), amp::field("denominator", &Arguments::denominator));
  static constexpr auto answer = amp::fields(amp::field("result", &Answer::result));
  static constexpr auto errors = amp::errors(amp::error<ZeroDivision>("ZERO_DIVISION"));
};
// endregion: command

// region: responder
class Calculator : public AMP {
 public:
  Calculator() {
    respond<Divide>([](const Divide::Arguments& asked) {
      if (asked.denominator == 0) throw ZeroDivision("nothing can be divided by nothing");
      return Divide::Answer{static_cast<double>(asked.numerator) / static_cast<double>(asked.denominator)};
    });
  }
};
// endregion: responder

// region: caller
Deferred<void> ask(std::shared_ptr<AMP> peer) {
  auto quarter = peer->callRemote<Divide>({.numerator = 1, .denominator = 4});
  auto half = peer->callRemote<Divide>({.numerator = 1, .denominator = 2});  // both are on their way now
  const auto [first, second] = co_await gatherResults(std::move(quarter), std::move(half));
  std::cout << first.result << " and " << second.result << '\n';
  try {
    auto nothing =
        peer->callRemote<Divide>({.numerator = 1, .denominator = 0});  // no braces behind co_await: see pitfalls.md
    co_await std::move(nothing);
  } catch (const ZeroDivision& error) {
    std::cout << "the peer says: " << error.what() << '\n';
  }
  peer->transport().loseConnection();
}
// endregion: caller

int main() {
  auto reactor = makeReactor();
  auto port = reactor->listenTCP(0, Factory::forProtocol<Calculator>(), {.interface = "127.0.0.1"});
  HostnameEndpoint endpoint(*reactor, "127.0.0.1", port->getHost().port());
  connectProtocol(endpoint, std::make_shared<AMP>()).addCallback(ask).addBoth([&] { reactor->stop(); });
  reactor->run();
}
