/// @file
/// Internal: what a thread knows of the chains that it runs.
#pragma once

#include <cstddef>

#include <bight/detail/chain.hpp>

namespace bight::detail {

/// What a thread knows of the chains it is running.
struct Chain::Runner {
  /// How deep user code may nest run() within run(); the rest is queued (A92). Small enough for fibers with little
  /// stack, large enough that no ordinary program ever notices.
  static constexpr unsigned maxNesting = 64;

  unsigned nesting = 0;
  unsigned destroying = 0;
  bool resuming = false;        // the loop has just resumed a coroutine
  Chain* ended = nullptr;       // the chain of the coroutine that ended then, if another coroutine alone waits for it
  Chain* next = nullptr;        // to be run before the rest of the present one
  Chain* queueFirst = nullptr;  // chains that wait for the outermost run
  Chain* queueLast = nullptr;
  Chain* dying = nullptr;  // chains that wait for the outermost destruction
  std::size_t failuresAtRest = 0;
  Recorder* recorder = nullptr;

  /// A new chain that may have to tell of itself from now on, see pending.hpp. Returns it.
  static Chain* watched(Chain* chain) noexcept;
  /// As Chain::runStages, while a failure is on its way, or for a recorder.
  void otherwise(Chain& chain);

  static constinit thread_local Runner ofThread;
};

}  // namespace bight::detail
