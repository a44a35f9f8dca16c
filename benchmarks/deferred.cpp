// What a stage of a Deferred costs: CPU time and heap allocations, of chains that have a result, get one later, or fail; of gatherResults
// over 1,000; and of coroutines that await each other. A row is: case, stages, ns per stage, allocations per stage.
//
//     build-release/benchmarks/deferred
#include <bight/deferred.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <stdexcept>
#include <vector>

static unsigned long allocations = 0;

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

using bight::Deferred;
using bight::Failure;

double cpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void expect(bool right) {
  if (right) return;
  std::fputs("wrong result\n", stderr);
  std::exit(1);
}

template <class Once>
void row(const char* name, int stages, Once once) {
  for (int i = 0; i < 200; ++i) once();
  const unsigned long before = allocations;
  const double start = cpuSeconds();
  long runs = 0;
  double elapsed;
  do {
    for (int i = 0; i < 100; ++i) once();
    runs += 100;
    elapsed = cpuSeconds() - start;
  } while (elapsed < 0.08);
  const double total = static_cast<double>(runs) * stages;
  std::printf("%s\t%d\t%.2f\t%.4f\n", name, stages, elapsed * 1e9 / total,
              static_cast<double>(allocations - before) / total);
}

const Failure failure(std::runtime_error("x"));
int step = 1;  // not a constant, so that each stage has something of its own to keep

void addStages(Deferred<int>& d, int stages, int& result) {
  for (int i = 0; i < stages; ++i) d.addCallback([s = step](int x) { return x + s; });
  d.addErrback([](const Failure&) { return -1; });
  d.addCallback([&result](int x) { result = x; });
}

int ready(int stages) {
  int result = 0;
  Deferred<int> d = bight::succeed(0);
  addStages(d, stages, result);
  return result;
}

int pending(int stages) {
  int result = 0;
  Deferred<int> d;
  addStages(d, stages, result);
  d.callback(0);
  return result;
}

int failing(int stages) {
  int result = 0;
  Deferred<int> d;
  addStages(d, stages, result);
  d.errback(failure);
  return result;
}

void gather() {
  std::vector<Deferred<int>> members(1000);
  std::vector<bight::Promise<int>> producers;
  producers.reserve(members.size());
  for (const Deferred<int>& member : members) producers.push_back(member.promise());
  int last = -1;
  bight::gatherResults(std::move(members)).addCallback([&last](const std::vector<int>& all) { last = all[999]; });
  for (int i = 0; i < 1000; ++i) producers[static_cast<std::size_t>(i)].callback(i);
  expect(last == 999);
}

Deferred<int> awaiting(int depth, Deferred<int>& leaf) {
  if (depth == 0) {
    const int value = co_await std::move(leaf);
    co_return value;
  }
  const int below = co_await awaiting(depth - 1, leaf);
  co_return below + 1;
}

Deferred<int> throwing(int depth) {
  if (depth == 0) throw std::runtime_error("x");
  const int below = co_await throwing(depth - 1);
  co_return below + 1;
}

}  // namespace

int main() {
  for (int stages : {1, 10, 100}) row("ready", stages, [&] { expect(ready(stages) == stages); });
  for (int stages : {1, 10, 100}) row("pending", stages, [&] { expect(pending(stages) == stages); });
  for (int stages : {1, 10, 100}) row("error", stages, [&] { expect(failing(stages) == -1); });
  row("gather", 1000, gather);
  for (int depth : {1, 10, 100})
    row("await", depth, [&] {
      Deferred<int> leaf;
      const bight::Promise<int> producer = leaf.promise();
      int result = -1;
      awaiting(depth, leaf).addCallback([&result](int x) { result = x; });
      producer.callback(0);
      expect(result == depth);
    });
  for (int depth : {1, 10, 100})
    row("await-error", depth, [&] {
      bool failed = false;
      throwing(depth).addErrback([&failed](const Failure&) {
        failed = true;
        return 0;
      });
      expect(failed);
    });
}
