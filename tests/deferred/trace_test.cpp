// What a Tracer records, and the pictures of it.
#include <bight/trace.hpp>

#include <boost/test/unit_test.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <bight/deferred.hpp>

BOOST_AUTO_TEST_SUITE(TraceSuite)

using namespace bight;

namespace {

using Kind = Recording::Event::Kind;

/// A chain with everything: recovered, waited for, one of two, skipped.
Recording recordTour() {
#line 20 "trace_test.cpp"
  Deferred<int> later;
  const Promise<int> promise = later.promise();
  Tracer tracer;
#line 101 "tour.cpp"
  Deferred<int> d;
  d.addCallback([](int n) { return n + 1; });
  d.addErrback([](const Failure&) { return 0; });
  d.addCallback([&](int) { return std::move(later); });
  d.addCallbacks([](int) -> int { throw std::runtime_error("too <large>"); }, [](const Failure&) { return 1; });
  d.addCallback([](int n) { return n; });
  d.addErrback([](const Failure&) { return 7; });
  d.callback(41);
  promise.callback(3);
  auto text = std::move(d).addCallback([](int n) { return std::string(2, static_cast<char>('0' + n)); });
#line 35 "trace_test.cpp"
  return tracer.recording();
}

std::string kinds(const Recording& recording) {
  std::string text;
  for (const auto& event : recording.events) text += (text.empty() ? "" : " ") + std::string(toString(event.kind));
  return text;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_recording_in_words) {
  const std::string text = toText(recordTour());
  BOOST_TEST(text ==
             "  Deferred of tour.cpp:101 fired with 41\n"
             "  callback of tour.cpp:102 runs with 41\n"
             "  callback of tour.cpp:102 returns 42\n"
             "- errback of tour.cpp:103 is skipped by 42\n"
             "  callback of tour.cpp:104 runs with 42\n"
             "  callback of tour.cpp:104 returns the Deferred of trace_test.cpp:20\n"
             "  Deferred of tour.cpp:101 waits for the Deferred of trace_test.cpp:20\n"
             "    Deferred of trace_test.cpp:20 fired with 3\n"
             "    Deferred of trace_test.cpp:20 hands on 3\n"
             "  callback of tour.cpp:104 goes on with 3 of the Deferred of trace_test.cpp:20\n"
             "  addCallbacks of tour.cpp:105 runs with 3\n"
             "! addCallbacks of tour.cpp:105 fails with std::runtime_error: too <large>\n"
             "! callback of tour.cpp:106 is skipped by std::runtime_error: too <large>\n"
             "! errback of tour.cpp:107 runs with std::runtime_error: too <large>\n"
             "  errback of tour.cpp:107 returns 7\n"
             "  callback of tour.cpp:110 runs with 7\n"
             "  callback of tour.cpp:110 returns \"77\"\n");
}

BOOST_AUTO_TEST_CASE(the_pictures_have_what_happened_in_them) {
  const Recording tour = recordTour();
  const std::string svg = toSvg(tour);
  BOOST_TEST(svg.starts_with("<svg xmlns="));
  BOOST_TEST(svg.ends_with("</svg>\n"));
  for (const char* part : {"tour.cpp:102", "too &lt;large&gt;", "class=\"onfailure\"", "class=\"nested\"",
                           "&quot;77&quot;", "data-stage=\"0-3\""})
    BOOST_TEST(has(svg, part), part);
  const std::string html = toHtml(tour);
  BOOST_TEST(has(html, svg));
  BOOST_TEST(has(html, "\"place\":\"tour.cpp:105\""));
  const std::string mermaid = toMermaid(tour);
  BOOST_TEST(mermaid.starts_with("flowchart TD\n  subgraph c0[\"Deferred of tour.cpp:101\"]\n"), mermaid);
  BOOST_TEST(has(mermaid, "c0s3 -. \"std::runtime_error: too <large>\" .-> c0s4\n"), mermaid);
  BOOST_TEST(has(mermaid, "  c0s2 ==> c1f\n"), mermaid);
  const std::string json = toJson(tour);
  BOOST_TEST(has(json,
                 "{\"kind\":\"threw\",\"chain\":0,\"stage\":3,\"other\":null,\"failed\":true,"
                 "\"result\":\"std::runtime_error: too \\u003clarge>\"}"),
             json);
  BOOST_TEST(has(toSvg(Recording()), "nothing was recorded"));
}

BOOST_AUTO_TEST_CASE(one_deferred_alone) {
  Deferred<int> watched;
  Deferred<int> other;
  const Tracer tracer(watched);
  watched.addCallback([](int n) { return n; });
  other.addCallback([](int n) { return n; });
  other.callback(1);
  watched.callback(2);
  BOOST_TEST(kinds(tracer.recording()) == "fired ran returned");
}

BOOST_AUTO_TEST_CASE(stages_that_wait_pauses_cancelling_and_the_end) {
  Recording recording;
  {
    Tracer tracer;
    Deferred<int> d;
    tracer.attach(d);
    d.addCallback([&d](int n) {
      d.pause();
      return n;
    });
    d.addCallback([](int n) { return n; });
    d.callback(1);
    BOOST_TEST(kinds(tracer.recording()) == "fired ran returned paused");
    BOOST_TEST(tracer.recording().chains.at(0).stages.size() == 2u);
    d.unpause();
    d.cancel();
    {
      const Deferred<int> gone = std::move(d);
    }
    recording = tracer.recording();
  }
  BOOST_TEST(kinds(recording) == "fired ran returned paused ran returned cancelled ended");
}

BOOST_AUTO_TEST_CASE(coroutines_and_values_in_words) {
  Tracer tracer;
  const auto add = [](Deferred<std::vector<int>> d) -> Deferred<bool> {
    const std::vector<int> values = co_await std::move(d);
    co_return values.size() == 2;
  };
  Deferred<std::vector<int>> d;
  const Promise<std::vector<int>> promise = d.promise();
  add(std::move(d)).addCallback([](bool) { return 1.5; }).addCallback([](double) {});
  promise.callback(std::vector<int>{1, 2});
  const std::string text = toText(tracer.recording());
  BOOST_TEST(has(text, "a coroutine gets [1, 2] at trace_test.cpp:"), text);
  BOOST_TEST(has(text, " fired with true\n"), text);
  BOOST_TEST(has(text, " returns 1.5\n"), text);
  BOOST_TEST(has(text, " returns nothing\n"), text);
}

BOOST_AUTO_TEST_CASE(limits_and_a_tracer_that_ends_within_a_stage) {
  auto tracer = std::make_unique<Tracer>(3);
  Deferred<int> d;
  for (int i = 0; i < 3; ++i) d.addCallback([](int n) { return n; });
  d.callback(1);
  BOOST_TEST(tracer->recording().events.size() == 3u);
  BOOST_TEST(tracer->recording().dropped == 4u);
  int last = 0;
  d.addCallback([&](int n) {
    tracer.reset();
    return n + 1;
  });
  d.addCallback([&](int n) { return last = n; });
  BOOST_TEST(last == 2);
}

struct Point {
  int x;
  int y;
  std::string toString() const { return "(" + std::to_string(x) + ", " + std::to_string(y) + ")"; }
};

BOOST_AUTO_TEST_CASE(several_tracers_and_values_that_tell_of_themselves) {
  std::optional<Tracer> everything;
  everything.emplace();
  BOOST_CHECK_THROW(Tracer{}, std::logic_error);
  Deferred<Point> first;
  Deferred<Point> second;
  const Promise<Point> one = first.promise();
  const Promise<Point> two = second.promise();
  {
    const Tracer ofSecond(second);
    std::optional<Tracer> ofFirst;
    ofFirst.emplace(first);
    one.callback({1, 2});
    first.addCallback([](Point p) { return Point{p.y, p.x}; });
    const auto points = [](const Recording& recording) {
      std::string text;
      for (const auto& event : recording.events) text += event.result + ' ';
      return text;
    };
    BOOST_TEST(points(ofFirst->recording()) == "(1, 2) (1, 2) (2, 1) ");
    ofFirst.reset();  // from here on it is one of all
    first.addCallback([](Point p) { return Point{p.y + 6, p.x}; });
    BOOST_TEST(points(everything->recording()) == "(2, 1) (2, 1) (7, 2) ");
    BOOST_TEST(ofSecond.recording().events.empty());
    everything.reset();
    two.callback({5, 5});
    second.addCallback([](Point p) { return p; });
    BOOST_TEST(points(ofSecond.recording()) == "(5, 5) (5, 5) (5, 5) ");
  }
  first.addCallback([](Point p) { return p; });
}

BOOST_AUTO_TEST_SUITE_END()
