#include <bight/udp.hpp>

#include <net/if.h>

#include <map>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(udp)

using namespace tcp_test;

namespace udp_test {

/// Remembers, and does what the test wants done.
class Datagrams : public DatagramProtocol {
 public:
  void startProtocol() override {
    events.push_back("start");
    if (onStart) onStart(*this);
  }
  void stopProtocol() override { events.push_back("stop"); }
  void datagramReceived(std::string_view data, const Address& from) override {
    received.emplace_back(data);
    peers.push_back(from);
    if (onData) onData(*this, data, from);
  }
  void connectionRefused() override {
    ++refused;
    if (onRefused) onRefused(*this);
  }
  using DatagramProtocol::track;

  std::vector<std::string> events;
  std::vector<std::string> received;
  std::vector<Address> peers;
  int refused = 0;
  std::function<void(Datagrams&)> onStart;
  std::function<void(Datagrams&, std::string_view, const Address&)> onData;
  std::function<void(Datagrams&)> onRefused;
};

/// A reactor with two ports on 127.0.0.1.
struct Two {
  explicit Two(const std::string& backend, UDPOptions options = {.interface = "127.0.0.1"})
      : reactor(makeReactor(backend)),
        left(reactor->listenUDP(0, a, options)),
        right(reactor->listenUDP(0, b, options)) {}
  void spinUntil(const std::function<bool()>& done) { spin(*reactor, done); }

  std::shared_ptr<Datagrams> a = std::make_shared<Datagrams>();
  std::shared_ptr<Datagrams> b = std::make_shared<Datagrams>();
  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<DatagramTransport> left;
  std::shared_ptr<DatagramTransport> right;
};

bool stopped(Reactor& reactor, const std::shared_ptr<Port>& port) {
  bool done = false;
  port->stopListening().addCallback([&] { done = true; });
  spin(reactor, [&] { return done; });
  return done;
}

/// A UDP port of this machine where nobody listens.
std::uint16_t deserted(Reactor& reactor) {
  const auto port = reactor.listenUDP(0, std::make_shared<Datagrams>(), {.interface = "127.0.0.1"});
  const auto number = port->getHost().port();
  stopped(reactor, port);
  return number;
}

}  // namespace udp_test

using namespace udp_test;

// B51: both ways, with the sender's address; empty ones and large ones too.
BOOST_DATA_TEST_CASE(datagrams_arrive_whole_with_their_senders_address, systemReactors(), backend) {
  Two two(backend, {.interface = "127.0.0.1", .maxPacketSize = 65535});
  two.b->onData = [](Datagrams& self, std::string_view data, const Address& from) {
    self.transport().write("re: " + std::string(data.substr(0, 3)), from);
  };
  const std::string large(65507, 'x');
  BOOST_TEST(!two.left->write("one", two.right->getHost()));
  BOOST_TEST(!two.left->write("", two.right->getHost()));
  BOOST_TEST(!two.left->write(large, "127.0.0.1", two.right->getHost().port()));
  two.spinUntil([&] { return two.a->received.size() == 3; });
  BOOST_TEST(two.b->received == (std::vector<std::string>{"one", "", large}), boost::test_tools::per_element());
  BOOST_TEST(two.a->received == (std::vector<std::string>{"re: one", "re: ", "re: xxx"}),
             boost::test_tools::per_element());
  BOOST_TEST((two.b->peers[0] == two.left->getHost()));
  BOOST_TEST((two.b->peers[0].get<IPv4Address>()->type() == AddressType::udp));
}

// B51: longer ones are cut.
BOOST_DATA_TEST_CASE(a_datagram_is_cut_to_the_packet_size, reactors(), backend) {
  Two two(backend, {.interface = "127.0.0.1", .maxPacketSize = 5});
  for (const char* each : {"12345", "123456", "1234"}) two.left->write(each, two.right->getHost());
  two.spinUntil([&] { return two.b->received.size() == 3; });
  BOOST_TEST(two.b->received == (std::vector<std::string>{"12345", "12345", "1234"}), boost::test_tools::per_element());
}

