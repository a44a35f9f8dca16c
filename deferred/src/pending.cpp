// The table is of what chains tell, and not of chains: so any thread may look at it, whichever thread runs them. Counts are
// kept by each thread for itself, so that counting costs no lock and no cache line of another one.
#include <bight/pending.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <ostream>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <bight/trace.hpp>

#include "failure_text.hpp"
#include "own_places.hpp"
#include "watch.hpp"

namespace bight {

namespace detail {
constinit std::atomic<std::uint8_t> watching{0};
}

namespace {

using detail::Chain;
using Clock = std::chrono::steady_clock;

struct Entry {
  PendingDeferred told;
  const Chain* inner = nullptr;
  Clock::time_point made;
};

struct Table {
  std::mutex mutex;
  std::unordered_map<const Chain*, Entry> entries;
  std::uint64_t last = 0;
};

/// How many entries there are; changed under the lock. Who sees none has none: while Deferreds are only counted, nobody
/// takes the lock.
constinit std::atomic<std::size_t> entriesNow{0};

Table& table() {
  static Table* const it = new Table;  // never destroyed: chains may end while the process does
  return *it;
}

// ---- counts

/// Written by its thread alone, and read by all.
struct Counts {
  std::atomic<std::uint64_t> created{0};
  std::atomic<std::uint64_t> fired{0};
  std::atomic<std::uint64_t> dropped{0};
  Counts* next = nullptr;

