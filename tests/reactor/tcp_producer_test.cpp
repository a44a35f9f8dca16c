#include <bight/producer.hpp>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tcp_producer)

using namespace tcp_test;

namespace tcp_producer_test {

/// Writes until it is told to pause.
class Pusher : public PushProducer {
 public:
  Pusher(Transport& transport, std::size_t limit) : transport_(&transport), limit_(limit) {}
  void produce() {
    while (!paused && !stopped && produced < limit_) {
      transport_->write(std::string(10'000, static_cast<char>('a' + produced / 10'000 % 26)));
      produced += 10'000;
    }
    if (produced >= limit_ && !stopped) transport_->unregisterProducer();
  }
  void pauseProducing() override {
    ++pauses;
    paused = true;
  }
  void resumeProducing() override {
    ++resumes;
    paused = false;
    produce();
  }
  void stopProducing() override { stopped = true; }

  bool paused = false;
  bool stopped = false;
  int pauses = 0;
  int resumes = 0;
  std::size_t produced = 0;

 private:
  Ref<Transport> transport_;
  std::size_t limit_;
};

/// Writes one portion each time it is asked.
class Puller : public PullProducer {
 public:
  Puller(Transport& transport, int portions) : transport_(&transport), left(portions) {}
  void resumeProducing() override {
    ++asked;
    if (left == 0) return transport_->unregisterProducer();
    --left;
    transport_->write(std::string(1000, 'p'));
  }
  void stopProducing() override { stopped = true; }

  int asked = 0;
  bool stopped = false;

 private:
  Ref<Transport> transport_;
  int left;
};

}  // namespace tcp_producer_test

using namespace tcp_producer_test;

