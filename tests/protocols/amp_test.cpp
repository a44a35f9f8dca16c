#include <bight/amp.hpp>

#include <bight/connection_errors.hpp>
#include <bight/testing.hpp>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace amp_test {

using namespace bight;
using namespace std::string_literals;

namespace amp_test {

struct ZeroDivision : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Sum {
  static constexpr std::string_view name = "Sum";
  struct Arguments {
    std::int64_t a = 0;
    std::int64_t b = 0;
  };
  struct Answer {
    std::int64_t total = 0;
  };
  static constexpr auto arguments = amp::fields(amp::field("a", &Arguments::a), amp::field("b", &Arguments::b));
  static constexpr auto answer = amp::fields(amp::field("total", &Answer::total));
};

struct Divide {
  static constexpr std::string_view name = "Divide";
  using Arguments = Sum::Arguments;
  struct Answer {
    double result = 0;
  };
  static constexpr auto arguments = Sum::arguments;
  static constexpr auto answer = amp::fields(amp::field("result", &Answer::result));
  static constexpr auto errors = amp::errors(amp::error<ZeroDivision>("ZERO_DIVISION"));
};

struct Point {
  int x = 0;
  std::optional<int> y;
  static constexpr auto fields = amp::fields(amp::field("x", &Point::x), amp::field("y", &Point::y));
};

struct Everything {
  bool yes = false;
  std::uint8_t small = 0;
  double real = 0;
  std::string text;
  std::vector<std::string> list;
  std::vector<int> numbers;
  std::vector<Point> points;
  std::optional<std::string> maybe;
  static constexpr auto all =
      amp::fields(amp::field("yes", &Everything::yes), amp::field("small", &Everything::small),
                  amp::field("real", &Everything::real), amp::field("text", &Everything::text),
                  amp::field("list", &Everything::list), amp::field("numbers", &Everything::numbers),
                  amp::field("points", &Everything::points), amp::field("maybe", &Everything::maybe));
};

/// Answers as it is told, some later.
class Calculator : public AMP {
 public:
  explicit Calculator(const amp::Limits& limits = {}) : AMP(limits) {
    respond<Sum>([this](const Sum::Arguments& asked) -> Deferred<Sum::Answer> {
      ++sums;
      if (!late) return succeed(Sum::Answer{asked.a + asked.b});
      Deferred<Sum::Answer> later([this] { ++cancelled; });
      waiting.push_back({later.promise(), asked.a + asked.b});
      return later;
    });
    respond<Divide>([](const Divide::Arguments& asked) {
      if (asked.b == 0) throw ZeroDivision("dividing by zero");
      if (asked.b == 13) throw std::runtime_error("a secret about our insides");
      return Divide::Answer{static_cast<double>(asked.a) / static_cast<double>(asked.b)};
    });
  }
  void answer(std::size_t index) { waiting.at(index).first.callback(Sum::Answer{waiting.at(index).second}); }

  bool late = false;
  int sums = 0;
  int cancelled = 0;
  std::vector<std::pair<Promise<Sum::Answer>, std::int64_t>> waiting;
};

struct Pair {
  explicit Pair(const amp::Limits& clientLimits = {}, const amp::Limits& serverLimits = {})
      : client(std::make_shared<Calculator>(clientLimits)), server(std::make_shared<Calculator>(serverLimits)) {
    pump = std::make_unique<testing::IOPump>(client, server);
  }
  std::shared_ptr<Calculator> client;
  std::shared_ptr<Calculator> server;
  std::unique_ptr<testing::IOPump> pump;
};

/// What a Deferred has come to.
template <class T>
struct Outcome {
  explicit Outcome(Deferred<T> deferred) {
    std::move(deferred).addCallbacks([this](T result) { value = std::move(result); },
                                     [this](const Failure& why) { failure = why; });
  }
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  std::optional<T> value;
  std::optional<Failure> failure;
};

std::string counted(std::string_view bytes) {
  return std::string{static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())} + std::string(bytes);
}

}  // namespace amp_test

using namespace amp_test;

BOOST_AUTO_TEST_SUITE(amp_boxes)

