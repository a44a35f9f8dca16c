// What people who know asio, libuv, Node, asyncio or folly would write here. The page docs/coming-from.md quotes it.
#include <algorithm>
#include <cctype>
#include <iostream>
#include <thread>

#include <bight/endpoints.hpp>
#include <bight/reactor.hpp>
#include <bight/task.hpp>
#include <bight/testing/clock.hpp>
#include <bight/thread_promise.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: asio-read
class Upper : public Protocol {
  void dataReceived(std::string_view data) override {  // called again and again, until connectionLost()
    std::string upper(data);                           // the view ends with the call
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    transport().write(upper);  // copied or sent before it returns
  }
};
// endregion: asio-read

class Line : public Protocol {
 public:
  Deferred<std::string> answer() {
    Deferred<std::string> d;
    answer_ = d.promise();
    return d;
  }

 private:
  // region: libuv-write
  void connectionMade() override {
    for (const char* word : {"one", " ", "line"}) transport().write(word);  // one system call, at the end of the turn
  }
  // endregion: libuv-write
  void dataReceived(std::string_view data) override {
    text_ += data;
    if (text_.size() == 8) transport().loseConnection();
  }
  void connectionLost(const Failure&) override { answer_.callback(text_); }

  Promise<std::string> answer_;
  std::string text_;
};

// region: node-promise
Deferred<int> answerIn(ReactorTime& clock, Duration delay, int answer) {
  Deferred<int> d;
  clock.callLater(delay, [promise = d.promise(), answer] { promise.callback(answer); });
  return d;
}
// endregion: node-promise

// region: asyncio-gather
Deferred<int> sum(ReactorTime& clock) {
  Deferred<int> first = answerIn(clock, 2ms, 20);  // runs already: nothing needs to be made a task
  Deferred<int> second = answerIn(clock, 1ms, 22);
  const int a = co_await std::move(first);
  const int b = co_await std::move(second);
  co_return a + b;
}
// endregion: asyncio-gather

// region: asyncio-cancelled
Deferred<void> until(ReactorTime& clock, bool& tidy) {
  try {
    co_await deferLater(clock, 1h);
  } catch (const CancelledError&) {
    tidy = true;  // what has to be done here must not wait: no co_await in a catch
    throw;
  }
}
// endregion: asyncio-cancelled

void timers(Reactor& reactor) {
  // region: asio-timer
  DelayedCall timeout = reactor.callLater(5s, [] { std::cout << "never said\n"; });
  timeout.cancel();  // it does not run at all: there is no operation_aborted
  // endregion: asio-timer
}

void thens(ReactorTime& clock) {
  // region: node-then
  succeed(6).addCallback([](int n) { std::cout << n * 7 << '\n'; });  // printed at once
  std::cout << "then this\n";
  // endregion: node-then
  // region: folly-then
  fail<int>(std::out_of_range("no such page"))
      .addErrback([](const Failure& failure) {
        failure.trap<std::out_of_range>();  // thenError(tag_t<…>): others pass on
        return 404;
      })
      .addCallback([](int status) { std::cout << status << '\n'; });
  // endregion: folly-then
  // region: asyncio-timeout
  answerIn(clock, 1h, 42).addTimeout(1ms, clock).addErrback([](const Failure& failure) {
    std::cout << failure.typeName() << '\n';
    return 0;
  });
  // endregion: asyncio-timeout
}

Deferred<void> program(Reactor& reactor) {
  timers(reactor);
  testing::Clock clock;
  thens(clock);
  clock.advance(1ms);
  auto port = reactor.listenTCP(0, Factory::forProtocol<Upper>(), {.interface = "127.0.0.1"});
  auto line = std::make_shared<Line>();
  Deferred<std::string> answer = line->answer();
  TCP4ClientEndpoint endpoint(reactor, "127.0.0.1", port->getHost().port());
  co_await connectProtocol(endpoint, line);
  const std::string text = co_await std::move(answer);
  std::cout << text << '\n';
  // region: libuv-close
  co_await port->stopListening();  // uv_close() and its callback; the objects go by themselves
  // endregion: libuv-close

  // region: libuv-work
  const long n = co_await deferToThread(reactor, [] { return 6L * 7; });  // in the thread; back here with the result
  // endregion: libuv-work
  std::cout << n << '\n';

  // region: node-all
  std::vector<Deferred<int>> all;
  for (const int i : {1, 2, 3}) all.push_back(answerIn(reactor, 1ms, i));
  const std::vector<int> three = co_await gatherResults(std::move(all));
  // endregion: node-all
  std::cout << three.size() << " of 3\n";
  const int total = co_await sum(reactor);
  std::cout << total << '\n';

  bool tidy = false;
  until(reactor, tidy).cancel();
  std::cout << (tidy ? "tidied up\n" : "left as it was\n");

  // region: asio-post
  Deferred<int> measured;
  std::thread other([promise = ThreadPromise<int>(reactor, measured.promise())]() mutable {
    promise.deliver(20);  // from that thread; the chain runs in the reactor's
  });
  const int degrees = co_await std::move(measured);
  // endregion: asio-post
  other.join();
  std::cout << degrees << " degrees\n";
}

int main() {
  return react(program);
}
