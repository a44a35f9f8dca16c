#include <bight/websocket/protocol.hpp>

#include <boost/test/unit_test.hpp>

#include <bight/testing/feeding.hpp>
#include <bight/testing/log_capture.hpp>

#include "socket_fixture.hpp"

BOOST_AUTO_TEST_SUITE(WebSocketProtocol)

using namespace bight;
using namespace bight::websocket;
using namespace std::chrono_literals;
using namespace std::string_literals;
using bight::testcases::Diary;
using bight::testcases::frame;
using bight::testcases::Served;

namespace {

/// Tells of messages piece by piece.
class Pieces : public Diary {
 public:
  void onMessageBegin(bool isBinary) override { note(isBinary ? "[binary" : "[text"); }
  void onMessageFrameBegin(std::uint64_t length) override { note("(" + std::to_string(length)); }
  void onMessageFrameData(std::string_view payload) override { note(shown(payload)); }
  void onMessageFrameEnd() override { note(")"); }
  void onMessageEnd() override { note("]"); }
};

struct Thrower : Diary {
  void onMessage(std::string_view, bool) override { throw std::runtime_error("I am broken"); }
};

/// A client and a server, connected in memory.
struct Pair {
  explicit Pair(Options clientOptions = {}, Options serverOptions = {}, Agreement agreement = {}) {
    server->prepareServer(clock, std::make_shared<const Options>(std::move(serverOptions)));
    server->accepted(std::move(agreement));
    open = client->prepareClient(clock, std::make_shared<const Options>(std::move(clientOptions)), {.host = "a"}, 10s);
  }
  testing::Clock clock;
  std::shared_ptr<Diary> client = std::make_shared<Diary>();
  std::shared_ptr<Diary> server = std::make_shared<Diary>(true);
  Deferred<void> open;
};

}  // namespace

BOOST_AUTO_TEST_CASE(messages_come_whole_however_they_are_cut) {
  const std::string bytes = frame(Opcode::text, "caf", false) + frame(Opcode::ping, "?") +
                            frame(Opcode::continuation, "\xc3", false) + frame(Opcode::continuation, "\xa9") +
                            frame(Opcode::binary, std::string(200, 'b')) + frame(Opcode::text, "") +
                            frame(Opcode::pong, "late") + frame(Opcode::close, "\x03\xe9"s + "bye");
  testing::eachFeeding(bytes, [&](const auto& pieces) {
    auto diary = std::make_shared<Diary>(true);
    Served served(diary);
    for (const auto piece : pieces) served.send(std::string(piece));
    const std::string heard = diary->entries();
    if (heard != "open ping:? text:caf\xc3\xa9 binary:200 text: pong:late")
      BOOST_TEST(heard == "open ping:? text:caf\xc3\xa9 binary:200 text: pong:late");
    const std::string sent = served.sent();
    if (sent != "pong:? text:caf\xc3\xa9 binary:200 text: close:1001 (lost)")
      BOOST_TEST(sent == "pong:? text:caf\xc3\xa9 binary:200 text: close:1001 (lost)");
    served.lose();
    BOOST_TEST(diary->entries() == "close:clean,1001");
    BOOST_TEST(diary->reason == "bye");
  });
}

BOOST_AUTO_TEST_CASE(who_wants_pieces_gets_pieces) {
  auto pieces = std::make_shared<Pieces>();
  Served served(pieces);
  const std::string bytes = frame(Opcode::text, "one", false) + frame(Opcode::continuation, "", true);
  served.send(bytes.substr(0, 8));
  BOOST_TEST(pieces->entries() == "open [text (3 on");
  served.send(bytes.substr(8));
  BOOST_TEST(pieces->entries() == "e ) (0 ) ]");
}

BOOST_AUTO_TEST_CASE(who_breaks_a_rule_is_told_and_given_time_to_read_it) {
  auto diary = std::make_shared<Diary>(true);
  Served served(diary);
  served.send(frame(Opcode::text, "fine") + "\xff\xff"s + frame(Opcode::text, "never"));
  BOOST_TEST(diary->entries() == "open text:fine");
  BOOST_TEST(served.sent() == "text:fine close:1002 (fin)");
  served.send(frame(Opcode::text, "neither"));
  BOOST_TEST(served.sent() == "(fin)");
  BOOST_TEST(!diary->sendMessage("too late"));
  served.lose();
  BOOST_TEST(diary->entries() == "close:1002");
  BOOST_TEST(diary->reason == "A frame has RSV2 or RSV3 set.");
}

