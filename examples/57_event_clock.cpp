// A clock that everybody looks at: one event for all, and who comes back is told what it has missed. 57_event_clock PORT goes on.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <bight/http/client.hpp>
#include <bight/http/event_stream.hpp>
#include <bight/http/server.hpp>
#include <bight/looping_call.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: clock
class Clock : public http::Resource {
 public:
  explicit Clock(Reactor& reactor) : reactor_(reactor), ticking_(reactor, [this] { tick(); }) {}

 private:
  void tick() {
    ++ticks_;
    const std::string id = std::to_string(ticks_);
    std::string event;
    http::appendEvent(event, {.data = "tick " + id, .id = id});
    for (http::EventStream& watcher : watchers_) watcher.sendEncoded(event);  // written once, sent to all
  }

  http::Answer render(http::Request& request) override {
    const std::string seen = http::lastEventId(request);  // a browser says it when it comes back
    http::EventStream events(reactor_, request, {.retry = 1s});
    if (!seen.empty()) events.send({.data = "you have missed what came after " + seen});
    watchers_.push_back(events);
    if (ticks_ == 0 && watchers_.size() == 1) ticking_.start(50ms, false);
    events.ended().addCallback([this, events](bool) { std::erase(watchers_, events); });
    return events.stream();
  }

  Reactor& reactor_;
  LoopingCall ticking_;
  std::vector<http::EventStream> watchers_;
  int ticks_ = 0;
};
// endregion: clock

Deferred<void> watch(Reactor& reactor, std::string url) {
  http::RequestOptions options;
  options.headers.add("Last-Event-ID", "0");
  auto answer = co_await http::get(reactor, url, std::move(options));
  std::string got;
  while (got.find("tick 3") == std::string::npos) {
    const std::string piece = co_await answer.body().read();
    got += piece;
  }
  std::cout << got;
}

int main(int argc, char** argv) {
  auto reactor = makeReactor();
  auto clock = std::make_shared<Clock>(*reactor);
  const auto port = reactor->listenTCP(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0),
                                       std::make_shared<http::Site>(*reactor, clock), {.interface = "127.0.0.1"});
  const std::string url = "http://127.0.0.1:" + std::to_string(port->getHost().port()) + "/";
  if (argc > 1) std::cout << url << std::endl;
  reactor->callWhenRunning([&] {
    if (argc > 1) return;
    watch(*reactor, url).addBoth([&](Result<void> result) {
      if (!result) std::cout << result.failure().getErrorMessage() << '\n';
      reactor->stop();
    });
  });
  reactor->run();
}
