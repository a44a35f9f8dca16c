#include <bight/line_receiver.hpp>

#include <bight/testing.hpp>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(line_receiver)

using namespace bight;

namespace line_receiver_test {

/// Keeps what it is given, as text: "line:…", "raw:…", "long:…".
class Recorder : public LineReceiver {
 public:
  void lineReceived(std::string_view line) override {
    events.push_back("line:" + std::string(line));
    if (onLine) onLine(line);
  }
  void rawDataReceived(std::string_view data) override {
    raw += data;
    if (onRaw) onRaw(data);
  }
  void lineLengthExceeded(std::string_view rest) override {
    events.push_back("long:" + std::string(rest));
    if (closes) LineReceiver::lineLengthExceeded(rest);
  }

  std::vector<std::string> events;
  std::string raw;
  bool closes = true;
  std::function<void(std::string_view)> onLine;
  std::function<void(std::string_view)> onRaw;
};

class OnlyRecorder : public LineOnlyReceiver {
 public:
  void lineReceived(std::string_view line) override {
    events.push_back("line:" + std::string(line));
    if (onLine) onLine(line);
  }
  void lineLengthExceeded(std::string_view line) override {
    events.push_back("long:" + std::string(line));
    if (closes) LineOnlyReceiver::lineLengthExceeded(line);
  }

  std::vector<std::string> events;
  bool closes = true;
  std::function<void(std::string_view)> onLine;
};

template <class P>
struct Wire {
  Wire() : protocol(std::make_shared<P>()), transport(makeRef<testing::StringTransport>()) {
    protocol->makeConnection(*transport);
  }
  void feed(std::string_view data) { protocol->dataReceived(data); }
  void feedAll(const std::vector<std::string_view>& pieces) {
    for (const auto piece : pieces) {
      if (transport->disconnecting()) return;  // as a connection does (C15)
      protocol->dataReceived(piece);
    }
  }

  std::shared_ptr<P> protocol;
  Ref<testing::StringTransport> transport;
};

using Events = std::vector<std::string>;

}  // namespace line_receiver_test

using namespace line_receiver_test;

