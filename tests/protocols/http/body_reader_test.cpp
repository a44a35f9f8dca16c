#include <bight/http/body_reader.hpp>

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/connection_errors.hpp>
#include <bight/testing/string_transport.hpp>

#include "http/body_pipe.hpp"

BOOST_AUTO_TEST_SUITE(BodyReaderTest)

using namespace bight;
using http::BodyReader;
using http::detail::BodyPipe;

namespace {

struct Source : http::detail::BodySource {
  void pauseBody() override { said += 'p'; }
  void resumeBody() override { said += 'r'; }
  void bodyDropped() override { said += 'd'; }

  std::string said;
  Ref<BodyPipe> pipe = makeRef<BodyPipe>(this);
  std::optional<BodyReader> reader{std::in_place, pipe};
};

// What became of a Deferred: its value, "waits", or what the failure says.
template <class T>
std::string now(Deferred<T>& d) {
  std::string said = "waits";
  if (!d.called()) return said;
  if constexpr (std::is_void_v<T>) {
    std::move(d).addBoth([&](const Result<void>& r) { said = r ? "done" : r.failure().getErrorMessage(); });
  } else {
    std::move(d).addBoth([&](const Result<T>& r) { said = r ? *r : r.failure().getErrorMessage(); });
  }
  return said;
}

Deferred<std::string> twoPieces(BodyReader& reader) {
  std::string first = co_await reader.read();
  std::string second = co_await reader.read();
  co_return first + "|" + second;
}

}  // namespace

BOOST_AUTO_TEST_CASE(pieces_are_read_as_they_come_and_the_end_is_empty) {
  Source source;
  source.pipe->push("early");
  Deferred<std::string> both = twoPieces(*source.reader);
  BOOST_TEST(!both.called());
  source.pipe->push("late");
  BOOST_TEST(now(both) == "early|late");
  source.pipe->push("a");
  source.pipe->push("b");
  source.pipe->end();
  BOOST_TEST(source.reader->received() == 11u);
  auto rest = source.reader->read(), end = source.reader->read(), still = source.reader->read();
  BOOST_TEST(now(rest) == "ab");
  BOOST_TEST(now(end).empty());
  BOOST_TEST(now(still).empty());
  BOOST_TEST(source.reader->ended());
  BOOST_TEST(source.said.empty());
}

BOOST_AUTO_TEST_CASE(more_than_64_kib_unread_pause_the_source_until_they_are_read) {
  Source source;
  source.pipe->push(std::string(BodyPipe::mostUnread, 'x'));
  BOOST_TEST(source.said.empty());
  source.pipe->push("y");
  source.pipe->push("z");
  BOOST_TEST(source.said == "p");
  auto piece = source.reader->read();
  BOOST_TEST(source.said == "pr");
  BOOST_TEST(now(piece).size() == BodyPipe::mostUnread + 2);
  auto all = source.reader->readAll();
  source.pipe->push(std::string(BodyPipe::mostUnread + 1, 'x'));  // who wants all is not waited for
  BOOST_TEST(source.said == "pr");
  source.pipe->end();
  BOOST_TEST(now(all).size() == BodyPipe::mostUnread + 1);
}

BOOST_AUTO_TEST_CASE(failures_come_after_what_had_arrived) {
  Source source;
  source.pipe->push("half");
  source.pipe->fail(Failure(http::IncompleteBody(4, 8, "the connection was lost")));
  auto piece = source.reader->read(), then = source.reader->read(), all = source.reader->readAll();
  BOOST_TEST(now(piece) == "half");
  BOOST_TEST(now(then) == "The content is incomplete: the connection was lost after 4 of 8 bytes.");
  BOOST_TEST(now(all).starts_with("The content is incomplete"));

  Source waited;
  auto waiting = waited.reader->readAll();
  waited.pipe->push("half");
  waited.pipe->fail(Failure(http::IncompleteBody(4, {}, "the connection was lost")));
  BOOST_TEST(now(waiting) == "The content is incomplete: the connection was lost after 4 bytes.");
}

BOOST_AUTO_TEST_CASE(read_all_has_a_limit) {
  Source source;
  auto all = source.reader->readAll(4);
  source.pipe->push("1234");
  BOOST_TEST(!all.called());
  source.pipe->push("5");
  BOOST_TEST(now(all) == "The content is larger than the 4 bytes that are allowed for it.");
  BOOST_TEST(source.said == "d");
  source.pipe->push("ignored");
  source.pipe->end();

  BodyReader known(std::string("12345"));
  auto tooLong = known.readAll(4);
  BOOST_TEST(now(tooLong).starts_with("The content is larger"));
  BodyReader fits(std::string("1234"));
  BOOST_TEST(fits.length().value() == 4u);
  auto content = fits.readAll(4);
  BOOST_TEST(now(content) == "1234");
  auto nothing = BodyReader().readAll(0);
  BOOST_TEST(now(nothing).empty());
}