BOOST_AUTO_TEST_CASE(who_breaks_a_rule_and_goes_on_for_ever_is_cut_off) {
  Served served(std::make_shared<Diary>());
  served.send("\xff\xff"s);
  for (int i = 0; i < 20 && !served.transport->aborting(); ++i) served.send(std::string(64 * 1024, 'x'));
  BOOST_TEST(served.sent() == "close:1002 (aborted)");
  Served silent(std::make_shared<Diary>());
  silent.send("\xff\xff"s);
  silent.clock.advance(5s);
  BOOST_TEST(silent.sent() == "close:1002 (aborted)");
}

BOOST_AUTO_TEST_CASE(a_message_above_the_limit_is_refused_with_1009) {
  auto diary = std::make_shared<Diary>();
  Served served(diary, {.maxMessage = 10});
  served.send(frame(Opcode::binary, "0123456789") + frame(Opcode::binary, "01234", false) +
              frame(Opcode::continuation, "567890"));
  BOOST_TEST(served.sent() == "close:1009 (fin)");
  BOOST_TEST(diary->entries() == "open binary:0123456789");
}

BOOST_AUTO_TEST_CASE(a_close_is_answered_and_nothing_follows) {
  auto diary = std::make_shared<Diary>(true);
  Served served(diary);
  served.send(frame(Opcode::close, "") + frame(Opcode::ping, "?") + frame(Opcode::text, "more"));
  BOOST_TEST(served.sent() == "close:1005 (lost)");
  BOOST_TEST(diary->entries() == "open");
  BOOST_TEST(!diary->sendMessage("x"));
  BOOST_TEST(!diary->sendClose());
  served.lose();
  BOOST_TEST(diary->entries() == "close:clean,1005");
  BOOST_TEST((diary->state() == State::closed));
}

BOOST_AUTO_TEST_CASE(our_close_waits_for_theirs_but_not_for_ever) {
  auto diary = std::make_shared<Diary>();
  Served served(diary);
  BOOST_TEST(diary->sendClose(4001, "enough"));
  BOOST_TEST((diary->state() == State::closing));
  served.send(frame(Opcode::text, "crossed on the way") + frame(Opcode::ping, "?"));
  BOOST_TEST(diary->entries() == "open ping:?");
  BOOST_TEST(served.sent() == "close:4001");
  served.send(frame(Opcode::close, "\x0f\xa1"s));
  BOOST_TEST(served.sent() == "(lost)");
  served.lose();
  BOOST_TEST(diary->entries() == "close:clean,4001");

  auto patient = std::make_shared<Diary>();
  Served silent(patient);
  patient->sendClose();
  silent.clock.advance(5s);
  BOOST_TEST(silent.sent() == "close:1000 (aborted)");
  silent.lose();
  BOOST_TEST(patient->entries() == "open close:1006");
  BOOST_TEST(patient->reason == "The peer did not answer our close in time.");
}

BOOST_AUTO_TEST_CASE(a_connection_that_just_ends_is_1006) {
  auto diary = std::make_shared<Diary>();
  Served served(diary);
  served.lose();
  BOOST_TEST(diary->entries() == "open close:1006");
  BOOST_TEST(!diary->reason.empty());
}

BOOST_AUTO_TEST_CASE(a_silent_peer_is_pinged_and_then_given_up) {
  auto diary = std::make_shared<Diary>();
  Served served(diary, {.pingInterval = 30s, .pingTimeout = 20s});
  served.clock.advance(29s);
  BOOST_TEST(served.sent() == "");
  served.send(frame(Opcode::text, "alive"));
  served.clock.advance(1s);  // something was heard: no ping
  BOOST_TEST(served.sent() == "");
  served.clock.advance(30s);
  BOOST_TEST(served.sent() == "ping:");
  served.send(frame(Opcode::pong, ""));
  served.clock.advance(20s);
  BOOST_TEST(served.sent() == "");
  served.clock.advance(30s);
  BOOST_TEST(served.sent() == "ping:");
  served.clock.advance(20s);
  BOOST_TEST(served.sent() == "(aborted)");
  served.lose();
  BOOST_TEST(diary->entries() == "open text:alive pong: close:1006");
  BOOST_TEST(diary->reason == "Nothing was heard of the peer, not even an answer to a ping.");

  Served quiet(std::make_shared<Diary>(), {.pingInterval = 0s});
  BOOST_TEST(quiet.clock.getDelayedCalls().empty());
}