// C60: whole, split at every offset, byte by byte.
BOOST_AUTO_TEST_CASE(lines_are_found_however_they_are_cut) {
  const Events expected{"line:one", "line:", "line:two\rthree\nfour", "line:\r", "line:five"};
  testing::eachFeeding("one\r\n\r\ntwo\rthree\nfour\r\n\r\r\nfive\r\nsix", [&](const auto& pieces) {
    Wire<Recorder> wire;
    wire.feedAll(pieces);
    BOOST_TEST(wire.protocol->events == expected, boost::test_tools::per_element());
    BOOST_TEST(wire.protocol->clearLineBuffer() == "six");
    Wire<OnlyRecorder> only;
    only.feedAll(pieces);
    BOOST_TEST(only.protocol->events == expected, boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(a_line_is_sent_with_its_delimiter) {
  Wire<Recorder> wire;
  wire.protocol->sendLine("hello");
  wire.protocol->setDelimiter("\n");
  wire.protocol->sendLine("there");
  Wire<OnlyRecorder> only;
  only.protocol->sendLine("");
  BOOST_TEST(wire.transport->value() == "hello\r\nthere\n");
  BOOST_TEST(only.transport->value() == "\r\n");
  BOOST_CHECK_THROW(wire.protocol->setDelimiter(""), std::invalid_argument);
  BOOST_CHECK_THROW(only.protocol->setDelimiter(""), std::invalid_argument);
}

// C60: the delimiter may change between two lines.
BOOST_AUTO_TEST_CASE(the_delimiter_may_change_midstream) {
  testing::eachFeeding("a\r\nb\nc;;d;;", [](const auto& pieces) {
    Wire<Recorder> wire;
    wire.protocol->onLine = [&](std::string_view line) {
      if (line == "a") wire.protocol->setDelimiter("\n");
      if (line == "b") wire.protocol->setDelimiter(";;");
    };
    wire.feedAll(pieces);
    BOOST_TEST(wire.protocol->events == (Events{"line:a", "line:b", "line:c", "line:d"}),
               boost::test_tools::per_element());
  });
}

// C60: raw bytes of a known length, then lines again.
BOOST_AUTO_TEST_CASE(raw_mode_and_back_at_any_byte) {
  testing::eachFeeding("len 5\r\n12\r\n5after\r\nlen 0\r\nlen 3\r\nxyzend\r\n", [](const auto& pieces) {
    Wire<Recorder> wire;
    auto& p = *wire.protocol;
    std::size_t expected = 0;
    p.onLine = [&](std::string_view line) {
      if (line.starts_with("len ")) {
        expected = static_cast<std::size_t>(line.back() - '0');
        if (expected > 0) p.setRawMode();
      }
    };
    p.onRaw = [&](std::string_view data) {
      const std::size_t mine = std::min(expected, data.size());
      p.raw.resize(p.raw.size() - (data.size() - mine));
      expected -= mine;
      if (expected == 0) p.setLineMode(data.substr(mine));
    };
    wire.feedAll(pieces);
    BOOST_TEST(p.raw == "12\r\n5xyz");
    BOOST_TEST(p.events == (Events{"line:len 5", "line:after", "line:len 0", "line:len 3", "line:end"}),
               boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(line_mode_from_outside_takes_extra_bytes) {
  Wire<Recorder> wire;
  wire.protocol->setRawMode();
  wire.feed("raw");
  wire.protocol->setLineMode("a\r\nb");
  wire.feed("c\r\n");
  BOOST_TEST(wire.protocol->events == (Events{"line:a", "line:bc"}), boost::test_tools::per_element());
  BOOST_TEST(wire.protocol->raw == "raw");
}

BOOST_AUTO_TEST_CASE(raw_mode_without_an_override_is_a_mistake) {
  class Plain : public LineReceiver {
    void lineReceived(std::string_view) override { setRawMode(); }
  };
  Wire<Plain> wire;
  BOOST_CHECK_THROW(wire.feed("x\r\nraw"), std::logic_error);
}

// C60: paused in the middle of a packet, the rest comes at the resume.
BOOST_AUTO_TEST_CASE(pausing_stops_in_the_middle_of_a_packet) {
  testing::eachFeeding("1\r\n2\r\n3\r\n4\r\n", [](const auto& pieces) {
    Wire<Recorder> wire;
    auto& p = *wire.protocol;
    p.onLine = [&](std::string_view) { p.pauseProducing(); };
    Events seen;
    for (const auto piece : pieces) {
      wire.feed(piece);
      BOOST_TEST(p.events.size() <= seen.size() + 1);
      seen = p.events;
    }
    BOOST_TEST((wire.transport->producerState() == testing::StringTransport::ProducerState::paused));
    for (int i = 0; i < 4; ++i) p.resumeProducing();
    BOOST_TEST(p.events == (Events{"line:1", "line:2", "line:3", "line:4"}), boost::test_tools::per_element());
  });
}

// Who pauses after every line must not pay for the rest of the packet each time.
BOOST_AUTO_TEST_CASE(pausing_after_every_line_is_linear) {
  Wire<Recorder> wire;
  auto& p = *wire.protocol;
  p.onLine = [&](std::string_view) { p.pauseProducing(); };
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += "\r\n";
  wire.feed(many);
  for (int i = 0; i < 200'000; ++i) p.resumeProducing();
  BOOST_TEST(p.events.size() == 200'000U);
}

// C60: after loseConnection no more lines of the same packet.
BOOST_AUTO_TEST_CASE(after_lose_connection_no_more_lines) {
  Wire<Recorder> wire;
  wire.protocol->onLine = [&](std::string_view) { wire.protocol->transport().loseConnection(); };
  wire.feed("a\r\nb\r\n");
  BOOST_TEST(wire.protocol->events == Events{"line:a"}, boost::test_tools::per_element());
  Wire<OnlyRecorder> only;
  only.protocol->onLine = [&](std::string_view) { only.protocol->transport().abortConnection(); };
  only.feed("a\r\nb\r\n");
  BOOST_TEST(only.protocol->events == Events{"line:a"}, boost::test_tools::per_element());
}

// C60: what was not delivered can be taken.
BOOST_AUTO_TEST_CASE(the_buffer_can_be_taken) {
  Wire<Recorder> wire;
  std::string taken;
  wire.protocol->onLine = [&](std::string_view) { taken = wire.protocol->clearLineBuffer(); };
  wire.feed("a\r\nrest of it\r\n");
  wire.feed("half");
  BOOST_TEST(taken == "rest of it\r\n");
  BOOST_TEST(wire.protocol->clearLineBuffer() == "half");
  wire.feed("b\r\n");
  BOOST_TEST(wire.protocol->events == (Events{"line:a", "line:b"}), boost::test_tools::per_element());
}

// C61: exactly the limit is accepted; a complete line above it takes all that follows with it.
BOOST_AUTO_TEST_CASE(the_limit_of_line_receiver) {
  Wire<Recorder> wire;
  wire.protocol->setMaxLength(4);
  wire.feed("1234\r\n12345\r\nmore");
  BOOST_TEST(wire.protocol->events == (Events{"line:1234", "long:12345\r\nmore"}), boost::test_tools::per_element());
  BOOST_TEST(wire.transport->disconnecting());
  // Incomplete: not before it is as long as the longest line with its delimiter.
  Wire<Recorder> slow;
  slow.protocol->setMaxLength(4);
  slow.feed("12345");
  BOOST_TEST(slow.protocol->events.empty());
  slow.feed("6");
  BOOST_TEST(slow.protocol->events == Events{"long:123456"}, boost::test_tools::per_element());
  BOOST_TEST(slow.transport->disconnecting());
}

// C62: LineOnlyReceiver passes only the line, and counts an incomplete one without its delimiter.
BOOST_AUTO_TEST_CASE(the_limit_of_line_only_receiver) {
  Wire<OnlyRecorder> wire;
  wire.protocol->setMaxLength(4);
  wire.protocol->closes = false;
  wire.feed("1234\r\n12345\r\nok\r\n1234");
  BOOST_TEST(wire.protocol->events == (Events{"line:1234", "long:12345", "line:ok"}), boost::test_tools::per_element());
  wire.feed("5");
  BOOST_TEST(wire.protocol->events.back() == "long:12345");
  Wire<OnlyRecorder> closing;
  closing.protocol->setMaxLength(4);
  closing.feed("12345\r\nok\r\n");
  BOOST_TEST(closing.protocol->events == Events{"long:12345"}, boost::test_tools::per_element());
  BOOST_TEST(closing.transport->disconnecting());
}

// A line that comes byte by byte costs no more than its length.
BOOST_AUTO_TEST_CASE(a_long_line_byte_by_byte_is_linear) {
  Wire<Recorder> wire;
  Wire<OnlyRecorder> only;
  wire.protocol->setMaxLength(1'000'000);
  only.protocol->setMaxLength(1'000'000);
  for (int i = 0; i < 500'000; ++i) {
    wire.feed("x");
    only.feed("\r");
  }
  wire.feed("\r\n");
  only.feed("\n");
  BOOST_TEST(wire.protocol->events.at(0).size() == 500'005U);
  BOOST_TEST(only.protocol->events.at(0).size() == 500'004U);
}

// What lineReceived throws leaves nothing half done.
BOOST_AUTO_TEST_CASE(an_exception_passes_through) {
  Wire<Recorder> wire;
  wire.protocol->onLine = [](std::string_view line) {
    if (line == "bad") throw std::runtime_error("bad line");
  };
  BOOST_CHECK_THROW(wire.feed("good\r\nbad\r\nlost\r\n"), std::runtime_error);
  wire.feed("next\r\n");
  BOOST_TEST(wire.protocol->events == (Events{"line:good", "line:bad", "line:next"}), boost::test_tools::per_element());
}

// Everything at once, against a model that has all bytes at hand.
BOOST_AUTO_TEST_CASE(random_cuts_pauses_and_modes_agree_with_the_whole) {
  std::mt19937 random(4711);
  for (int round = 0; round < 500; ++round) {
    std::string stream;
    Events expected;
    std::string raw;
    for (int i = 0; i < 30; ++i) {
      if (random() % 4 == 0) {
        const std::size_t n = 1 + random() % 9;
        expected.push_back("line:R" + std::to_string(n));
        stream += "R" + std::to_string(n) + "\r\n";
        const std::string bytes(n, random() % 2 == 0 ? '\r' : 'b');
        stream += bytes;
        raw += bytes;
      } else {
        const std::string line(random() % 12, random() % 3 == 0 ? '\r' : 'l');
        if (line.ends_with('\r')) continue;
        expected.push_back("line:" + line);
        stream += line + "\r\n";
      }
    }
    Wire<Recorder> wire;
    auto& p = *wire.protocol;
    std::size_t left = 0;
    bool paused = false;
    const auto maybePause = [&] {
      if (random() % 5 != 0) return;
      p.pauseProducing();
      paused = true;
      if (random() % 3 == 0) {
        p.resumeProducing();
        paused = false;
      }
    };
    p.onLine = [&](std::string_view line) {
      if (line.starts_with("R")) {
        left = static_cast<std::size_t>(line[1] - '0');
        p.setRawMode();
      }
      maybePause();
    };
    p.onRaw = [&](std::string_view data) {
      const std::size_t mine = std::min(left, data.size());
      p.raw.resize(p.raw.size() - (data.size() - mine));
      left -= mine;
      if (left == 0) p.setLineMode(data.substr(mine));
      maybePause();
    };
    for (std::string_view rest = stream; !rest.empty();) {
      const std::size_t n = std::min<std::size_t>(rest.size(), 1 + random() % 20);
      wire.feed(rest.substr(0, n));
      rest.remove_prefix(n);
      if (paused && random() % 2 == 0) {
        paused = false;
        p.resumeProducing();
      }
    }
    for (int i = 0; i < 100; ++i) p.resumeProducing();
    BOOST_TEST(p.events == expected, boost::test_tools::per_element());
    BOOST_TEST(p.raw == raw);
  }
}

BOOST_AUTO_TEST_SUITE_END()