// B51, B54: stopProtocol comes later than stopListening, once; the handle may listen again on the same number.
BOOST_DATA_TEST_CASE(a_port_stops_later_and_may_listen_again, reactors(), backend) {
  Two two(backend);
  const auto number = two.left->getHost().port();
  int fired = 0;
  two.left->stopListening().addCallback([&] { ++fired; });
  two.left->stopListening().addCallback([&] { ++fired; });
  BOOST_TEST(fired == 0);
  BOOST_TEST(two.a->events == std::vector<std::string>{"start"}, boost::test_tools::per_element());
  BOOST_TEST((two.left->write("x", two.right->getHost()) == std::errc::not_connected));
  BOOST_CHECK_THROW(two.left->startListening(), std::logic_error);
  two.spinUntil([&] { return fired == 2; });
  two.left->stopListening().addCallback([&] { ++fired; });
  BOOST_TEST(fired == 3);
  BOOST_TEST((two.a->transport().write("x", two.right->getHost()) == std::errc::not_connected));
  two.left->startListening();
  BOOST_TEST(two.left->getHost().port() == number);
  two.right->write("again", two.left->getHost());
  two.spinUntil([&] { return two.a->received.size() == 1; });
  BOOST_TEST(two.a->events == (std::vector<std::string>{"start", "stop", "start"}), boost::test_tools::per_element());
}

// A port keeps its protocol as long as it listens, and no longer; the reactor's end ends both.
BOOST_DATA_TEST_CASE(the_reactor_keeps_ports_and_ends_them, reactors(), backend) {
  auto reactor = makeReactor(backend);
  auto kept = std::make_shared<Datagrams>();
  bool cancelled = false;
  std::optional<Promise<void>> waiting;
  kept->onStart = [&](Datagrams& self) {
    Deferred<void> pending([&] { cancelled = true; });
    waiting = pending.promise();
    self.track(std::move(pending)).addErrback([](const Failure&) {});
  };
  std::weak_ptr<Datagrams> weak = kept;
  const auto number = reactor->listenUDP(0, kept, {.interface = "127.0.0.1"})->getHost().port();
  auto port = reactor->listenUDP(0, std::make_shared<Datagrams>(), {.interface = "127.0.0.1"});
  port->write("there?", "127.0.0.1", number);
  kept.reset();
  spin(*reactor, [&] { return weak.lock()->received.size() == 1; });
  kept = weak.lock();
  bool done = false;
  port->stopListening().addCallback([&] { done = true; });
  reactor.reset();  // one is open, the other about to be told
  BOOST_TEST(done);
  BOOST_TEST(cancelled);
  BOOST_TEST((kept->transport().write("x", "127.0.0.1", 7) == std::errc::not_connected));
  BOOST_TEST(kept->events == (std::vector<std::string>{"start", "stop"}), boost::test_tools::per_element());
  kept.reset();
  BOOST_TEST(weak.expired());
  BOOST_CHECK_THROW(port->startListening(), std::logic_error);
}

// B54: what startProtocol throws comes out of listenUDP, and leaves nothing behind; a protocol serves one port.
BOOST_DATA_TEST_CASE(a_protocol_that_does_not_start_leaves_nothing, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto protocol = std::make_shared<Datagrams>();
  BOOST_CHECK_THROW(protocol->transport(), std::logic_error);
  std::uint16_t number = 0;
  protocol->onStart = [&](Datagrams& self) {
    number = self.transport().getHost().port();
    throw std::runtime_error("not today");
  };
  BOOST_CHECK_THROW(reactor->listenUDP(0, protocol, {.interface = "127.0.0.1"}), std::runtime_error);
  protocol->onStart = nullptr;
  const auto port = reactor->listenUDP(number, protocol, {.interface = "127.0.0.1"});
  BOOST_CHECK_THROW(reactor->listenUDP(0, protocol), std::logic_error);
  BOOST_TEST((&protocol->transport() == port.get()));
}

