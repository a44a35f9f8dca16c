// One at a time, so many at a time, and one after the other, without threads.
#include <iostream>
#include <string>
#include <vector>

#include <bight/deferred.hpp>

using namespace bight;

// region: work
std::vector<Promise<void>> running;  // main() ends what runs

Deferred<void> work(const std::string& name) {
  std::cout << name << " begins\n";
  Deferred<void> d;
  running.push_back(d.promise());
  d.addCallback([name] { std::cout << name << " ends\n"; });
  return d;
}
void endFirst() {
  const Promise<void> first = running.front();
  running.erase(running.begin());
  first.callback();
}
// endregion: work

int main() {
  {
    // region: lock
    DeferredLock lock;
    lock.run([] { return work("first"); });
    lock.run([] { return work("second"); });  // begins when the first has ended, well or badly
    std::cout << "both have been asked for\n";
    endFirst();
    endFirst();
    // endregion: lock
  }
  {
    // region: semaphore
    DeferredSemaphore two(2);
    std::vector<Deferred<void>> all;
    for (const char* name : {"a", "b", "c"}) all.push_back(two.run([name] { return work(name); }));
    gatherResults(std::move(all)).addCallback([] { std::cout << "a, b and c are done\n"; });
    while (!running.empty()) endFirst();
    // endregion: semaphore
  }
  {
    // region: queue
    DeferredQueue<int> queue(2);  // at most two values wait
    queue.get().addCallback([](int n) { std::cout << "the one who waited got " << n << '\n'; });
    queue.put(1);
    queue.put(2);
    queue.put(3);
    try {
      queue.put(4);
    } catch (const QueueOverflow& e) {
      std::cout << e.what() << '\n';
    }
    queue.get().addCallback([](int n) { std::cout << "then " << n << '\n'; });
    // endregion: queue
  }
}
