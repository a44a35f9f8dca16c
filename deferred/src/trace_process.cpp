// Recording a whole process because its environment says so: BIGHT_TRACE_OUT names the file for the report, whose kind is
// told by its ending, and BIGHT_TRACE_EVENTS how many events of each thread are kept. `bight-trace` sets both.
//
// Each thread records for itself, beginning with its first Deferred, and hands its recording over when it ends. The report
// is written when the process exits. A thread that still runs then is left out: nobody may look at what it records.
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <bight/trace.hpp>

#include "recorder.hpp"
#include "watch.hpp"

namespace bight::detail {

namespace {

constexpr std::size_t usualEvents = 2'000;
constexpr std::size_t mostRecorded = 50'000;

struct Process {
  std::string file;
  std::size_t events = usualEvents;
  pid_t id = 0;  // a child that was forked off does not write the report of its parent
  std::mutex mutex;
  Recording whole;
  std::size_t running = 0;  // threads that have not handed theirs over
};
Process* process = nullptr;  // never destroyed

void append(Recording& whole, Recording part) {
  const std::size_t first = whole.chains.size();
  for (Recording::Chain& chain : part.chains) whole.chains.push_back(std::move(chain));
  for (Recording::Event& event : part.events) {
    if (whole.events.size() >= mostRecorded) {
      ++whole.dropped;
      continue;
    }
    event.chain += first;
    if (event.other != Recording::none) event.other += first;
    whole.events.push_back(std::move(event));
  }
  whole.dropped += part.dropped;
}

struct OfThread {
  Recorder recorder{Recorder::Rank::rest, process->events};
  OfThread() {
    const std::lock_guard lock(process->mutex);
    ++process->running;
    recorder.begin();
  }
  ~OfThread() {
    recorder.end();
    const std::lock_guard lock(process->mutex);
    --process->running;
    append(process->whole, recorder.snapshot());
  }
};
constinit thread_local bool known = false;  // and stays so when the thread ends

std::string report(const Recording& recording, std::string_view file) {
  if (file.ends_with(".svg")) return toSvg(recording);
  if (file.ends_with(".json")) return toJson(recording);
  if (file.ends_with(".mmd")) return toMermaid(recording);
  if (file.ends_with(".html")) return toHtml(recording);
  return toText(recording);
}

void writeReport() {
  if (getpid() != process->id) return;
  const std::lock_guard lock(process->mutex);
  if (process->running > 0)
    std::fprintf(stderr, "bight: %zu threads still ran at the end: what they did is not in the trace\n",
                 process->running);
  const std::string text = report(process->whole, process->file);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(process->file.c_str(), "we"), &std::fclose);
  if (!file || std::fwrite(text.data(), 1, text.size(), file.get()) != text.size() || std::fflush(file.get()) != 0)
    std::fprintf(stderr, "bight: the trace cannot be written to %s: %s\n", process->file.c_str(), std::strerror(errno));
}

[[maybe_unused]] const bool traceAskedFor = [] {
  const char* const file = std::getenv("BIGHT_TRACE_OUT");
  if (!file || !*file) return false;
  process = new Process;
  process->file = file;
  process->id = getpid();
  if (const char* const events = std::getenv("BIGHT_TRACE_EVENTS"))
    std::from_chars(events, events + std::strlen(events), process->events);
  // What this program starts is not what was asked about, and would write to the same file.
  unsetenv("BIGHT_TRACE_OUT");
  std::atexit(&writeReport);
  watching.fetch_or(watchToRecord, std::memory_order_relaxed);
  return true;
}();

}  // namespace

void recordThread() noexcept {
  if (std::exchange(known, true)) return;
  try {
    static thread_local OfThread ofThread;
    static_cast<void>(&ofThread);
  } catch (...) {  // no memory: this thread is left out
  }
}

}  // namespace bight::detail
