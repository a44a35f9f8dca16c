// The HTTP client that the peer bench asks for: `http_get PORT N CONCURRENCY` gets http://127.0.0.1:PORT/ N times, at
// most CONCURRENCY at once, and prints requests per second and the processor time of this process per request in
// microseconds.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>

#include <bight/http/client.hpp>
#include <bight/react.hpp>
#include <bight/reactor.hpp>

using namespace bight;

namespace {

double nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Run {
  http::Client client;
  Url url;
  long total;
  long started = 0;
  long finished = 0;
  Promise<void> done;

  void next() {
    if (started == total) return;
    ++started;
    client.get(url)
        .addCallback([](http::ClientResponse response) {
          if (response.status() != 200) throw std::runtime_error("bad answer: " + std::to_string(response.status()));
          return response.content();
        })
        .addCallbacks(
            [this](const std::string& content) {
              if (content != "Hello, World!") return done.errback(std::runtime_error("bad answer: " + content));
              if (++finished == total) return done.callback();
              next();
            },
            [this](const Failure& failure) {
              if (!done.called()) done.errback(failure);
            });
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: http_get PORT N CONCURRENCY\n";
    return 2;
  }
  const double wall = nanoseconds(CLOCK_MONOTONIC), cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  const long total = std::atol(argv[2]);
  const long concurrency = std::atol(argv[3]);
  return react([&](Reactor& reactor) -> Deferred<void> {
    http::AgentOptions options;
    options.connectionsPerHost = static_cast<std::size_t>(concurrency);
    Deferred<void> done;
    auto run =
        std::make_shared<Run>(Run{http::Client(std::make_shared<http::NetworkAgent>(reactor, std::move(options))),
                                  Url("http://127.0.0.1:" + std::string(argv[1]) + "/"), total, 0, 0, done.promise()});
    for (long i = 0; i < concurrency; ++i) run->next();
    return std::move(done).addCallback([=] {
      const double spent = nanoseconds(CLOCK_MONOTONIC) - wall, used = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
      std::printf("%.0f\t%.2f\n", static_cast<double>(run->total) / spent * 1e9,
                  used / 1e3 / static_cast<double>(run->total));
    });
  });
}
