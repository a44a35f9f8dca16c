#include <bight/frames.hpp>

#include <unistd.h>

#include <bight/connection_errors.hpp>
#include <bight/file_sender.hpp>
#include <bight/int_string_receiver.hpp>
#include <bight/netstring_receiver.hpp>
#include <bight/stateful_protocol.hpp>
#include <bight/testing.hpp>
#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <system_error>
#include <vector>

namespace frames_test {

using namespace bight;

namespace frames_test {

using Strings = std::vector<std::string>;

template <class Base>
class Recorder : public Base {
 public:
  void stringReceived(std::string_view string) override {
    strings.emplace_back(string);
    if (onString) onString(string);
  }
  Strings strings;
  std::function<void(std::string_view)> onString;
};

template <class P>
struct Wire {
  std::shared_ptr<P> protocol = std::make_shared<P>();
  Ref<testing::StringTransport> transport = makeRef<testing::StringTransport>();

  Wire() { protocol->makeConnection(*transport); }
  void feed(std::string_view data) {
    if (!transport->disconnecting()) protocol->dataReceived(data);
  }
  void feedAll(const std::vector<std::string_view>& pieces) {
    for (const auto piece : pieces) feed(piece);
  }
};

std::string framed(Framing framing, std::string_view string) {
  return std::string(FrameHeader(framing, string.size()).bytes()) + std::string(string) +
         std::string(frameTrailer(framing));
}

constexpr std::array allFramings{Framing::netstring, Framing::int8, Framing::int16, Framing::int32};

using Receivers = boost::mpl::list<NetstringReceiver, Int8StringReceiver, Int16StringReceiver, Int32StringReceiver>;

template <class R>
constexpr Framing framingOf = std::is_same_v<R, NetstringReceiver>     ? Framing::netstring
                              : std::is_same_v<R, Int8StringReceiver>  ? Framing::int8
                              : std::is_same_v<R, Int16StringReceiver> ? Framing::int16
                                                                       : Framing::int32;

}  // namespace frames_test

using namespace frames_test;

BOOST_AUTO_TEST_SUITE(frame_reader)

// C63, C64: the bytes on the wire.
BOOST_AUTO_TEST_CASE(headers_are_written_as_the_framing_says) {
  using namespace std::string_literals;
  BOOST_TEST(framed(Framing::netstring, "hello") == "5:hello,");
  BOOST_TEST(framed(Framing::netstring, "") == "0:,");
  BOOST_TEST(framed(Framing::int8, "hello") == "\5hello");
  BOOST_TEST(framed(Framing::int16, "hello") == "\0\5hello"s);
  BOOST_TEST(framed(Framing::int32, std::string(258, 'x')).substr(0, 5) == "\0\0\1\2x"s);
  BOOST_CHECK_THROW(FrameHeader(Framing::int8, 256), StringTooLongError);
  BOOST_CHECK_THROW(FrameHeader(Framing::int16, 65536), StringTooLongError);
  BOOST_CHECK_THROW(FrameHeader(Framing::int32, std::size_t{1} << 32), StringTooLongError);
}

// C63, C64: seeded strings, cut at seeded places, come out as they went in.
BOOST_AUTO_TEST_CASE(random_strings_survive_random_cuts) {
  std::mt19937 random(20261121);  // NOLINT: the same each time
  for (const Framing framing : allFramings) {
    for (int round = 0; round < 50; ++round) {
      Strings sent;
      std::string wire;
      for (int i = 0; i < 20; ++i) {
        std::string string(random() % (random() % 4 == 0 ? 200 : 4), '\0');
        for (char& c : string) c = static_cast<char>(random());
        wire += framed(framing, string);
        sent.push_back(std::move(string));
      }
      FrameReader reader(framing);
      Strings got;
      for (std::size_t at = 0; at < wire.size();) {
        const std::string piece = wire.substr(at, 1 + random() % 40);
        at += piece.size();
        std::string_view input = piece;
        while (reader.next(input) == FrameReader::Step::frame) got.emplace_back(reader.frame());
        BOOST_TEST(input.empty());
      }
      BOOST_TEST(got == sent);
      BOOST_TEST(reader.kept() == 0U);
    }
  }
}

// Whatever comes, the reader neither keeps more than it was given nor goes on after an error.
BOOST_AUTO_TEST_CASE(random_bytes_do_no_harm) {
  std::mt19937 random(5);  // NOLINT: the same each time
  for (const Framing framing : allFramings) {
    for (int round = 0; round < 300; ++round) {
      FrameReader reader(framing, 300);
      std::size_t given = 0;
      for (int i = 0; i < 30; ++i) {
        std::string piece(random() % 30, '\0');
        for (char& c : piece) c = "0123456789:,ab\0\1\2"[random() % 18];
        given += piece.size();
        std::string_view input = piece;
        auto step = FrameReader::Step::frame;
        while (step == FrameReader::Step::frame) step = reader.next(input);
        BOOST_REQUIRE(input.empty() || step != FrameReader::Step::incomplete);
        BOOST_REQUIRE(reader.kept() <= given);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_whole_string_is_a_view_of_the_input) {
  FrameReader reader(Framing::int8);
  const std::string wire = framed(Framing::int8, "hello") + framed(Framing::int8, "you");
  std::string_view input = wire;
  BOOST_REQUIRE(reader.next(input) == FrameReader::Step::frame);
  BOOST_TEST(static_cast<const void*>(reader.frame().data()) == static_cast<const void*>(wire.data() + 1));
}

// An announced length costs nothing.
BOOST_AUTO_TEST_CASE(only_what_has_come_is_kept) {
  FrameReader reader(Framing::int32, std::size_t{4} << 30);
  std::string_view input =
      "\xff\xff\xff\xff"
      "abc";
  BOOST_TEST((reader.next(input) == FrameReader::Step::incomplete));
  BOOST_TEST(reader.length() == 0xffffffffU);
  BOOST_TEST(reader.kept() == 7U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(string_receivers)

// C63, C64: whole, split at every offset, byte by byte.
BOOST_AUTO_TEST_CASE_TEMPLATE(strings_are_found_however_they_are_cut, Receiver, Receivers) {
  const Framing framing = framingOf<Receiver>;
  const Strings sent{"hello", "", "a,b:c", std::string(200, 'x'), ""};
  std::string wire;
  for (const auto& string : sent) wire += framed(framing, string);
  testing::eachFeeding(wire, [&](const auto& pieces) {
    Wire<Recorder<Receiver>> w;
    w.feedAll(pieces);
    BOOST_TEST(w.protocol->strings == sent);
    BOOST_TEST(!w.transport->disconnecting());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_sent_is_what_is_received, Receiver, Receivers) {
  Wire<Recorder<Receiver>> w;
  w.protocol->sendString("one");
  w.protocol->sendString("");
  w.feed(w.transport->value());
  BOOST_TEST(w.protocol->strings == (Strings{"one", ""}));
}

// C64
BOOST_AUTO_TEST_CASE(a_string_that_the_prefix_cannot_express_is_refused) {
  Wire<Recorder<Int8StringReceiver>> w;
  BOOST_CHECK_THROW(w.protocol->sendString(std::string(256, 'x')), StringTooLongError);
  BOOST_TEST(w.transport->value().empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_limit_is_a_limit_and_exactly_it_is_accepted, Receiver, Receivers) {
  const Framing framing = framingOf<Receiver>;
  const std::string wire = framed(framing, "12345") + framed(framing, "123456") + framed(framing, "1");
  testing::eachFeeding(wire, [&](const auto& pieces) {
    Wire<Recorder<Receiver>> w;
    w.protocol->setMaxLength(5);
    w.feedAll(pieces);
    BOOST_TEST(w.protocol->strings == Strings{"12345"});
    BOOST_TEST(w.transport->disconnecting());
  });
}

// C64: told at once, with the length, and only once, also by who does not close.
BOOST_AUTO_TEST_CASE(a_too_long_string_is_told_once) {
  struct Lenient : Recorder<Int8StringReceiver> {
    void lengthLimitExceeded(std::size_t length) override { told.push_back(length); }
    std::vector<std::size_t> told;
  };
  testing::eachFeeding(
      "\11"
      "abcdefghi\1x",
      [](const auto& pieces) {
        Wire<Lenient> w;
        w.protocol->setMaxLength(8);
        w.feedAll(pieces);
        BOOST_TEST(w.protocol->told == std::vector<std::size_t>{9});
        BOOST_TEST(w.protocol->strings.empty());
      });
}

// C63: leading zeros, missing lengths, wrong ends, numbers that overflow.
BOOST_AUTO_TEST_CASE(what_is_no_netstring_closes) {
  for (const std::string wire : {"05:hello,", "00:,", ":,", "5;hello,", "5:hello.", "a", "-1:x,", " 5:hello,",
                                 "5 :hello,", "99999999999999999999999:x,", "100000:"}) {
    testing::eachFeeding("1:x," + wire, [&](const auto& pieces) {
      Wire<Recorder<NetstringReceiver>> w;
      w.feedAll(pieces);
      BOOST_TEST(w.protocol->strings == Strings{"x"}, wire);
      BOOST_TEST(w.transport->disconnecting(), wire);
    });
  }
}

BOOST_AUTO_TEST_CASE(an_incomplete_string_is_just_not_there_yet) {
  Wire<Recorder<NetstringReceiver>> w;
  w.feed("5:hell");
  BOOST_TEST(w.protocol->strings.empty());
  BOOST_TEST(!w.transport->disconnecting());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(pausing_stops_in_the_middle_of_a_packet, Receiver, Receivers) {
  const Framing framing = framingOf<Receiver>;
  Wire<Recorder<Receiver>> w;
  auto& protocol = *w.protocol;
  protocol.onString = [&](std::string_view) { protocol.pauseProducing(); };
  w.feed(framed(framing, "1") + framed(framing, "2") + framed(framing, "3") + framed(framing, "4").substr(0, 1));
  BOOST_TEST(protocol.strings == Strings{"1"});
  BOOST_TEST((w.transport->producerState() == testing::StringTransport::ProducerState::paused));
  protocol.resumeProducing();
  BOOST_TEST(protocol.strings == (Strings{"1", "2"}));
  protocol.onString = [&](std::string_view) {
    protocol.pauseProducing();
    protocol.resumeProducing();
  };
  protocol.resumeProducing();
  BOOST_TEST(protocol.strings == (Strings{"1", "2", "3"}));
  w.feed(framed(framing, "4").substr(1));
  BOOST_TEST(protocol.strings == (Strings{"1", "2", "3", "4"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nothing_comes_after_loseConnection, Receiver, Receivers) {
  const Framing framing = framingOf<Receiver>;
  Wire<Recorder<Receiver>> w;
  w.protocol->onString = [&](std::string_view) { w.protocol->transport().loseConnection(); };
  w.feed(framed(framing, "1") + framed(framing, "2"));
  BOOST_TEST(w.protocol->strings == Strings{"1"});
}

BOOST_AUTO_TEST_SUITE_END()

namespace frames_test {

/// A number of one digit, then so many letters; "0" ends it.
class Words : public StatefulProtocol<Words> {
 public:
  State getInitialState() override { return {&Words::size, 1}; }
  State size(std::string_view digit) {
    const auto count = static_cast<std::size_t>(digit[0] - '0');
    if (count == 0) return {};
    if (count == 9) return {&Words::word, std::size_t{1} << 40};
    return {&Words::word, count};
  }
  State word(std::string_view letters) {
    words.emplace_back(letters);
    return {&Words::size, 1};
  }
  Strings words;
};

class Circle : public StatefulProtocol<Circle> {
 public:
  State getInitialState() override { return {&Circle::round, 0}; }
  State round(std::string_view) { return stay(); }
};

class Login : public StatefulStringProtocol<Login, NetstringReceiver> {
 public:
  Login() : StatefulStringProtocol(&Login::name) {}
  Next name(std::string_view string) {
    said.push_back("name " + std::string(string));
    return &Login::word;
  }
  Next word(std::string_view string) {
    said.push_back("word " + std::string(string));
    if (string == "no") return {};
    return &Login::word;
  }
  Strings said;
};

}  // namespace frames_test

BOOST_AUTO_TEST_SUITE(stateful_protocol)

// C65: each state gets as many bytes as it wants, however they come.
BOOST_AUTO_TEST_CASE(states_get_exactly_what_they_want) {
  testing::eachFeeding("3abc1x2yz0rest", [](const auto& pieces) {
    Wire<Words> w;
    w.feedAll(pieces);
    BOOST_TEST(w.protocol->words == (Strings{"abc", "x", "yz"}));
  });
}

BOOST_AUTO_TEST_CASE(a_portion_beyond_the_limit_closes) {
  Wire<Words> w;
  w.feed("9abc");
  BOOST_TEST(w.transport->disconnecting());
  BOOST_TEST(w.protocol->words.empty());
}

BOOST_AUTO_TEST_CASE(states_that_lead_nowhere_are_a_mistake) {
  Wire<Circle> w;
  BOOST_CHECK_THROW(w.feed("x"), std::logic_error);
}

// C65
BOOST_AUTO_TEST_CASE(strings_go_from_state_to_state) {
  testing::eachFeeding("3:Ann,5:maybe,2:no,6:unread,", [](const auto& pieces) {
    Wire<Login> w;
    w.feedAll(pieces);
    BOOST_TEST(w.protocol->said == (Strings{"name Ann", "word maybe", "word no"}));
  });
}

BOOST_AUTO_TEST_SUITE_END()

namespace frames_test {

struct Transfer {
  Ref<testing::StringTransport> transport = makeRef<testing::StringTransport>();
  std::shared_ptr<testing::AccumulatingProtocol> protocol = std::make_shared<testing::AccumulatingProtocol>();
  std::shared_ptr<FileSender> sender = std::make_shared<FileSender>();
  std::optional<FileSent> sent;
  std::optional<Failure> failed;

  Transfer() { protocol->makeConnection(*transport); }
  void watch(Deferred<FileSent> transfer) {
    std::move(transfer).addCallbacks([this](FileSent what) { sent = what; },
                                     [this](const Failure& why) { failed = why; });
  }
  /// Sends until the sender has had enough.
  int pullAll() {
    int times = 0;
    while (transport->pull()) ++times;
    return times;
  }
};

}  // namespace frames_test

BOOST_AUTO_TEST_SUITE(file_sender)

// C65: portions of 16 KiB, the last byte, and no producer left.
BOOST_AUTO_TEST_CASE(a_stream_is_sent_portion_by_portion) {
  Transfer t;
  std::string bytes(40000, 'a');
  bytes.back() = 'z';
  t.watch(t.sender->beginFileTransfer(readString(bytes), *t.transport));
  BOOST_TEST(t.transport->value().size() == FileSender::chunkSize);
  BOOST_TEST(!t.sent.has_value());
  BOOST_TEST(t.pullAll() == 3);
  BOOST_TEST(t.transport->value() == bytes);
  BOOST_REQUIRE(t.sent.has_value());
  BOOST_TEST(t.sent->bytes == 40000U);
  BOOST_TEST((t.sent->lastSent == 'z'));
  BOOST_TEST(t.transport->producer() == nullptr);
  BOOST_TEST(!t.transport->disconnecting());
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_of_an_empty_stream) {
  Transfer t;
  t.watch(t.sender->beginFileTransfer(readString(""), *t.transport));
  BOOST_REQUIRE(t.sent.has_value());
  BOOST_TEST(t.sent->bytes == 0U);
  BOOST_TEST(!t.sent->lastSent.has_value());
}

BOOST_AUTO_TEST_CASE(a_transform_may_change_and_drop_portions) {
  Transfer t;
  int portion = 0;
  t.watch(t.sender->beginFileTransfer(
      readString(std::string(FileSender::chunkSize * 300, 'x')), *t.transport, [&](std::string_view bytes) {
        return ++portion % 100 == 0 ? std::to_string(bytes.size()) + ';' : std::string();
      }));
  t.pullAll();
  BOOST_TEST(t.transport->value() == "16384;16384;16384;");
  BOOST_REQUIRE(t.sent.has_value());
  BOOST_TEST((t.sent->lastSent == ';'));
}

// C65: "Consumer asked us to stop producing".
BOOST_AUTO_TEST_CASE(a_lost_consumer_is_a_failure_that_says_how_far_it_came) {
  Transfer t;
  t.watch(t.sender->beginFileTransfer(readString(std::string(50000, 'x')), *t.transport));
  t.transport->lose(*t.protocol, Failure(ConnectionLost()));
  BOOST_REQUIRE(t.failed.has_value());
  const auto* stopped = t.failed->get<TransferStoppedError>();
  BOOST_REQUIRE(stopped != nullptr);
  BOOST_TEST(stopped->sent() == FileSender::chunkSize);
  // and again on one that is lost already
  t.failed.reset();
  t.watch(t.sender->beginFileTransfer(readString("x"), *t.transport));
  BOOST_TEST(t.failed.has_value());
}

BOOST_AUTO_TEST_CASE(what_the_source_throws_ends_the_transfer) {
  Transfer t;
  t.watch(t.sender->beginFileTransfer(readDescriptor(-1), *t.transport));
  BOOST_REQUIRE(t.failed.has_value());
  BOOST_TEST(t.failed->check<std::system_error>());
  BOOST_TEST(t.transport->producer() == nullptr);
  // The same sender sends again.
  t.watch(t.sender->beginFileTransfer(readString("x"), *t.transport));
  t.pullAll();
  BOOST_TEST(t.sent.has_value());
}

BOOST_AUTO_TEST_CASE(cancelling_ends_the_transfer_also_from_inside_the_source) {
  Transfer t;
  auto transfer = t.sender->beginFileTransfer(readString(std::string(50000, 'x')), *t.transport);
  transfer.addErrback([&](const Failure& why) {
    t.failed = why;
    return FileSent();
  });
  transfer.cancel();
  BOOST_TEST(t.failed->check<CancelledError>());
  BOOST_TEST(t.transport->producer() == nullptr);
  BOOST_TEST(t.transport->value().size() == FileSender::chunkSize);

  t.failed.reset();
  Deferred<FileSent>* running = nullptr;
  int reads = 0;
  auto second = t.sender->beginFileTransfer(
      [&](std::span<char> into) {
        if (++reads == 2) running->cancel();
        into[0] = 'x';
        return std::size_t{1};
      },
      *t.transport);
  running = &second;
  second.addErrback([&](const Failure& why) {
    t.failed = why;
    return FileSent();
  });
  t.transport->pull();
  BOOST_TEST(t.failed.has_value());
  BOOST_TEST(t.transport->producer() == nullptr);
}

BOOST_AUTO_TEST_CASE(one_transfer_at_a_time) {
  Transfer t;
  t.watch(t.sender->beginFileTransfer(readString(std::string(50000, 'x')), *t.transport));
  BOOST_CHECK_THROW(t.sender->beginFileTransfer(readString("y"), *t.transport), std::logic_error);
  BOOST_CHECK_THROW(std::make_shared<FileSender>()->beginFileTransfer(readString("y"), *t.transport), std::logic_error);
  BOOST_CHECK_THROW(std::make_shared<FileSender>()->beginFileTransfer({}, *t.transport), std::invalid_argument);
  t.pullAll();
  BOOST_TEST(t.sent.has_value());
}

BOOST_AUTO_TEST_CASE(a_descriptor_is_read_to_its_end) {
  char path[] = "/tmp/bight-file-sender-XXXXXX";
  const int fd = ::mkstemp(path);
  BOOST_REQUIRE(fd >= 0);
  ::unlink(path);
  const std::string bytes(20000, 'q');
  BOOST_REQUIRE_EQUAL(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::lseek(fd, 0, SEEK_SET);
  Transfer t;
  t.watch(t.sender->beginFileTransfer(readDescriptor(fd), *t.transport));
  t.pullAll();
  BOOST_TEST(t.transport->value() == bytes);
  ::close(fd);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace frames_test