// B54: CannotListenError says where and why; nonsense is refused at the call.
BOOST_DATA_TEST_CASE(what_cannot_be_is_refused_at_the_call, reactors(), backend) {
  Two two(backend);
  const int taken = two.left->getHost().port();
  BOOST_CHECK_EXCEPTION(two.reactor->listenUDP(taken, std::make_shared<Datagrams>(), {.interface = "127.0.0.1"}),
                        CannotListenError, [&](const CannotListenError& e) {
                          return e.port() == taken && e.interface() == "127.0.0.1" && e.osError() == EADDRINUSE;
                        });
  const auto fresh = std::make_shared<Datagrams>();
  BOOST_CHECK_THROW(two.reactor->listenUDP(0, fresh, {.interface = "localhost"}), CannotListenError);
  BOOST_CHECK_THROW(two.reactor->listenUDP(-1, fresh), std::invalid_argument);
  BOOST_CHECK_THROW(two.reactor->listenUDP(65536, fresh), std::invalid_argument);
  BOOST_CHECK_THROW(two.reactor->listenUDP(0, nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(two.reactor->listenUDP(0, fresh, {.maxPacketSize = 0}), std::invalid_argument);
  BOOST_CHECK_THROW(two.reactor->listenUDP(0, fresh, {.maxPacketSize = 65536}), std::invalid_argument);
  BOOST_TEST(fresh->events.empty());
  // B52: literals of the port's family, not too long.
  BOOST_CHECK_THROW(two.left->write("x", "localhost", 7), InvalidAddressError);
  BOOST_CHECK_THROW(two.left->write("x", "::1", 7), InvalidAddressError);
  BOOST_CHECK_THROW(two.left->write("x", HostnameAddress{"localhost", 7}), InvalidAddressError);
  BOOST_CHECK_THROW(two.left->write("x", UNIXAddress{"/tmp/x"}), InvalidAddressError);
  BOOST_CHECK_THROW(two.left->write("x", "127.0.0.1", 65536), std::invalid_argument);
  BOOST_CHECK_THROW(two.left->write(std::string(65508, 'x'), two.right->getHost()), MessageLengthError);
  BOOST_CHECK_THROW(two.left->write("x"), std::logic_error);
  // Nobody has broadcast allowed.
  BOOST_CHECK_THROW(two.left->write("x", "255.255.255.255", 7), std::logic_error);
}

// B52: nobody hears of what an unconnected port sent to nobody.
BOOST_DATA_TEST_CASE(an_unconnected_port_ignores_refusals, reactors(), backend) {
  Two two(backend);
  const auto nobody = deserted(*two.reactor);
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(!two.left->write("x", "127.0.0.1", nobody));
    turns(*two.reactor, 2);
  }
  two.left->write("y", two.right->getHost());
  two.spinUntil([&] { return two.b->received.size() == 1; });
  BOOST_TEST(two.a->refused == 0);
}

// B53: connected once; then without address, and only from there.
BOOST_DATA_TEST_CASE(a_connected_port_talks_to_one_peer, reactors(), backend) {
  Two two(backend);
  const auto third = std::make_shared<Datagrams>();
  const auto stranger = two.reactor->listenUDP(0, third, {.interface = "127.0.0.1"});
  BOOST_TEST(!two.left->getPeer());
  BOOST_CHECK_THROW(two.left->connect("localhost", 7), InvalidAddressError);
  two.left->connect("127.0.0.1", two.right->getHost().port());
  BOOST_TEST((two.left->getPeer() == two.right->getHost()));
  BOOST_CHECK_THROW(two.left->connect("127.0.0.1", 7), std::logic_error);
  BOOST_CHECK_THROW(two.left->write("x", stranger->getHost()), std::logic_error);
  BOOST_TEST(!two.left->write("to", *Address::parse("127.0.0.1", two.right->getHost().port())));  // TCP or UDP: one
  stranger->write("psst", two.left->getHost());
  two.spinUntil([&] { return two.b->received.size() == 1; });
  two.right->write("fro", two.b->peers[0]);
  two.spinUntil([&] { return two.a->received.size() == 1; });
  BOOST_TEST(two.a->received[0] == "fro");
  BOOST_TEST(!stopped(*two.reactor, two.left) == false);
  two.left->startListening();
  BOOST_TEST(!two.left->getPeer());
}

// B53 [FIX]: on every backend the refusal reaches connectionRefused(), and the port goes on; it does not matter whether reading or writing
// meets it.
BOOST_DATA_TEST_CASE(a_refusal_reaches_a_connected_port_which_goes_on, reactors(), backend) {
  LogCatcher log;
  Two two(backend);
  const auto nobody = deserted(*two.reactor);
  two.left->connect("127.0.0.1", nobody);
  BOOST_TEST(!two.left->write("anybody?"));
  two.spinUntil([&] { return two.a->refused == 1; });
  // Twice without a turn between: the second write meets the answer to the first, does not tell it from inside, and is sent itself.
  BOOST_TEST(!two.left->write("really?"));
  BOOST_TEST(!two.left->write("nobody?"));
  BOOST_TEST(two.a->refused == 1);
  two.spinUntil([&] { return two.a->refused >= 2; });
  turns(*two.reactor);
  const auto late = std::make_shared<Datagrams>();
  late->onData = [](Datagrams& self, std::string_view, const Address& from) { self.transport().write("me", from); };
  const auto port = two.reactor->listenUDP(nobody, late, {.interface = "127.0.0.1"});
  two.spinUntil([&] {
    two.left->write("now?");
    return !two.a->received.empty();
  });
  BOOST_TEST(two.a->received[0] == "me");
  BOOST_TEST(two.a->events == std::vector<std::string>{"start"}, boost::test_tools::per_element());
  BOOST_TEST(log.lines.empty());
}

// B54: what datagramReceived throws is logged, and reading goes on; so with connectionRefused.
BOOST_DATA_TEST_CASE(exceptions_are_logged_and_the_port_goes_on, reactors(), backend) {
  LogCatcher log;
  Two two(backend);
  two.b->onData = [](Datagrams&, std::string_view data, const Address&) {
    if (data == "bad") throw std::runtime_error("do not say that");
  };
  for (const char* each : {"bad", "good", "bad"}) two.left->write(each, two.right->getHost());
  two.spinUntil([&] { return two.b->received.size() == 3; });
  BOOST_TEST(log.count("do not say that") == 2U);
  two.a->onRefused = [](Datagrams&) { throw std::runtime_error("how rude"); };
  two.left->connect("127.0.0.1", deserted(*two.reactor));
  two.left->write("x");
  two.spinUntil([&] { return log.count("how rude") == 1; });
}

// B12, B15: a port that is flooded leaves the others their turn; and no datagram is left lying.
BOOST_DATA_TEST_CASE(a_flood_does_not_starve_the_loop, systemReactors(), backend) {
  Two two(backend, {.interface = "127.0.0.1", .maxPacketSize = 600});
  std::size_t inOneTurn = 0;
  std::size_t most = 0;
  two.b->onData = [&](Datagrams& self, std::string_view data, const Address&) {
    most = std::max(most, ++inOneTurn);
    // Whoever receives sends the next one: left to itself this would never end.
    if (self.received.size() < 2000) two.left->write(data, two.right->getHost());
  };
  const std::string filling(500, 'f');
  for (int i = 0; i < 20; ++i) two.left->write(filling, two.right->getHost());
  two.spinUntil([&] {
    inOneTurn = 0;
    return two.b->received.size() >= 2000;
  });
  BOOST_TEST(most >= 100U);
  BOOST_TEST(most <= 256U);
}

// A port may stop in the middle of what it has read, and lose its handle.
BOOST_DATA_TEST_CASE(a_port_may_stop_inside_its_own_batch, reactors(), backend) {
  Two two(backend);
  std::weak_ptr<Datagrams> weak = two.b;
  bool done = false;
  int count = 0;
  two.b->onData = [&](Datagrams& self, std::string_view, const Address&) {
    ++count;
    self.transport().stopListening().addCallback([&] { done = true; });
    two.right.reset();
    two.b.reset();
  };
  for (int i = 0; i < 5; ++i) two.left->write("x", two.right->getHost());
  two.spinUntil([&] { return done; });
  turns(*two.reactor);
  BOOST_TEST(count == 1);
  BOOST_TEST(weak.expired());
}

// B55: listenMultiple, on all of them or not at all.
BOOST_DATA_TEST_CASE(a_port_on_the_same_number_needs_to_be_asked_for, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto a = std::make_shared<Datagrams>();
  const auto b = std::make_shared<Datagrams>();
  const UDPOptions shared{.interface = "127.0.0.1", .listenMultiple = true};
  const auto first = reactor->listenUDP(0, a, shared);
  const auto second = reactor->listenMulticast(first->getHost().port(), b, shared);
  BOOST_TEST((first->getHost() == second->getHost()));
  BOOST_CHECK_THROW(
      reactor->listenUDP(first->getHost().port(), std::make_shared<Datagrams>(), {.interface = "127.0.0.1"}),
      CannotListenError);
}

// C38: IPv6; a port for both families hears IPv4 as mapped addresses and can answer them either way.
BOOST_DATA_TEST_CASE(ipv6_alone_and_with_ipv4, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto six = std::make_shared<Datagrams>();
  const auto both = std::make_shared<Datagrams>();
  const auto four = std::make_shared<Datagrams>();
  std::shared_ptr<DatagramTransport> v6;
  try {
    v6 = reactor->listenUDP(0, six, {.interface = "::1"});
  } catch (const CannotListenError&) {
    BOOST_TEST_MESSAGE("skipped: this machine has no IPv6");
    return;
  }
  const auto dual = reactor->listenUDP(0, both, {.interface = "::", .ipv6Only = false});
  const auto v4 = reactor->listenUDP(0, four, {.interface = "127.0.0.1"});
  v6->write("six", "::1", dual->getHost().port());
  v4->write("four", "127.0.0.1", dual->getHost().port());
  spin(*reactor, [&] { return both->received.size() == 2; });
  std::map<std::string, Address> from;
  for (std::size_t i = 0; i < 2; ++i) from.emplace(both->received[i], both->peers[i]);
  BOOST_TEST((from.at("six") == v6->getHost()));
  BOOST_TEST(from.at("four").host() == "::ffff:127.0.0.1");
  dual->write("a", from.at("four"));
  dual->write("b", v4->getHost());
  spin(*reactor, [&] { return four->received.size() == 2; });
  BOOST_CHECK_THROW(v6->write("x", v4->getHost()), InvalidAddressError);
}

// B54: broadcast must be allowed. Where it can be sent, it arrives.
BOOST_DATA_TEST_CASE(broadcast_must_be_allowed, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto protocol = std::make_shared<Datagrams>();
  const auto port = reactor->listenUDP(0, protocol);
  BOOST_TEST(!port->getBroadcastAllowed());
  port->setBroadcastAllowed(true);
  BOOST_TEST(port->getBroadcastAllowed());
  if (const auto error = port->write("everybody", "127.255.255.255", port->getHost().port())) {
    BOOST_TEST_MESSAGE("skipped: broadcast on the loopback interface: " << error.message());
    return;
  }
  spin(*reactor, [&] { return protocol->received.size() == 1; });
}

// B55: TTL, loopback mode and interface of what is sent; what is no group is refused at the call.
BOOST_DATA_TEST_CASE(multicast_has_its_settings, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  for (const char* any : {"", "::"}) {
    std::shared_ptr<DatagramTransport> port;
    try {
      port = reactor->listenUDP(0, std::make_shared<Datagrams>(), {.interface = any});
    } catch (const CannotListenError& e) {
      BOOST_TEST_MESSAGE("skipped: no IPv6 here: " << e.what());
      continue;
    }
    const bool v6 = *any != '\0';
    BOOST_TEST(port->getTTL() == 1);
    port->setTTL(0);
    BOOST_TEST(port->getTTL() == 0);
    BOOST_CHECK_THROW(port->setTTL(256), std::invalid_argument);
    BOOST_CHECK_THROW(port->setTTL(-1), std::invalid_argument);
    BOOST_TEST(port->getLoopbackMode());
    port->setLoopbackMode(false);
    BOOST_TEST(!port->getLoopbackMode());
    BOOST_TEST(port->getOutgoingInterface() == "");
    port->setOutgoingInterface("lo");
    BOOST_TEST(port->getOutgoingInterface() == "lo");
    BOOST_CHECK_THROW(port->setOutgoingInterface("no-such-card"), InvalidAddressError);
    BOOST_CHECK_THROW(port->joinGroup(v6 ? "239.255.77.7" : "ff01::4d07"), InvalidAddressError);
    BOOST_CHECK_THROW(port->joinGroup(v6 ? "::1" : "127.0.0.1"), InvalidAddressError);
    BOOST_CHECK_THROW(port->joinGroup("all-hosts"), InvalidAddressError);
    const char* group = v6 ? "ff01::4d07" : "239.255.77.7";
    BOOST_CHECK_THROW(port->joinGroup(group, "no-such-card"), InvalidAddressError);
    std::optional<Failure> reason;
    port->leaveGroup(group, "lo").addErrback([&](const Failure& f) { reason = f; });
    BOOST_TEST(is<MulticastJoinError>(reason));
    BOOST_TEST(stopped(*reactor, port));
    BOOST_CHECK_THROW(port->joinGroup(group), std::logic_error);
    BOOST_CHECK_THROW(port->getTTL(), std::logic_error);
  }
}

/// Joins, sends, hears, leaves. Nothing leaves the machine: no router is passed, and the IPv6 group ends at the interface.
/// @returns why it cannot be done over this interface, or ""
std::string heard(Reactor& reactor, const char* any, const char* group, const std::string& via) {
  const auto hears = std::make_shared<Datagrams>();
  const auto deaf = std::make_shared<Datagrams>();
  std::shared_ptr<DatagramTransport> in;
  try {
    in = reactor.listenMulticast(0, hears, {.interface = any, .listenMultiple = true});
  } catch (const CannotListenError& e) {
    return e.what();
  }
  const auto other = reactor.listenMulticast(0, deaf, {.interface = any});
  const auto out = reactor.listenUDP(0, std::make_shared<Datagrams>(), {.interface = any});
  out->setTTL(0);
  std::string why;
  in->joinGroup(group, via).addErrback([&](const Failure& f) { why = f.getErrorMessage(); });
  if (!why.empty()) return why;
  try {
    out->setOutgoingInterface(via);
  } catch (const std::system_error& e) {
    return e.what();
  }
  const auto to = *Address::parse(group, in->getHost().port());
  if (const auto error = out->write("first", to)) return error.message();
  spin(reactor, [&] { return hears->received.size() == 1; });
  out->write("wrong port", *Address::parse(group, other->getHost().port()));
  // On the loopback interface everything comes back.
  if (via != "lo" && via != "127.0.0.1") {
    out->setLoopbackMode(false);
    out->write("not for this machine", to);
    out->setLoopbackMode(true);
  }
  out->write("second", to);
  spin(reactor, [&] { return hears->received.size() == 2; });
  BOOST_TEST(hears->received[1] == "second");
  bool left = false;
  in->leaveGroup(group, via).addCallback([&] { left = true; });
  BOOST_TEST(left);
  out->write("too late", to);
  turns(reactor);
  BOOST_TEST(hears->received.size() == 2U);
  return {};
}

// B55: who has joined a group hears it, until it leaves.
BOOST_DATA_TEST_CASE(groups_are_joined_and_left, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  std::vector<std::string> interfaces{"lo"};
  if (const auto list = ::if_nameindex()) {
    for (const auto* each = list; each->if_index != 0; ++each) interfaces.emplace_back(each->if_name);
    ::if_freenameindex(list);
  }
  std::string why = heard(*reactor, "", "239.255.77.7", "127.0.0.1");
  if (!why.empty()) BOOST_TEST_MESSAGE("skipped: IPv4 multicast: " << why);
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    why = heard(*reactor, "::", "ff01::4d07", interfaces[i]);
    if (why.empty()) break;
  }
  if (!why.empty()) BOOST_TEST_MESSAGE("skipped: IPv6 multicast: " << why);
}

BOOST_AUTO_TEST_SUITE_END()
