// Random programs of writes, pauses, producers and closes on both ends of many connections, against the plain model "what was written before
// the close arrives, in order, and the reasons are the right ones". A failing seed is printed; BIGHT_SEED repeats it.
#include <bight/transport.hpp>

#include <cstdlib>
#include <random>

#include "tcp_fixture.hpp"

BOOST_AUTO_TEST_SUITE(tcp_random)

using namespace tcp_test;

namespace tcp_random_test {

/// Byte number `i` of what an end writes: tells its place, so that a lost, doubled or swapped piece shows.
char byteAt(std::size_t i, int end) {
  return static_cast<char>((i * 2654435761U >> 13) + static_cast<std::size_t>(end) * 101);
}

/// One end: counts what it has written, checks what it reads.
class End : public Protocol, public HalfCloseable {
 public:
  void connectionMade() override { made = true; }
  void dataReceived(std::string_view data) override {
    BOOST_REQUIRE(!data.empty());
    BOOST_REQUIRE(data.size() <= 65536);
    BOOST_REQUIRE(!ended);
    for (const char c : data)
      if (c != byteAt(received++, 1 - side)) ++wrong;
  }
  void readConnectionLost() override {
    BOOST_REQUIRE(!ended);
    ended = true;
  }
  void writeConnectionLost() override { ++writeLost; }
  void connectionLost(const Failure& why) override {
    ++losses;
    reason = why;
  }

  void write(std::size_t bytes) {
    std::string data(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) data[i] = byteAt(written + i, side);
    written += bytes;
    transport().write(data);
  }
  void writeInPieces(std::size_t bytes, std::mt19937& random) {
    std::string data(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) data[i] = byteAt(written + i, side);
    written += bytes;
    std::vector<std::string_view> pieces;
    for (std::string_view rest = data; !rest.empty();) {
      const std::size_t n = std::min<std::size_t>(rest.size(), random() % 3 == 0 ? 0 : 1 + random() % 5000);
      pieces.push_back(rest.substr(0, n));
      rest.remove_prefix(n);
    }
    transport().writeSequence(pieces);
  }

  int side = 0;
  bool made = false;
  bool ended = false;
  bool paused = false;
  bool closing = false;  // no more writes
  bool lost = false;     // loseConnection: what comes is of no interest
  bool aborted = false;
  std::size_t written = 0;
  std::size_t received = 0;
  std::size_t wrong = 0;
  int writeLost = 0;
  int losses = 0;
  std::optional<Failure> reason;
};

struct Line {
  std::shared_ptr<End> ends[2];
};

void step(End& end, std::mt19937& random) {
  if (end.losses > 0) return;
  const auto sizes = [&]() -> std::size_t {
    switch (random() % 6) {
      case 0:
        return 1 + random() % 10;
      case 1:
        return 1 + random() % 8192;
      case 2:
        return 8192 + random() % 3;
      case 3:
        return 1 + random() % 100'000;
      case 4:
        return 60'000 + random() % 10'000;
      default:
        return 1 + random() % 300;
    }
  };
  switch (random() % 40) {
    case 0:
    case 1:
      end.transport().pauseProducing();
      end.paused = true;
      break;
    case 2:
    case 3:
    case 4:
    case 5:
      end.transport().resumeProducing();
      end.paused = false;
      break;
    case 6:
      if (random() % 8 == 0) {
        end.transport().loseConnection();
        end.closing = end.lost = true;
      }
      break;
    case 7:
      if (random() % 4 == 0 && !end.closing) {
        end.transport().loseWriteConnection();
        end.closing = true;
      }
      break;
    case 8:
      if (random() % 20 == 0) {
        end.transport().abortConnection();
        end.closing = end.aborted = true;
      }
      break;
    case 9:
      end.transport().drained().addErrback([](const Failure&) {});
      break;
    case 10:
      if (!end.closing) end.writeInPieces(sizes(), random);
      break;
    default:
      if (!end.closing) end.write(sizes());
  }
}

void play(Reactor& reactor, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Line> lines(1 + random() % 4);
  std::vector<std::shared_ptr<End>> accepted;
  const auto servers = std::make_shared<ProbeFactory>([&] {
    accepted.push_back(std::make_shared<End>());
    return accepted.back();
  });
  const auto port = reactor.listenTCP(0, servers, {.interface = "127.0.0.1"});
  for (std::size_t i = 0; i < lines.size(); ++i) {
    lines[i].ends[0] = std::make_shared<End>();
    lines[i].ends[1] = nullptr;
    reactor.connectTCP("127.0.0.1", port->getHost().port(),
                       std::make_shared<ProbeClientFactory>([end = lines[i].ends[0]] { return end; }));
    spin(reactor, [&] { return accepted.size() == i + 1 && accepted[i]->made && lines[i].ends[0]->made; });
    lines[i].ends[1] = accepted[i];
    accepted[i]->side = 1;
  }
  const int steps = 20 + static_cast<int>(random() % 150);
  for (int i = 0; i < steps; ++i) {
    step(*lines[random() % lines.size()].ends[random() % 2], random);
    if (random() % 3 == 0) reactor.iterate(Duration::zero());
  }
  for (const auto& line : lines)
    for (const auto& end : line.ends) {
      end->transport().setGracefulLimit(0ms);
      end->transport().resumeProducing();
      if (!end->lost && !end->aborted) end->transport().loseWriteConnection();
    }
  spin(reactor, [&] {
    return std::all_of(lines.begin(), lines.end(),
                       [](const Line& l) { return l.ends[0]->losses + l.ends[1]->losses >= 2; });
  });
  for (const auto& line : lines)
    for (int side = 0; side < 2; ++side) {
      const End& end = *line.ends[side];
      const End& other = *line.ends[1 - side];
      BOOST_TEST(end.losses == 1);
      BOOST_TEST(end.wrong == 0U);
      BOOST_TEST(end.received <= other.written);
      if (end.aborted || other.aborted) continue;
      // Who loses its connection while the other one is writing resets it in the end: what the system still held is gone.
      if (other.lost && is<ConnectionLost>(end.reason)) continue;
      BOOST_TEST(is<ConnectionDone>(end.reason), end.reason->getErrorMessage());
      if (!end.lost) BOOST_TEST(end.received == other.written);
    }
  port->stopListening();
}

}  // namespace tcp_random_test

using namespace tcp_random_test;

BOOST_DATA_TEST_CASE(bytes_arrive_exactly_whatever_happens, reactors(), backend) {
  const char* given = std::getenv("BIGHT_SEED");
  const std::uint32_t first =
      given ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  for (std::uint32_t i = 0; i < (given ? 1U : 60U); ++i) {
    const auto reactor = makeReactor(backend);
    BOOST_TEST_CONTEXT("BIGHT_SEED=" << first + i) {
      play(*reactor, first + i);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
