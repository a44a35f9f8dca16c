// What a timer costs in a real reactor: nanoseconds of CPU for each operation, and bytes for each timer that waits.
// Rows: `case TAB value`.
//
//   schedule  a million timers, 10 to 60 s ahead
//   cancel    all of them taken back
//   bytes     resident memory of each while it waits, its handle included
//   rearm     ten thousand idle timeouts, of which one at random is cancelled and made anew, a million times
//   reset     the same by DelayedCall::reset
//   fire      a million timers come due within 200 ms
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include <bight/reactor.hpp>

namespace {

using namespace std::chrono_literals;
using bight::DelayedCall;
using bight::Duration;

constexpr std::size_t many = 1000000;
constexpr std::size_t few = 10000;
std::size_t fired = 0;

double cpuNanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double residentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (!file) return 0;
  long pages = 0;
  long resident = 0;
  const int read = std::fscanf(file, "%ld %ld", &pages, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) : 0;
}

/// The same numbers in every run.
class Random {
 public:
  std::uint32_t operator()(std::uint32_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(((state_ >> 33) * below) >> 31);
  }

 private:
  std::uint64_t state_ = 1;
};

void row(const char* name, double value) {
  std::printf("%s\t%.1f\n", name, value);
}

class Measured {
 public:
  explicit Measured(std::size_t count) : calls_(count) {}
  void schedule(std::size_t i, Duration delay) {
    calls_[i] = reactor_->callLater(delay, [] { ++fired; });
  }
  DelayedCall& operator[](std::size_t i) { return calls_[i]; }
  bight::Reactor& reactor() { return *reactor_; }

 private:
  std::unique_ptr<bight::Reactor> reactor_ = bight::makeReactor();
  std::vector<DelayedCall> calls_;
};

void scheduleAndCancel(Random& random) {
  const double before = residentBytes();
  const double t0 = cpuNanoseconds();
  Measured timers(many);
  for (std::size_t i = 0; i < many; ++i) timers.schedule(i, 10s + 1ms * random(50000));
  const double t1 = cpuNanoseconds();
  const double after = residentBytes();
  for (std::size_t i = 0; i < many; ++i) timers[i].cancel();
  timers.reactor().iterate();
  const double t2 = cpuNanoseconds();
  row("schedule", (t1 - t0) / many);
  row("cancel", (t2 - t1) / many);
  row("bytes", (after - before) / many);
}

void rearm(Random& random) {
  Measured timers(few);
  for (std::size_t i = 0; i < few; ++i) timers.schedule(i, 30s);
  const double t0 = cpuNanoseconds();
  for (std::size_t k = 0; k < many; ++k) {
    const std::size_t i = random(few);
    timers[i].cancel();
    timers.schedule(i, 30s + 1ms * random(100));
  }
  const double t1 = cpuNanoseconds();
  for (std::size_t k = 0; k < many; ++k) timers[random(few)].reset(30s + 1ms * random(100));
  const double t2 = cpuNanoseconds();
  row("rearm", (t1 - t0) / many);
  row("reset", (t2 - t1) / many);
}

void fire(Random& random) {
  Measured timers(many);
  for (std::size_t i = 0; i < many; ++i) timers.schedule(i, 1ms + 1ms * random(200));
  const double t0 = cpuNanoseconds();
  while (fired < many) timers.reactor().iterate(1s);
  row("fire", (cpuNanoseconds() - t0) / many);
}

}  // namespace

int main() {
  Random random;
  scheduleAndCancel(random);
  if (fired != 0) {
    std::fprintf(stderr, "%zu timers were called that had been cancelled\n", fired);
    return EXIT_FAILURE;
  }
  rearm(random);
  fire(random);
  return EXIT_SUCCESS;
}
