/// @file
/// One run of a chain: a real Deferred with real stages, and a Tracer that looks at it.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bight/cancel_scope.hpp>
#include <bight/deferred.hpp>
#include <bight/time.hpp>
#include <bight/trace.hpp>

#include "code.hpp"
#include "plan.hpp"

namespace lab {

/// Something that happened, and the picture of all that had happened until then.
struct Frame {
  std::string words;  ///< "callback of chain.cpp:8 returns 42"
  bool failed = false;
  unsigned line = 0;                           ///< of the program
  std::size_t chain = bight::Recording::none;  ///< in the picture
  std::size_t stage = bight::Recording::none;
  int depth = 0;                     ///< how many Deferreds wait for this one
  int milliseconds = 0;              ///< since the start
  std::string svg;                   ///< without a style: the page has one
  std::vector<std::string> printed;  ///< by the stage
  std::string traceback;             ///< of the failure that an errback was given, or that nobody handled
};

/// Builds the Deferred, starts it, and tells what happens, until nothing more will. Everything is told in calls of
/// `show`, and `over` comes last. Not started: call `start`, once.
class Run : public std::enable_shared_from_this<Run> {
 public:
  using Show = bight::Function<void(const Frame&)>;

  /// How long it waits to be fired or cancelled by hand.
  static constexpr bight::Duration patience = std::chrono::minutes(2);

  /// `clock` must outlive it.
  Run(bight::ReactorTime& clock, Plan plan, Show show, bight::Function<void()> over);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void start();
  /// By hand. Harmless when it is over.
  void fire(bool failure);
  void cancel();
  /// Nobody looks any more: no more calls.
  void leave();

  /// The whole story, as text.
  std::string story() const { return bight::toText(recording_); }
  const bight::Recording& recording() const { return recording_; }

 private:
  using Deferred = bight::Deferred<Value>;

  void addStage(std::size_t number);
  Value act(std::size_t number, const Function& f, const Value& in);
  Deferred actLater(const Function& f, unsigned line);
  void fireAsPlanned(bool lookThen);
  void after(int milliseconds, void (Run::*call)());
  void tellNews();
  void look();
  void tell(const Frame& frame);
  Frame frameOf(std::size_t event);
  void note(const std::string& words, bool failed, unsigned line, const std::string& traceback = {});
  bool done() const;
  void end();

  bight::ReactorTime& clock_;
  Plan plan_;
  Program program_;
  Show show_;
  bight::Function<void()> over_;
  bight::Duration begun_;
  std::optional<Deferred> deferred_;
  std::optional<bight::Promise<Value>> producer_;
  std::optional<bight::Tracer> tracer_;
  bight::Recording recording_;
  std::size_t told_ = 0;
  std::map<std::size_t, std::vector<std::string>> printed_;  // by stage
  std::map<std::size_t, std::string> tracebacks_;            // by stage
  std::vector<bight::DelayedCall> calls_;
  bool ended_ = false;
  bight::CancelScope scope_;  // no stage runs without this object
};

/// From now on unhandled failures of runs are told to their pages, and those of others as before.
class UnhandledInRuns {
 public:
  UnhandledInRuns();
  ~UnhandledInRuns();
  UnhandledInRuns(const UnhandledInRuns&) = delete;
  UnhandledInRuns& operator=(const UnhandledInRuns&) = delete;

 private:
  bight::UnhandledFailureHook before_;
};

}  // namespace lab
