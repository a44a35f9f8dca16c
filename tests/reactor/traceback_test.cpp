// What is printed of a failure that crossed a timer, a thread, two returned Deferreds, a gathering and a coroutine.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <bight/defer_later.hpp>
#include <bight/deferred.hpp>
#include <bight/log.hpp>
#include <bight/protocol.hpp>
#include <bight/reactor.hpp>
#include <bight/stack_trace.hpp>
#include <bight/testing.hpp>
#include <bight/threads.hpp>

namespace {  // of the program: their names in a story are as short as a user's

constexpr unsigned base = __LINE__;
[[gnu::noinline]] int readDisk() {
  throw std::runtime_error("the disk is full");
}
bight::Deferred<int> load(bight::Reactor& reactor) {
  // One call in a line: clang names the line in which a chain of calls begins, for all of them.
  auto later = deferLater(reactor, std::chrono::milliseconds(1));
  auto read = std::move(later).addCallback([&reactor] { return deferToThread(reactor, readDisk); });
  return std::move(read).addCallback([](int n) { return n + 1; });
}
bight::Deferred<int> page(bight::Reactor& reactor) {
  const int size = co_await load(reactor);
  co_return size + 1;
}
bight::Deferred<std::vector<int>> pages(bight::Reactor& reactor) {
  std::vector<bight::Deferred<int>> all;
  all.push_back(page(reactor));
  return bight::gatherResults(std::move(all), true);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(Tracebacks)

using namespace bight;
using namespace std::chrono_literals;

namespace {

struct Stacks {
  bool before = capturesStacks();
  explicit Stacks(bool on) { captureStacks(on); }
  Stacks(const Stacks&) = delete;
  ~Stacks() { captureStacks(before); }
};

/// The lines, with "L3" for the third line behind `base`.
std::vector<std::string> linesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const std::string file = __FILE__ + std::string(":");
    if (const std::size_t at = line.find(file); at != line.npos) {
      std::size_t end = 0;
      const int number = std::stoi(line.substr(at + file.size()), &end);
      line.replace(at, file.size() + end, "L" + std::to_string(number - static_cast<int>(base)));
    }
    lines.push_back(line);
  }
  return lines;
}

std::string storyOf(Deferred<std::vector<int>> (*start)(Reactor&)) {
  const auto reactor = makeReactor();
  std::string text;
  reactor->callWhenRunning([&] {
    auto all = start(*reactor);
    auto done = std::move(all).addCallback([](const std::vector<int>&) {});
    done.addErrback([&](const Failure& failure) { text = failure.getTraceback(); }).addBoth([&] { reactor->stop(); });
  });
  reactor->run();
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_failure_tells_its_whole_asynchronous_story) {
  const Stacks off(false);
  const std::vector<std::string> lines = linesOf(storyOf(&pages));
  const std::vector<std::string> expected = {
      "  fired at L17",
      "    during a call from a thread",
      "    in the Deferred created at L17",
      "  then, newest first:",
      "    skipped the callback at L57",
      "  number 0 had failed:",
      "    Traceback: std::runtime_error: the disk is full",
      "      thrown by the function given at L7",
      "        during work in a thread of pool \"reactor\"",
      "      then, newest first:",
      "        gathered at L17 as number 0",
      "        awaited at L11 in page",
      "        skipped the callback at L8",
      "        in the Deferred created at L6",
      "        came to the callback at L7, which had returned this Deferred",
      "        fired by the library",
      "          during a call from a thread",
      "        in the Deferred created at L7",
  };
  BOOST_TEST_REQUIRE(!lines.empty());
  BOOST_TEST(lines.front().starts_with("Traceback: bight::FirstError: FirstError[#0, "), lines.front());
  std::vector<std::string> rest;
  for (const std::string& line : lines)
    if (line.starts_with("  ")) rest.push_back(line);
  BOOST_TEST(rest == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_comes_up_in_a_timer_says_so) {
  const Stacks off(false);
  const auto reactor = makeReactor();
  std::string thrown;
  std::string fired;
  Deferred<int> d;
  d.addErrback([&](const Failure& failure) {
    fired = failure.getTraceback();
    reactor->stop();
    return 0;
  });
  const Promise<int> promise = d.promise();
  reactor->callLater(0ms, [&] { promise.errback(std::runtime_error("late")); });
  deferLater(*reactor, 0ms, [] { throw std::runtime_error("x"); }).addErrback([&](const Failure& failure) {
    thrown = failure.getTraceback();
  });
  reactor->run();
  BOOST_TEST(fired.find("\n    during a timed call of ") != fired.npos, fired);
  BOOST_TEST(thrown.find("thrown by the callback at " __FILE__) != thrown.npos, thrown);
  BOOST_TEST(thrown.find("\n    during a timed call\n") != thrown.npos, thrown);
}

BOOST_AUTO_TEST_CASE(with_stacks_it_begins_with_the_throw) {
  const Stacks on(true);
  const std::string text = storyOf(&pages);
  BOOST_TEST(text.find("      thrown in (anonymous namespace)::readDisk() at ") != text.npos, text);
  BOOST_TEST(text.find("bight::detail") == text.npos, text);
}

/// Fires with the line that it was told of.
struct Answering : Protocol {
  explicit Answering(Promise<int> promise) : answer(std::move(promise)) {}
  void dataReceived(std::string_view data) override { answer.errback(std::runtime_error(std::string(data))); }
  Promise<int> answer;
};

struct Answers : Factory {
  explicit Answers(Promise<int> promise) : answer(std::move(promise)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return std::make_shared<Answering>(answer); }
  Promise<int> answer;
};

struct Telling : Protocol {
  void connectionMade() override { transport().write("refused"); }
};
struct Tells : ClientFactory {
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return std::make_shared<Telling>(); }
};

// Which protocol, and which peer: the one that the failure came from.
BOOST_AUTO_TEST_CASE(what_a_connection_brought_says_which) {
  const Stacks off(false);
  const auto reactor = makeReactor();
  std::string text;
  Deferred<int> d;
  d.addErrback([&](const Failure& failure) {
    text = failure.getTraceback();
    reactor->stop();
    return 0;
  });
  const auto port = reactor->listenTCP(0, std::make_shared<Answers>(d.promise()), {.interface = "127.0.0.1"});
  reactor->connectTCP("127.0.0.1", port->getHost().port(), std::make_shared<Tells>());
  reactor->callLater(20s, [&] { reactor->stop(); });
  reactor->run();
  BOOST_TEST(text.starts_with("Traceback: std::runtime_error: refused\n"), text);
  BOOST_TEST(text.find("\n    during an event of Tracebacks::Answering, connected to 127.0.0.1:") != text.npos, text);
}

BOOST_AUTO_TEST_SUITE_END()
