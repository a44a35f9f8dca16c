// A program that does not go on: which Deferreds wait, and for what.
#include <chrono>
#include <iostream>
#include <optional>
#include <string>

#include <bight/defer_later.hpp>
#include <bight/deferred.hpp>
#include <bight/pending.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: page
std::optional<Promise<std::string>> question;  // somebody was to answer it, and has forgotten it

Deferred<std::string> ask() {
  Deferred<std::string> answer;
  question = answer.promise();
  return answer;
}

Deferred<std::string> page(Reactor& reactor) {
  std::string answer = co_await deferLater(reactor, 1ms).addCallback(ask);
  co_return "<p>" + answer;
}
// endregion: page

int main() {
  // region: dump
  watchDeferreds(Watch::each);
  const auto reactor = makeReactor();
  page(*reactor).addCallback([](const std::string& text) { std::cout << text << '\n'; });
  reactor->callLater(20ms, [&reactor] {
    dumpPending(std::cout);
    reactor->stop();
  });
  reactor->run();
  // endregion: dump

  // region: counts
  const DeferredCounts counts = deferredCounts();
  std::cout << counts.pending() << " of " << counts.created << " have not been fired\n";
  // endregion: counts

  question->callback("42");  // better late than never

  // region: left
  // At the end of a test: what it has left over.
  std::optional<Deferred<int>> forgotten;
  {
    const NothingLeft nothingLeft([](const std::string& report) { std::cout << "left over: " << report; });
    forgotten = Deferred<int>();
  }
  // endregion: left
}