BOOST_AUTO_TEST_CASE(who_still_takes_what_we_send_is_not_given_up) {
  auto diary = std::make_shared<Diary>();
  Served served(diary, {.pingInterval = 30s, .pingTimeout = 20s});
  served.transport->block();
  diary->sendMessage(std::string(100000, 'x'));
  served.clock.advance(30s);
  served.clock.advance(20s);
  BOOST_TEST(served.transport->aborting());  // nothing moved

  auto slow = std::make_shared<Diary>();
  Served taking(slow, {.pingInterval = 30s, .pingTimeout = 20s});
  taking.transport->block();
  slow->sendMessage(std::string(100000, 'x'));
  taking.clock.advance(30s);
  taking.transport->unblock();
  taking.clock.advance(20s);
  BOOST_TEST(!taking.transport->aborting());
  taking.clock.advance(20s);
  BOOST_TEST(taking.transport->aborting());
}

// RFC 6455, 5.5.3.
BOOST_AUTO_TEST_CASE(while_much_waits_only_the_last_ping_is_answered) {
  auto diary = std::make_shared<Diary>();
  Served served(diary);
  served.transport->block();
  diary->sendMessage(std::string(100000, 'x'));
  for (int i = 0; i < 1000; ++i) served.send(frame(Opcode::ping, std::to_string(i)));
  BOOST_TEST(served.transport->writeBufferSize() < 100100);
  served.transport->unblock();
  BOOST_TEST(served.sent() == "text:100000 pong:999");
  served.send(frame(Opcode::ping, "next"));
  BOOST_TEST(served.sent() == "pong:next");
}

BOOST_AUTO_TEST_CASE(a_paused_protocol_gets_its_messages_one_by_one) {
  const std::string bytes = frame(Opcode::text, "1") + frame(Opcode::text, "2") + frame(Opcode::text, "3");
  testing::eachFeeding(bytes, [&](const auto& pieces) {
    auto diary = std::make_shared<Diary>();
    Served served(diary);
    diary->pauseAfterEach = true;
    for (const auto piece : pieces) served.send(std::string(piece));
    if (diary->entries() != "open text:1") BOOST_ERROR("not paused");
    BOOST_TEST((served.transport->producerState() == testing::StringTransport::ProducerState::paused));
    diary->resumeProducing();
    BOOST_TEST(diary->entries() == "text:2");
    BOOST_TEST(diary->unreadInput() == frame(Opcode::text, "3").size());
    diary->pauseAfterEach = false;
    diary->resumeProducing();
    BOOST_TEST(diary->entries() == "text:3");
    BOOST_TEST((served.transport->producerState() == testing::StringTransport::ProducerState::producing));
  });
}

BOOST_AUTO_TEST_CASE(a_function_that_throws_closes_with_1011) {
  auto thrower = std::make_shared<Thrower>();
  Served served(thrower);
  BOOST_CHECK_THROW(served.send(frame(Opcode::text, "x")), std::runtime_error);  // the reactor logs it, and closes
  BOOST_TEST(served.sent() == "close:1011");
  // Where it was not called by the transport, it is logged here.
  auto paused = std::make_shared<Thrower>();
  Served other(paused);
  paused->pauseProducing();
  other.send(frame(Opcode::text, "x"));
  testing::LogCapture log;
  paused->resumeProducing();
  BOOST_TEST(other.sent() == "close:1011 (lost)");
  BOOST_TEST(log.contains("I am broken"));
}

// ---- sending ----

BOOST_AUTO_TEST_CASE(messages_are_cut_into_frames_where_that_is_asked_for) {
  auto diary = std::make_shared<Diary>();
  Served served(diary, {.fragmentSize = 4});
  diary->sendMessage("");
  diary->sendMessage("1234");
  diary->sendMessage("123456789", true);
  BOOST_TEST(served.sent() == "text: text:1234 binary:123456789/3");
}