  static void addOne(std::atomic<std::uint64_t>& to) noexcept {
    to.store(to.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

constinit std::atomic<std::uint64_t> unhandled{0};
constinit std::mutex countsMutex;
constinit Counts* living = nullptr;  // of the threads that are there
constinit Counts ended;              // of those that have ended; by several threads, so with real additions

void addUp(Counts& to, const Counts& from) noexcept {
  to.created.fetch_add(from.created.load(std::memory_order_relaxed), std::memory_order_relaxed);
  to.fired.fetch_add(from.fired.load(std::memory_order_relaxed), std::memory_order_relaxed);
  to.dropped.fetch_add(from.dropped.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

struct OfThread {
  Counts* counts;
  bool over;  // the thread is ending, and has handed its counts over
};
constinit thread_local OfThread ofThread{};

struct Handover {
  Counts counts;
  Handover() {
    const std::lock_guard lock(countsMutex);
    counts.next = std::exchange(living, &counts);
  }
  ~Handover() {
    ofThread = {nullptr, true};
    const std::lock_guard lock(countsMutex);
    for (Counts** at = &living; *at; at = &(*at)->next) {
      if (*at != &counts) continue;
      *at = counts.next;
      break;
    }
    addUp(ended, counts);
  }
};

void count(std::atomic<std::uint64_t> Counts::* which) noexcept {
  if (!ofThread.counts) [[unlikely]] {
    if (ofThread.over) {
      (ended.*which).fetch_add(1, std::memory_order_relaxed);
      return;
    }
    static thread_local Handover handover;
    ofThread.counts = &handover.counts;
  }
  Counts::addOne(ofThread.counts->*which);
}

// ---- the environment

[[maybe_unused]] const bool watchAskedFor = [] {
  const char* const wanted = std::getenv("BIGHT_TRACE");
  std::string_view words = wanted ? wanted : "";
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(','));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    if (word == "pending") watchDeferreds(Watch::each);
    if (word == "counts" && watchedDeferreds() == Watch::nothing) watchDeferreds(Watch::counts);
  }
  return true;
}();

}  // namespace

// ---- what chains tell

bool detail::watchNew(const Chain& chain, std::source_location created, bool coroutine) noexcept {
  const std::uint8_t wanted = watching.load(std::memory_order_relaxed);
  if (wanted & watchToRecord) recordThread();
  const auto what = static_cast<Watch>(wanted & ~watchToRecord);
  if (what == Watch::nothing) return false;
  count(&Counts::created);
  if (what == Watch::counts) return true;
  try {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    Entry& entry = all.entries[&chain];
    entry = Entry();
    entry.made = Clock::now();
    entry.told.number = ++all.last;
    entry.told.created = created;
    entry.told.coroutine = coroutine;
    entriesNow.store(all.entries.size(), std::memory_order_relaxed);
  } catch (...) {  // no memory: it is counted, at least
  }
  return true;
}

namespace {
template <class Change>
void change(const Chain& chain, Change how) noexcept {
  if (entriesNow.load(std::memory_order_relaxed) == 0) return;
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  const auto found = all.entries.find(&chain);
  if (found != all.entries.end()) how(found->second);
}
}  // namespace

void detail::watchFired(const Chain& chain, std::source_location at) noexcept {
  count(&Counts::fired);
  change(chain, [&](Entry& entry) {
    entry.told.fired = true;
    entry.told.firedAt = at;
  });
}

void detail::watchWaiting(const Chain& chain, const Chain* inner, std::source_location at, StageKind stage) noexcept {
  change(chain, [&](Entry& entry) {
    entry.inner = inner;
    entry.told.waiting = inner;
    entry.told.waitsAt = at;
    entry.told.stage = stage;
  });
}

void detail::watchGone(const Chain& chain, bool wasFired) noexcept {
  if (!wasFired) count(&Counts::dropped);
  if (entriesNow.load(std::memory_order_relaxed) == 0) return;
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  all.entries.erase(&chain);
  entriesNow.store(all.entries.size(), std::memory_order_relaxed);
}

void detail::countUnhandled() noexcept {
  unhandled.fetch_add(1, std::memory_order_relaxed);
}

// ---- what others ask

void watchDeferreds(Watch what) noexcept {
  std::uint8_t before = detail::watching.load(std::memory_order_relaxed);
  while (!detail::watching.compare_exchange_weak(
      before, static_cast<std::uint8_t>((before & detail::watchToRecord) | static_cast<std::uint8_t>(what)))) {
  }
  if (what == Watch::each) return;
  Table& all = table();
  const std::lock_guard lock(all.mutex);
  all.entries.clear();
  entriesNow.store(0, std::memory_order_relaxed);
}

Watch watchedDeferreds() noexcept {
  return static_cast<Watch>(detail::watching.load(std::memory_order_relaxed) & ~detail::watchToRecord);
}

DeferredCounts deferredCounts() noexcept {
  Counts sum;
  {
    const std::lock_guard lock(countsMutex);
    addUp(sum, ended);
    for (const Counts* one = living; one; one = one->next) addUp(sum, *one);
  }
  DeferredCounts counts{sum.created, sum.fired, sum.dropped, unhandled.load(std::memory_order_relaxed)};
  // A thread that goes on may have fired one that was counted as made a moment later.
  counts.created = std::max(counts.created, counts.fired + counts.dropped);
  return counts;
}

std::vector<PendingDeferred> pendingDeferreds() {
  std::vector<Entry> entries;
  std::vector<std::pair<const Chain*, std::uint64_t>> numbers;
  {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    for (const auto& [chain, entry] : all.entries) {
      if (entry.told.fired && !entry.told.waiting) continue;
      entries.push_back(entry);
      numbers.emplace_back(chain, entry.told.number);
    }
  }
  const Clock::time_point now = Clock::now();
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.told.number < b.told.number; });
  std::unordered_map<std::uint64_t, std::size_t> positions;
  for (std::size_t i = 0; i < entries.size(); ++i) positions[entries[i].told.number] = i;
  std::unordered_map<const Chain*, std::size_t> places;
  for (const auto& [chain, number] : numbers) places[chain] = positions[number];
  std::vector<PendingDeferred> pending;
  pending.reserve(entries.size());
  for (Entry& entry : entries) {
    entry.told.age = now - entry.made;
    if (const auto inner = places.find(entry.inner); entry.told.waiting && inner != places.end())
      entry.told.waitsFor = inner->second;
    pending.push_back(entry.told);
  }
  return pending;
}

namespace {

std::string placeOf(std::source_location at) {
  return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

std::string nameOf(const PendingDeferred& one) {
  if (one.coroutine)
    return "the coroutine " + detail::shortFunction(one.created.function_name()) + " at " + placeOf(one.created);
  return "the Deferred created at " + placeOf(one.created);
}

std::string ageOf(std::chrono::nanoseconds age) {
  using std::chrono::duration_cast;
  const auto milliseconds = duration_cast<std::chrono::milliseconds>(age).count();
  char text[40];
  if (milliseconds < 10'000) {
    std::snprintf(text, sizeof text, "%lld ms", static_cast<long long>(milliseconds));
  } else {
    std::snprintf(text, sizeof text, "%lld s", static_cast<long long>(milliseconds / 1000));
  }
  return text;
}

}  // namespace

std::string describe(const std::vector<PendingDeferred>& pending, std::size_t most) {
  if (pending.empty()) return "no Deferred waits\n";
  std::string text =
      pending.size() == 1 ? std::string("1 Deferred waits:\n") : std::to_string(pending.size()) + " Deferreds wait:\n";
  for (std::size_t i = 0; i < pending.size() && i < most; ++i) {
    const PendingDeferred& one = pending[i];
    text += "  " + ageOf(one.age) + "  " + nameOf(one);
    const bool byUs = !*one.firedAt.file_name() || detail::isOwnFile(one.firedAt.file_name());
    if (one.fired) text += byUs ? ", fired by the library," : ", fired at " + placeOf(one.firedAt) + ",";
    const std::string other =
        one.waitsFor < pending.size() ? nameOf(pending[one.waitsFor]) : std::string("a Deferred that is not watched");
    if (!one.waiting) {
      text += one.coroutine ? " has not ended" : " has not been fired";
    } else if (one.coroutine) {
      text += " awaits, at " + placeOf(one.waitsAt) + ", " + other;
    } else {
      text +=
          " waits: the " + std::string(toString(one.stage)) + " at " + placeOf(one.waitsAt) + " has returned " + other;
    }
    text += '\n';
  }
  if (pending.size() > most) text += "  and " + std::to_string(pending.size() - most) + " more\n";
  return text;
}

void dumpPending(std::ostream& out) {
  if (watchedDeferreds() != Watch::each) {
    out << "Deferreds are not watched: call watchDeferreds(Watch::each), or set BIGHT_TRACE=pending\n";
    return;
  }
  out << describe(pendingDeferreds());
}

// ---- tests

struct NothingLeft::State {
  explicit State(Complain c) : complain(std::move(c)) {}