BOOST_AUTO_TEST_CASE(for_each_takes_pieces_at_the_pace_of_the_deferreds_it_returns) {
  Source source;
  source.pipe->push("before");
  std::vector<std::string> got;
  std::vector<Promise<void>> promises;
  auto done = source.reader->forEach([&](std::string_view piece) {
    got.emplace_back(piece);
    Deferred<void> d;
    promises.push_back(d.promise());
    return d;
  });
  source.pipe->push("two");
  source.pipe->push("three");
  BOOST_TEST(got == std::vector<std::string>{"before"}, boost::test_tools::per_element());
  promises[0].callback();
  BOOST_TEST(got.back() == "twothree");
  source.pipe->push(std::string(BodyPipe::mostUnread + 1, 'x'));
  BOOST_TEST(source.said == "p");
  source.pipe->end();
  promises[1].callback();
  BOOST_TEST(!done.called());
  promises[2].callback();
  BOOST_TEST(now(done) == "done");
}

BOOST_AUTO_TEST_CASE(what_for_each_throws_or_is_failed_with_ends_it) {
  Source source;
  auto thrown = source.reader->forEach([](std::string_view) { throw std::runtime_error("the disk is full"); });
  source.pipe->push("x");
  BOOST_TEST(now(thrown) == "the disk is full");
  BOOST_TEST(source.said == "d");
  auto after = source.reader->read();
  BOOST_TEST(now(after) == "The content is incomplete: the rest was not wanted after 1 bytes.");

  Source later;
  Deferred<void> pace;
  auto failed = later.reader->forEach([&](std::string_view) { return std::move(pace); });
  Promise<void> promise = pace.promise();
  later.pipe->push("x");
  promise.errback(std::runtime_error("no room"));
  BOOST_TEST(now(failed) == "no room");
  BOOST_TEST(later.said == "d");
}

BOOST_AUTO_TEST_CASE(dropping_the_reader_drops_the_rest_unless_something_is_under_way) {
  Source idle;
  idle.pipe->push("unread");
  idle.reader.reset();
  BOOST_TEST(idle.said == "d");
  BOOST_TEST(!idle.pipe->wanted());

  Source busy;
  auto all = busy.reader->readAll();
  busy.reader.reset();
  BOOST_TEST(busy.said.empty());
  busy.pipe->push("whole");
  busy.pipe->end();
  BOOST_TEST(now(all) == "whole");

  Source one;
  auto piece = one.reader->read();
  one.reader.reset();
  one.pipe->push("one");
  BOOST_TEST(now(piece) == "one");
  BOOST_TEST(one.said == "d");
}

BOOST_AUTO_TEST_CASE(cancelling_a_read_loses_nothing_and_cancelling_the_others_drops_the_rest) {
  Source source;
  auto given = source.reader->read();
  given.cancel();
  BOOST_TEST(now(given) == CancelledError().what());
  source.pipe->push("kept");
  auto piece = source.reader->read();
  BOOST_TEST(now(piece) == "kept");
  BOOST_TEST(source.said.empty());
  auto all = source.reader->readAll();
  BOOST_CHECK_THROW(static_cast<void>(source.reader->read()), std::logic_error);
  all.cancel();
  BOOST_TEST(now(all) == CancelledError().what());
  BOOST_TEST(source.said == "d");

  Source each;
  bool stepCancelled = false;
  auto done = each.reader->forEach([&](std::string_view) { return Deferred<void>([&] { stepCancelled = true; }); });
  each.pipe->push("x");
  done.cancel();
  BOOST_TEST(stepCancelled);
  BOOST_TEST(now(done) == CancelledError().what());
  BOOST_TEST(each.said == "d");
}

BOOST_AUTO_TEST_CASE(a_consumer_steers_what_is_piped_to_it) {
  Source source;
  auto transport = makeRef<testing::StringTransport>();
  auto done = source.reader->pipeTo(*transport);
  const auto push = [&] { return static_cast<PushProducer*>(transport->producer()); };
  source.pipe->push("a");
  BOOST_TEST(transport->value() == "a");
  push()->pauseProducing();
  source.pipe->push("b");
  BOOST_TEST(transport->value() == "a");
  push()->resumeProducing();
  BOOST_TEST(transport->value() == "ab");
  source.pipe->end();
  BOOST_TEST(now(done) == "done");
  BOOST_TEST(!transport->producer());

  Source lost;
  auto broken = lost.reader->pipeTo(*transport);
  transport->producer()->stopProducing();
  BOOST_TEST(now(broken) == "The content's consumer is gone.");
  BOOST_TEST(lost.said == "d");
}

BOOST_AUTO_TEST_SUITE_END()
