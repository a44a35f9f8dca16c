/// @file
/// Seeing what chains do: a recorder, and pictures of what it saw.
///
///     Tracer tracer;                                   // everything in this thread from now on
///     load(page).addCallback(parse).addErrback(apologise);
///     …
///     std::cout << toText(tracer.recording());
///     writeFile("load.svg", toSvg(tracer.recording()));
///
/// A recording is a plain value: chains, their stages, and what happened, in order. While no Tracer is there, a chain
/// pays one branch for each time it is run.
#pragma once

#include <cstddef>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/failure.hpp>

namespace bight {

/// What a Tracer saw.
struct Recording {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct Stage {
    StageKind kind;
    std::source_location at;
    /// Runs for values, or for failures, or both.
    bool onValue;
    bool onFailure;
  };
  struct Chain {
    /// Where the Deferred was created; of a coroutine, the coroutine.
    std::source_location created;
    bool coroutine;
    std::vector<Stage> stages;
  };
  struct Event {
    enum class Kind : std::uint8_t {
      fired,             // with `result`, at `at`
      ran,               // the stage was given `result`
      skipped,           // the stage let `result` pass
      returned,          // the stage returned `result`
      threw,             // the stage failed with `result`: it threw it, or returned a Failure
      returnedDeferred,  // the stage returned the Deferred of chain `other`
      waits,             // that has no result yet
      resumed,           // chain `other` had `result`, which is the stage's now
      awaited,           // the stage handed `result` to the coroutine of chain `other`, or to one that is not ours
      paused,            // the next stage may not run yet
      cancelled,         // somebody called cancel()
      ended,             // the Deferred is gone; `result` is what nobody took
    };
    Kind kind;
    std::size_t chain;
    /// A position in Chain::stages, or `none`.
    std::size_t stage = none;
    /// A position in Recording::chains, or `none`.
    std::size_t other = none;
    /// Whether the result is a failure.
    bool failed = false;
    /// In words: `42`, `"text"`, `nothing`, `a Page`, `std::runtime_error: refused`.
    std::string result;
    std::source_location at = std::source_location();
  };

  std::vector<Chain> chains;
  std::vector<Event> events;
  /// Events that were not recorded, because there are limits.
  std::size_t dropped = 0;
};

namespace detail {
class Recorder;
}

/// Records what chains of this thread do, until it is destroyed. To be used and destroyed in the thread that made it.
/// There may be several in a thread: what a Deferred does is recorded by the first one that it was attached to, and
/// otherwise by the one that records everything, of which there is one at a time.
class BIGHT_API Tracer {
 public:
  /// @param mostEvents  what comes after so many is counted, and forgotten
  static constexpr std::size_t usualEvents = 10'000;

  /// Records every Deferred of this thread that runs a stage from now on.
  /// @throws std::logic_error if there is a Tracer of everything in this thread already
  explicit Tracer(std::size_t mostEvents = usualEvents);
  /// Records this Deferred, and those that its stages return.
  template <class T>
  explicit Tracer(const Deferred<T>& deferred, std::size_t mostEvents = usualEvents)
      : Tracer(deferred.chain(), mostEvents) {}
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer();

  /// Another one, besides.
  template <class T>
  void attach(const Deferred<T>& deferred) {
    attach(deferred.chain());
  }

  /// What it has seen so far, with the stages that still wait to be run.
  Recording recording() const;

 private:
  Tracer(detail::Chain& chain, std::size_t mostEvents);
  void attach(detail::Chain& chain);

  std::unique_ptr<detail::Recorder> recorder_;
};

/// For terminals: each event a line, nested Deferreds indented.
BIGHT_API std::string toText(const Recording& recording);
/// For tools: `{"chains": [...], "events": [...]}` with the names of this header.
BIGHT_API std::string toJson(const Recording& recording);
/// For Markdown: a flowchart for `mermaid` code blocks.
BIGHT_API std::string toMermaid(const Recording& recording);
/// The classic picture: callbacks on the left, errbacks on the right, and the path that was taken through them; Deferreds
/// that stages returned stand beside. Readable in black and white.
BIGHT_API std::string toSvg(const Recording& recording);
/// A page that replays it, step by step, beside the lines of the program (as far as the files can be read now, from the
/// directory the program was compiled in). Complete in itself: nothing is loaded.
BIGHT_API std::string toHtml(const Recording& recording);

/// "callback", "errback", "addCallbacks", "addBoth", …
BIGHT_API const char* toString(StageKind kind) noexcept;
BIGHT_API const char* toString(Recording::Event::Kind kind) noexcept;

}  // namespace bight