// Twisted's wire format.
BOOST_AUTO_TEST_CASE(a_box_is_written_as_twisted_writes_it) {
  const amp::Box box{{"_ask", "1"}, {"a", ""}};
  BOOST_TEST(box.serialize() ==
             "\0\4_ask\0\1"s
             "1\0\1"s
             "a\0\0\0\0"s);
  BOOST_CHECK_THROW((amp::Box{{std::string(256, 'k'), ""}}.serialize()), amp::TooLongError);
  BOOST_CHECK_THROW((amp::Box{{"k", std::string(65536, 'v')}}.serialize()), amp::TooLongError);
  BOOST_CHECK_THROW((amp::Box{{"", "v"}}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(boxes_are_found_however_they_are_cut) {
  const std::vector<amp::Box> sent{{{"a", "1"}, {"b", ""}}, {}, {{std::string(255, 'k'), std::string(300, 'v')}}};
  std::string wire;
  for (const auto& box : sent) wire += box.serialize();
  testing::eachFeeding(wire, [&](const auto& pieces) {
    amp::BoxReader reader;
    std::vector<amp::Box> got;
    for (auto piece : pieces)
      while (auto box = reader.next(piece)) got.push_back(*box);
    BOOST_TEST((got == sent));
    BOOST_TEST(!reader.inside());
  });
}

BOOST_AUTO_TEST_CASE(what_is_no_box_is_refused) {
  const auto read = [](std::string_view bytes, std::size_t most = 1000) {
    amp::BoxReader reader(most);
    return reader.next(bytes).has_value();
  };
  BOOST_CHECK_THROW(read("\1\0"s), amp::ProtocolError);  // a key of 256 bytes
  BOOST_CHECK_THROW(read(counted("a") + counted("1") + counted("a") + counted("2") + "\0\0"s), amp::ProtocolError);
  BOOST_CHECK_THROW(read(counted("a") + counted(std::string(1000, 'v'))), amp::ProtocolError);
  BOOST_TEST(!read(counted("a") + counted("incomplete")));
  std::string many;
  for (int i = 0; i < 1001; ++i) many += counted(std::to_string(i)) + counted("");
  BOOST_CHECK_THROW(read(many, 1 << 20), amp::ProtocolError);
}

BOOST_AUTO_TEST_CASE(values_survive_the_way) {
  Everything sent{
      true, 255, 0.1, "bytes\0too"s, {"a", "", "b"}, {1, -2, std::numeric_limits<int>::min()}, {{1, 2}, {3, {}}}, {}};
  amp::Box box;
  amp::toBox(sent, Everything::all, box);
  BOOST_TEST(*box.find("yes") == "True");
  BOOST_TEST(*box.find("small") == "255");
  BOOST_TEST(*box.find("real") == "0.1");
  BOOST_TEST(*box.find("list") == "\0\1a\0\0\0\1b"s);
  BOOST_TEST(*box.find("points") ==
             "\0\1x\0\1"s
             "1\0\1y\0\1"s
             "2\0\0\0\1x\0\1"s
             "3\0\0"s);
  BOOST_TEST(box.find("maybe") == nullptr);
  const auto got = amp::fromBox<Everything>(box, Everything::all);
  BOOST_TEST(got.text == sent.text);
  BOOST_TEST(got.list == sent.list);
  BOOST_TEST(got.numbers == sent.numbers);
  BOOST_TEST((got.points.size() == 2 && got.points[0].y == 2 && !got.points[1].y));
  BOOST_TEST((got.yes && got.small == 255 && got.real == 0.1 && !got.maybe));

  for (const auto& [key, bad] : {std::pair{"yes", "true"s},
                                 {"small", "256"s},
                                 {"small", ""s},
                                 {"small", "1 "s},
                                 {"small", "-1"s},
                                 {"real", "one"s},
                                 {"list", "\0"s},
                                 {"list", "\0\2a"s},
                                 {"points", "\0\1x"s},
                                 {"points", "\1\0"s},
                                 {"points", "\0\0"s}}) {
    amp::Box broken = box;
    broken.set(key, bad);
    BOOST_CHECK_THROW(amp::fromBox<Everything>(broken, Everything::all), amp::InvalidValueError);
  }
  BOOST_CHECK_THROW(amp::fromBox<Everything>(amp::Box(), Everything::all), amp::InvalidValueError);
  BOOST_CHECK_THROW(amp::encode(std::vector<std::string>{std::string(70000, 'x')}), amp::TooLongError);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(amp_protocol)

BOOST_AUTO_TEST_CASE(a_call_goes_over_the_wire_as_twisteds_does) {
  auto client = std::make_shared<Calculator>();
  auto transport = makeRef<testing::StringTransport>();
  client->makeConnection(*transport);
  Outcome<Sum::Answer> sum(client->callRemote<Sum>({.a = 40, .b = 2}));
  BOOST_TEST(transport->value() == counted("a") + counted("40") + counted("b") + counted("2") + counted("_ask") +
                                       counted("1") + counted("_command") + counted("Sum") + "\0\0"s);
  transport->clear();
  testing::eachFeeding(counted("total") + counted("42") + counted("_answer") + counted("1") + "\0\0"s,
                       [&](const auto& pieces) {
                         for (const auto piece : pieces)
                           client->dataReceived(piece);  // after the first: not waited for
                       });
  BOOST_REQUIRE(sum.value.has_value());
  BOOST_TEST(sum.value->total == 42);
  client->dataReceived(counted("_ask") + counted("x") + counted("_command") + counted("Sum") + counted("a") +
                       counted("1") + counted("b") + counted("1") + "\0\0"s);
  BOOST_TEST(transport->value() == counted("total") + counted("2") + counted("_answer") + counted("x") + "\0\0"s);
  transport->lose(*client, Failure(ConnectionDone()));
}

// Both ways, pipelined, in any order.
BOOST_AUTO_TEST_CASE(answers_come_in_any_order) {
  Pair pair;
  pair.server->late = true;
  Outcome<Sum::Answer> first(pair.client->callRemote<Sum>({.a = 1, .b = 1}));
  Outcome<Sum::Answer> second(pair.client->callRemote<Sum>({.a = 2, .b = 2}));
  Outcome<Divide::Answer> third(pair.client->callRemote<Divide>({.a = 1, .b = 2}));
  Outcome<Sum::Answer> back(pair.server->callRemote<Sum>({.a = 3, .b = 3}));
  pair.pump->flush(7);
  BOOST_TEST(third.value->result == 0.5);
  BOOST_TEST(back.value->total == 6);
  BOOST_TEST(pair.client->outstanding() == 2U);
  BOOST_TEST(pair.server->responding() == 2U);
  pair.server->answer(1);
  pair.pump->flush();
  BOOST_TEST(!first.value.has_value());
  BOOST_TEST(second.value->total == 4);
  pair.server->answer(0);
  pair.pump->flush();
  BOOST_TEST(first.value->total == 2);
  BOOST_TEST(pair.server->responding() == 0U);
}

BOOST_AUTO_TEST_CASE(errors_are_carried_across_and_others_are_kept_to_us) {
  testing::LogCapture log;
  Pair pair;
  Outcome<Divide::Answer> zero(pair.client->callRemote<Divide>({.a = 1, .b = 0}));
  Outcome<Divide::Answer> secret(pair.client->callRemote<Divide>({.a = 1, .b = 13}));
  Outcome<amp::Box> unknown(pair.client->callRemoteBox("Nonsense", {{"x", "y"}}));
  Outcome<amp::Box> wrong(pair.client->callRemoteBox("Sum", {{"a", "one"}, {"b", "2"}}));
  pair.pump->flush();
  BOOST_TEST(zero.failure->check<ZeroDivision>());
  BOOST_TEST(zero.failure->getErrorMessage() == "dividing by zero");
  BOOST_TEST(secret.failure->check<amp::UnknownRemoteError>());
  BOOST_TEST(secret.failure->getErrorMessage().find("secret") == std::string::npos);
  BOOST_TEST(log.contains("a secret about our insides"));
  BOOST_TEST(unknown.failure->check<amp::UnhandledCommandError>());
  BOOST_TEST(wrong.failure->check<amp::UnknownRemoteError>());
  BOOST_TEST(!pair.client->transport().disconnecting());
}

BOOST_AUTO_TEST_CASE(a_lost_connection_fails_calls_and_cancels_responses) {
  Pair pair;
  pair.server->late = true;
  Outcome<Sum::Answer> sum(pair.client->callRemote<Sum>({}));
  pair.pump->flush();
  pair.server->transport().loseConnection();
  pair.pump->flush();
  BOOST_TEST(sum.failure->check<ConnectionDone>());
  BOOST_TEST(pair.server->cancelled == 1);
  Outcome<Sum::Answer> late(pair.client->callRemote<Sum>({}));
  BOOST_TEST(late.failure->check<ConnectionLost>());
  BOOST_CHECK_THROW(Calculator().callRemoteBox("x", {}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_cancelled_call_is_forgotten) {
  Pair pair;
  pair.server->late = true;
  auto call = pair.client->callRemote<Sum>({});
  std::optional<Failure> failure;
  call.addErrback([&](const Failure& why) {
    failure = why;
    return Sum::Answer{};
  });
  call.cancel();
  BOOST_TEST(failure->check<CancelledError>());
  BOOST_TEST(pair.client->outstanding() == 0U);
  pair.pump->flush();
  pair.server->answer(0);
  pair.pump->flush();
  BOOST_TEST(!pair.client->transport().disconnecting());
}

BOOST_AUTO_TEST_CASE(who_wants_no_answer_gets_none) {
  testing::LogCapture log;
  Pair pair;
  pair.client->tellRemote<Sum>({.a = 1, .b = 2});
  pair.client->tellRemote<Divide>({.a = 1, .b = 13});
  pair.pump->flush();
  BOOST_TEST(pair.server->sums == 1);
  BOOST_TEST(pair.pump->serverTransport().value() == "");
  BOOST_TEST(log.contains("while responding to \"Divide\""));
}

BOOST_AUTO_TEST_CASE(limits_hold_on_both_sides) {
  Pair pair({.mostOutstanding = 3}, {.mostResponding = 2});
  pair.server->late = true;
  Outcome<Sum::Answer> one(pair.client->callRemote<Sum>({}));
  Outcome<Sum::Answer> two(pair.client->callRemote<Sum>({}));
  Outcome<Sum::Answer> three(pair.client->callRemote<Sum>({}));
  Outcome<Sum::Answer> four(pair.client->callRemote<Sum>({}));
  BOOST_TEST(four.failure->check<amp::TooManyCallsError>());
  pair.pump->flush();
  BOOST_TEST(three.failure->check<amp::TooManyCallsError>());
  pair.server->answer(0);
  pair.server->answer(1);
  pair.pump->flush();
  BOOST_TEST((one.value && two.value));

  Outcome<amp::Box> huge(pair.client->callRemoteBox("Sum", {{"a", std::string(70000, '1')}}));
  BOOST_TEST(huge.failure->check<amp::TooLongError>());
  BOOST_TEST(pair.client->outstanding() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_not_amp_closes) {
  testing::LogCapture log;
  for (const auto& bad : {"GET / HTTP/1.1\r\n"s, "\0\0"s, counted("_answer") + counted("1") + "\0\0"s,
                          counted("_answer") + counted("zzz") + "\0\0"s, counted("_error") + counted("1") + "\0\0"s}) {
    auto server = std::make_shared<Calculator>();
    auto transport = makeRef<testing::StringTransport>();
    server->makeConnection(*transport);
    server->dataReceived(bad);
    BOOST_TEST(transport->disconnecting());
    transport->lose(*server, Failure(ConnectionDone()));
  }
  BOOST_TEST(log.count("This is not AMP") == 5U);
}

BOOST_AUTO_TEST_CASE(random_changes_do_no_harm) {
  testing::LogCapture log;
  std::mt19937 random(7);  // NOLINT: the same each time
  const std::string good = amp::Box{{"a", "1"}, {"b", "2"}, {"_ask", "1"}, {"_command", "Sum"}}.serialize() +
                           amp::Box{{"_answer", "1"}, {"total", "1"}}.serialize() +
                           amp::Box{{"_error", "2"}, {"_error_code", "X"}}.serialize();
  for (int round = 0; round < 2000; ++round) {
    auto server = std::make_shared<Calculator>(amp::Limits{.mostBytes = 2000});
    auto transport = makeRef<testing::StringTransport>();
    server->makeConnection(*transport);
    Outcome<Sum::Answer> one(server->callRemote<Sum>({}));
    Outcome<Sum::Answer> two(server->callRemote<Sum>({}));
    std::string bytes = good;
    for (std::size_t i = random() % 4; i > 0; --i) bytes[random() % bytes.size()] = static_cast<char>(random());
    for (std::size_t at = 0; at < bytes.size() && !transport->disconnecting();) {
      const std::string piece = bytes.substr(at, 1 + random() % 50);
      at += piece.size();
      server->dataReceived(piece);
    }
    transport->lose(*server, Failure(ConnectionDone()));
    BOOST_REQUIRE((one.value || one.failure));
    BOOST_REQUIRE((two.value || two.failure));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace amp_test