BOOST_AUTO_TEST_CASE(frames_are_made_by_hand_and_control_frames_wait_for_their_end) {
  auto diary = std::make_shared<Diary>();
  Served served(diary);
  BOOST_TEST(diary->beginMessage(true));
  BOOST_TEST(diary->sendMessageFrame("abc"));
  diary->sendPing("between");
  BOOST_TEST(diary->beginMessageFrame(6));
  BOOST_TEST(diary->sendMessageFrameData("def") == 3U);
  served.send(frame(Opcode::ping, "1") + frame(Opcode::ping, "2"));
  diary->sendPing("inside");
  BOOST_TEST(diary->sendMessageFrameData("ghi") == 0U);
  BOOST_TEST(diary->endMessage());
  BOOST_TEST(served.sent() == "ping:between ping:inside pong:2 binary:abcdefghi/3");
  // A close waits, too.
  diary->beginMessage();
  diary->beginMessageFrame(2);
  diary->sendMessageFrameData("x");
  diary->sendClose();
  BOOST_TEST(served.sent() == "");
  BOOST_TEST(diary->sendMessageFrameData("y") == 0U);
  BOOST_TEST(served.sent() == "close:1000");
  BOOST_TEST(!diary->endMessage());
  BOOST_TEST(diary->sendMessageFrameData("z") == 0U);
}

BOOST_AUTO_TEST_CASE(misuse_is_told_at_the_call) {
  auto diary = std::make_shared<Diary>();
  BOOST_CHECK_THROW(diary->sendMessage("x"), std::logic_error);  // not prepared
  Served served(diary);
  BOOST_CHECK_THROW(diary->sendMessage("\xff"), std::invalid_argument);
  BOOST_CHECK_THROW(diary->sendPing(std::string(126, 'p')), std::invalid_argument);
  BOOST_CHECK_THROW(diary->sendClose(1006), std::invalid_argument);
  BOOST_CHECK_THROW(diary->sendClose(1000, "\xc0"), std::invalid_argument);
  BOOST_CHECK_THROW(diary->endMessage(), std::logic_error);
  BOOST_CHECK_THROW(diary->beginMessageFrame(1), std::logic_error);
  diary->beginMessage();
  BOOST_CHECK_THROW(diary->beginMessage(), std::logic_error);
  BOOST_CHECK_THROW(diary->sendMessage("x"), std::logic_error);
  diary->beginMessageFrame(2);
  BOOST_CHECK_THROW(diary->beginMessageFrame(2), std::logic_error);
  BOOST_CHECK_THROW(diary->sendMessageFrameData("abc"), std::logic_error);
  BOOST_CHECK_THROW(diary->endMessage(), std::logic_error);
  BOOST_CHECK_THROW(diary->prepareServer(served.clock, std::make_shared<const Options>()), std::logic_error);
  BOOST_CHECK_THROW(Diary().prepareServer(served.clock, std::make_shared<const Options>(Options{.maxMessage = 0})),
                    std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(messages_are_compressed_where_that_was_agreed_upon) {
  const DeflateAgreement agreement{.ownWindowBits = 12, .peerWindowBits = 12};
  auto diary = std::make_shared<Diary>(true);
  Served served(diary, {.deflate = DeflateOptions{}}, {.deflate = agreement});
  const std::string text(5000, 'a');
  diary->sendMessage(text);
  BOOST_TEST(served.transport->value().size() < 100);
  BOOST_TEST(served.sent() == "text:5000");
  diary->sendMessage("short");
  BOOST_TEST(served.transport->value() == "\x81\x05short");
  BOOST_TEST(served.sent() == "text:short");
  Deflater deflater({}, {});
  std::string compressed;
  deflater.compress(text, compressed);
  served.send(frame(Opcode::text, compressed, true, true));
  BOOST_TEST(served.sent() == "text:5000");
  BOOST_TEST(diary->entries() == "open text:5000");
}

BOOST_AUTO_TEST_CASE(a_peer_that_does_not_read_is_cut_off) {
  auto diary = std::make_shared<Diary>();
  Served served(diary, {.maxBuffered = 1000});
  served.transport->block();
  for (int i = 0; i < 20; ++i) diary->sendMessage(std::string(100, 'x'));
  BOOST_TEST(served.transport->aborting());
}

BOOST_AUTO_TEST_SUITE_END()