  Complain complain;
  Watch before = watchedDeferreds();
  std::uint64_t firstNumber = 0;
  std::size_t atRest = failuresAtRest();
  UnhandledFailureHook hook;
  mutable std::mutex mutex;
  std::string unhandledReports;
};

NothingLeft::NothingLeft()
    : NothingLeft([](const std::string& report) {
        std::fputs(report.c_str(), stderr);
        std::abort();
      }) {}

NothingLeft::NothingLeft(Complain complain) : state_(new State(std::move(complain))) {
  {
    Table& all = table();
    const std::lock_guard lock(all.mutex);
    state_->firstNumber = all.last + 1;
  }
  watchDeferreds(Watch::each);
  state_->hook = setUnhandledFailureHook([state = state_](const UnhandledFailure& unhandledFailure) {
    const std::lock_guard lock(state->mutex);
    state->unhandledReports += bight::describe(unhandledFailure);
  });
}

std::string NothingLeft::report() const {
  std::vector<PendingDeferred> pending = pendingDeferreds();
  // Positions in the list hold, since the older ones are at its beginning.
  const auto first = std::find_if(pending.begin(), pending.end(),
                                  [&](const PendingDeferred& one) { return one.number >= state_->firstNumber; });
  const auto skipped = static_cast<std::size_t>(first - pending.begin());
  pending.erase(pending.begin(), first);
  for (PendingDeferred& one : pending) {
    if (one.waitsFor != PendingDeferred::none)
      one.waitsFor = one.waitsFor >= skipped ? one.waitsFor - skipped : PendingDeferred::none;
  }
  std::string text;
  if (!pending.empty()) text += bight::describe(pending);
  {
    const std::lock_guard lock(state_->mutex);
    text += state_->unhandledReports;
  }
  if (const std::size_t atRest = failuresAtRest(); atRest > state_->atRest)
    text += std::to_string(atRest - state_->atRest) +
            " more Deferreds than before hold a failure that nobody has handled\n";
  return text;
}

NothingLeft::~NothingLeft() {
  const std::string left = report();
  setUnhandledFailureHook(std::move(state_->hook));
  watchDeferreds(state_->before);
  Complain complain = std::move(state_->complain);
  delete state_;
  if (!left.empty()) complain(left);
}

}  // namespace bight