// C26: paused above the high limit, inside write(); resumed when the buffer has drained.
BOOST_DATA_TEST_CASE(a_push_producer_is_paused_and_resumed, reactors(), backend) {
  Pair<> pair(backend);
  pair.server->transport().pauseProducing();
  const std::size_t bytes = 20'000'000;
  const auto pusher = std::make_shared<Pusher>(pair.client->transport(), bytes);
  pair.client->transport().registerProducer(pusher);
  pusher->produce();
  BOOST_TEST(pusher->pauses == 1);
  BOOST_TEST(pair.client->transport().writeBufferSize() > 65536);
  BOOST_TEST(pair.client->transport().writeBufferSize() <= 65536 + 20'000);
  pair.server->transport().resumeProducing();
  pair.spinUntil([&] { return pair.server->data().size() == bytes; });
  BOOST_TEST(pusher->resumes >= 1);
  BOOST_TEST(pusher->produced == bytes);
  std::string expected;
  for (std::size_t i = 0; i < bytes; i += 10'000)
    expected += std::string(10'000, static_cast<char>('a' + i / 10'000 % 26));
  BOOST_TEST((pair.server->data() == expected));
}

// C33: the limits are the user's.
BOOST_DATA_TEST_CASE(write_buffer_limits_are_settable, reactors(), backend) {
  Pair<> pair(backend);
  pair.server->transport().pauseProducing();
  auto& transport = pair.client->transport();
  BOOST_CHECK_THROW(transport.setWriteBufferLimits(10, 20), std::invalid_argument);
  transport.setWriteBufferLimits(1'000'000, 500'000);
  const auto pusher = std::make_shared<Pusher>(transport, 30'000'000);
  transport.registerProducer(pusher);
  pusher->produce();
  BOOST_TEST(transport.writeBufferSize() > 1'000'000);
  BOOST_TEST(transport.writeBufferSize() <= 1'020'000);
  std::size_t atResume = 0;
  pair.server->transport().resumeProducing();
  pair.spinUntil([&] {
    if (atResume == 0 && pusher->resumes > 0) atResume = 1;
    return pair.server->data().size() == 30'000'000;
  });
  BOOST_TEST(atResume == 1U);
}

// C27: asked once at registration, inside the call, and once after each drain.
BOOST_DATA_TEST_CASE(a_pull_producer_is_asked_for_each_portion, reactors(), backend) {
  Pair<> pair(backend);
  const auto puller = std::make_shared<Puller>(pair.client->transport(), 50);
  pair.client->transport().registerProducer(puller);
  BOOST_TEST(puller->asked == 1);
  pair.spinUntil([&] { return pair.server->data().size() == 50'000; });
  pair.spinUntil([&] { return puller->asked == 51; });
  turns(*pair.reactor);
  BOOST_TEST(puller->asked == 51);
}

// A pull producer that answers later is not asked again meanwhile, and the loop does not spin.
BOOST_DATA_TEST_CASE(a_pull_producer_that_answers_later_is_not_asked_again, reactors(), backend) {
  class Later : public PullProducer {
   public:
    void resumeProducing() override { ++asked; }
    void stopProducing() override { stopped = true; }
    int asked = 0;
    bool stopped = false;
  };
  Pair<> pair(backend);
  const auto later = std::make_shared<Later>();
  pair.client->transport().registerProducer(later);
  turns(*pair.reactor);
  BOOST_TEST(later->asked == 1);
  pair.client->transport().write("portion");
  pair.spinUntil([&] { return later->asked == 2; });
  pair.spinUntil([&] { return pair.server->data() == "portion"; });
  turns(*pair.reactor);
  BOOST_TEST(later->asked == 2);
  pair.server->transport().loseConnection();
  pair.spinUntilClosed();
  BOOST_TEST(later->stopped);
}

// C28: a second one is a mistake; loss stops the producer before connectionLost, and unregisters it.
BOOST_DATA_TEST_CASE(the_rules_of_registration, reactors(), backend) {
  Pair<> pair(backend);
  auto& transport = pair.client->transport();
  const auto first = std::make_shared<Pusher>(transport, 1);
  std::weak_ptr<Pusher> weak = first;
  transport.registerProducer(first);
  BOOST_CHECK_THROW(transport.registerProducer(std::make_shared<Pusher>(transport, 1)), std::logic_error);
  BOOST_CHECK_THROW(transport.registerProducer(std::make_shared<Puller>(transport, 1)), std::logic_error);
  BOOST_CHECK_THROW(transport.registerProducer(std::shared_ptr<PushProducer>()), std::invalid_argument);
  bool stoppedBefore = false;
  pair.client->onLost = [&](Probe&, const Failure&) { stoppedBefore = first->stopped; };
  pair.server->transport().loseConnection();
  pair.spinUntilClosed();
  BOOST_TEST(stoppedBefore);
  BOOST_TEST(weak.use_count() == 1);
  const auto late = std::make_shared<Pusher>(transport, 1);
  transport.registerProducer(late);
  BOOST_TEST(late->stopped);
}

// C17 [FIX], C29: a registered producer postpones the close until it unregisters, also an idle push producer.
BOOST_DATA_TEST_CASE(a_close_waits_for_the_producer, reactors(), backend) {
  Pair<> pair(backend);
  auto& transport = pair.client->transport();
  const auto pusher = std::make_shared<Pusher>(transport, 1'000'000);
  transport.registerProducer(pusher);
  transport.loseConnection();
  turns(*pair.reactor);
  BOOST_TEST(!pair.client->closed());
  BOOST_TEST(!pusher->stopped);
  pusher->produce();
  pair.spinUntilClosed();
  BOOST_TEST(pair.server->data().size() == 1'000'000);
  BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
}

// C32: two transports wired to each other carry back-pressure from end to end.
BOOST_DATA_TEST_CASE(a_proxy_holds_its_source_back, reactors(), backend) {
  const auto reactor = makeReactor(backend);
  const auto sink = std::make_shared<Probe>();
  const auto sinkPort =
      reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return sink; }), {.interface = "127.0.0.1"});
  const auto outer = std::make_shared<Probe>();
  const auto inner = std::make_shared<Probe>();
  const auto proxyPort =
      reactor->listenTCP(0, std::make_shared<ProbeFactory>([&] { return inner; }), {.interface = "127.0.0.1"});
  reactor->connectTCP("127.0.0.1", sinkPort->getHost().port(),
                      std::make_shared<ProbeClientFactory>([&] { return outer; }));
  const auto source = std::make_shared<Probe>();
  reactor->connectTCP("127.0.0.1", proxyPort->getHost().port(),
                      std::make_shared<ProbeClientFactory>([&] { return source; }));
  spin(*reactor, [&] { return sink->made() && outer->made() && inner->made() && source->made(); });
  inner->onData = [&](Probe& p, std::string_view data) {
    p.clear();
    outer->transport().write(data);
  };
  outer->transport().registerProducer(inner->transport().asProducer());
  inner->onLost = [&](Probe&, const Failure&) {
    outer->transport().unregisterProducer();
    outer->transport().loseConnection();
  };
  sink->transport().pauseProducing();
  const std::size_t bytes = 30'000'000;
  source->transport().setMaxWriteBuffer(bytes);
  for (std::size_t sent = 0; sent < bytes; sent += 100'000) source->transport().write(std::string(100'000, 'x'));
  for (int i = 0; i < 200; ++i) reactor->iterate(1ms);
  BOOST_TEST(outer->transport().writeBufferSize() <= 65536U * 2);
  BOOST_TEST(source->transport().writeBufferSize() > 0U);
  sink->transport().resumeProducing();
  source->transport().loseConnection();
  spin(*reactor, [&] { return sink->closed(); });
  BOOST_TEST(sink->data().size() == bytes);
}

