// Trying again, in a coroutine: what failed is looked at behind the `catch`, where one may wait.
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>

#include <bight/deferred.hpp>
#include <bight/task.hpp>
#include <bight/testing.hpp>

using namespace bight;
using namespace std::chrono_literals;

/// A server that is down for some time.
class Weather {
 public:
  explicit Weather(ReactorTime& clock) : clock_(clock) {}
  Deferred<std::string> ask() {
    co_await deferLater(clock_, 100ms);
    if (clock_.seconds() < up_) throw std::runtime_error("the server is down");
    co_return "sunny";
  }
  void isUpFrom(Duration moment) { up_ = moment; }

 private:
  ReactorTime& clock_;
  Duration up_{};
};

// region: retry
Deferred<std::string> forecast(Weather& weather, ReactorTime& clock, int attempts) {
  Duration pause = 1s;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    std::optional<Failure> trouble;
    try {
      const std::string answer = co_await weather.ask().addTimeout(5s, clock);
      co_return answer;
    } catch (const CancelledError&) {
      throw;  // whoever asked has given up: so do we
    } catch (const std::exception&) {
      trouble.emplace();  // the exception being handled; no co_await in here
    }
    std::cout << "attempt " << attempt << ": " << trouble->getErrorMessage() << '\n';
    if (attempt == attempts) co_return *trouble;  // the last failure is ours
    co_await deferLater(clock, pause);
  }
}
// endregion: retry

int main() {
  testing::Clock clock;  // or a reactor
  Weather weather(clock);
  const auto wait = [&] {
    for (int i = 0; i < 100; ++i) clock.advance(100ms);
  };

  // region: use
  weather.isUpFrom(3s);
  forecast(weather, clock, 5).addCallback([](const std::string& answer) { std::cout << answer << '\n'; });
  wait();

  weather.isUpFrom(1h);
  forecast(weather, clock, 2).addErrback([](const Failure& f) {
    std::cout << "given up: " << f.getErrorMessage() << '\n';
    return std::string();
  });
  wait();

  Deferred<std::string> unwanted = forecast(weather, clock, 100);
  unwanted.addErrback([](const Failure& f) { return f.typeName(); });
  unwanted.addCallback([](const std::string& what) { std::cout << what << '\n'; });
  unwanted.cancel();
  // endregion: use
}
