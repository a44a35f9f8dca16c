// Ten thousand people wait, one speaks, all hear it: crowd [COUNT]
//
// The server runs in a process of its own, so that neither needs more than COUNT descriptors and a few. The crowd
// connects from several loopback addresses, because one has not many more than 28,000 ports to give. Prints counts, in
// the form of a test.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/reactor.hpp>

#include "client.hpp"
#include "server.hpp"

namespace {

using bight::Deferred;
using chat::testing::ask;
using chat::testing::get;
using chat::testing::post;

constexpr std::size_t spare = 200;      // descriptors for everything else
constexpr std::size_t atATime = 256;    // connections that are being made
constexpr std::size_t sourceCount = 8;  // 127.0.0.1 to 127.0.0.8
constexpr std::string_view text = "to all of you";

/// Raises the limit of open files as far as the system lets us; returns how many may be open.
std::size_t raiseDescriptorLimit(std::size_t wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(wanted, limit.rlim_max));
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

/// The server's process: tells its port, serves until SIGTERM, and ends with status 0 if nobody was left waiting.
int serve(int tellPort) {
  const auto reactor = bight::makeReactor();
  chat::Server server(*reactor, {.port = 0});
  std::size_t left = 0;
  reactor->addSystemEventTrigger(bight::Phase::before, "shutdown", [&] {
    left = server.room().waiting();
    return server.stop();
  });
  const std::uint16_t port = server.ports().front()->getHost().port();
  if (write(tellPort, &port, sizeof port) != sizeof port) return 1;
  reactor->run();
  return left == 0 ? 0 : 1;
}

std::size_t countIn(const std::string& answer) {
  const std::string_view key = "\"count\":";
  const std::size_t at = answer.find(key);
  return at == std::string::npos ? 0 : std::strtoul(answer.c_str() + at + key.size(), nullptr, 10);
}

std::string versionIn(const std::string& answer) {
  const std::string_view key = "\"version\":";
  const std::size_t at = answer.find(key);
  return at == std::string::npos ? "0" : std::to_string(std::strtoul(answer.c_str() + at + key.size(), nullptr, 10));
}

class Crowd {
 public:
  Crowd(bight::Reactor& reactor, std::uint16_t port, std::size_t size) : reactor_(reactor), port_(port), size_(size) {}

  /// Everybody comes and waits, then somebody speaks. The result: how many heard it.
  Deferred<std::size_t> gather() {
    for (std::size_t n = 0; n < std::min(size_, atATime); ++n) come();
    std::string version = "0";
    while (here_ < size_) {  // each answer comes when the list of those who wait has changed
      const std::string answer = co_await ask(reactor_, port_, get("/wait?since=0&who=" + version));
      here_ = countIn(answer);
      version = versionIn(answer);
    }
    co_await ask(reactor_, port_, post(R"({"user":"Speaker","text":")" + std::string(text) + R"("})"));
    const std::vector<std::string> answers = co_await bight::gatherResults(std::move(waiting_));
    co_return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), [](const std::string& answer) {
      return answer.starts_with("HTTP/1.1 200 ") && answer.find(text) != std::string::npos;
    }));
  }

  std::size_t here() const { return here_; }

 private:
  /// One more comes, and when it is connected, the next.
  void come() {
    if (started_ == size_) return;
    const std::string number = std::to_string(started_);
    const std::string source = "127.0.0." + std::to_string(1 + started_ % sourceCount);
    ++started_;
    waiting_.push_back(ask(reactor_, port_, get("/wait?since=0&user=visitor+" + number), source, [this] { come(); }));
  }

  bight::Reactor& reactor_;
  std::uint16_t port_;
  std::size_t size_;
  std::size_t started_ = 0;
  std::size_t here_ = 0;
  std::vector<Deferred<std::string>> waiting_;
};

int come(std::uint16_t port, std::size_t size) {
  const auto reactor = bight::makeReactor();
  Crowd crowd(*reactor, port, size);
  std::size_t heard = 0;
  reactor->callWhenRunning([&] {
    crowd.gather()
        .addCallback([&](std::size_t count) { heard = count; })
        .addErrback([](const bight::Failure& failure) { std::cerr << failure.getTraceback(); })
        .addBoth([&] { reactor->stop(); });
  });
  reactor->run();
  const bool all = heard == size;
  std::cout << (all ? "ok" : "not ok") << " 1 - " << crowd.here() << " waited, one spoke, " << heard << " heard it\n";
  return all ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t size = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10000;
  if (const std::size_t open = raiseDescriptorLimit(size + spare); open < size + spare) {
    size = open - spare;
    std::cout << "# only " << open << " files may be open here, so only " << size << " come\n";
  }
  std::array<int, 2> pipes{};
  if (pipe(pipes.data()) != 0) return 1;
  const pid_t child = fork();
  if (child == 0) return serve(pipes[1]);
  close(pipes[1]);
  std::uint16_t port = 0;
  int status = 1;
  if (child > 0 && read(pipes[0], &port, sizeof port) == sizeof port) status = come(port, size);
  int ended = 0;
  kill(child, SIGTERM);
  waitpid(child, &ended, 0);
  const bool clean = WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
  std::cout << (clean ? "ok" : "not ok") << " 2 - the server was left with nobody who waits\n1..2\n";
  return status != 0 || !clean;
}