// C33: drained() fires at once when nothing is buffered, else when it is gone.
BOOST_DATA_TEST_CASE(drained_fires_when_everything_has_gone, reactors(), backend) {
  Pair<> pair(backend);
  auto& transport = pair.client->transport();
  int fired = 0;
  transport.drained().addCallback([&] { ++fired; });
  BOOST_TEST(fired == 1);
  pair.server->transport().pauseProducing();
  transport.write(std::string(12'000'000, 'x'));
  transport.drained().addCallback([&] {
    ++fired;
    BOOST_TEST(transport.writeBufferSize() == 0U);
  });
  transport.drained().addCallback([&] { ++fired; });
  turns(*pair.reactor);
  BOOST_TEST(fired == 1);
  pair.server->transport().resumeProducing();
  pair.spinUntil([&] { return fired == 3; });
  BOOST_TEST(transport.writeBufferSize() == 0U);
}

// drained() fails with the reason of the loss; a waiter that was cancelled is left alone.
BOOST_DATA_TEST_CASE(drained_fails_when_the_connection_is_lost, reactors(), backend) {
  Pair<> pair(backend);
  auto& transport = pair.client->transport();
  pair.server->transport().pauseProducing();
  transport.write(std::string(12'000'000, 'x'));
  std::string why;
  int cancelled = 0;
  transport.drained().addErrback([&](const Failure& f) { why = f.typeName(); });
  auto waits = transport.drained();
  waits.addErrback([&](const Failure&) { ++cancelled; });
  waits.cancel();
  transport.abortConnection();
  pair.spinUntil([&] { return pair.client->closed(); });
  BOOST_TEST(why == "bight::ConnectionAborted");
  BOOST_TEST(cancelled == 1);
}

// drained() in a loop is the simplest producer; it leaves the others their turns, and ends with the close.
BOOST_DATA_TEST_CASE(a_loop_over_drained_streams_without_end, reactors(), backend) {
  Pair<> pair(backend);
  auto& transport = pair.client->transport();
  std::size_t rounds = 0;
  std::function<void()> next = [&] {
    if (++rounds > 300) return transport.loseConnection();
    transport.write(std::string(5000, 'd'));
    transport.drained().addCallback([&] { next(); });
  };
  next();
  BOOST_TEST(rounds == 1U);
  pair.spinUntilClosed();
  BOOST_TEST(pair.server->data().size() == 300U * 5000);
}

BOOST_AUTO_TEST_SUITE_END()
