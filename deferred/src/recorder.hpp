/// @file
/// What a Tracer keeps, and what chains tell it. Internal.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include <bight/detail/chain.hpp>
#include <bight/trace.hpp>

namespace bight::detail {

class Recorder {
 public:
  /// What it records: the Deferreds that it was given; all that no other one of the thread does; or what is left then,
  /// for who looks at the whole process.
  enum class Rank : std::uint8_t { some, all, rest };

  Recorder(Rank rank, std::size_t mostEvents) : rank_(rank), mostEvents_(mostEvents) {}

  using Kind = Recording::Event::Kind;

  /// The recorders of a thread are a row, by rank and age. The first of them that records
  /// `chain`, or null.
  static Recorder* of(Recorder* first, const Chain& chain) noexcept {
    while (first && !first->wants(chain)) first = first->next_;
    return first;
  }
  /// Enters the row of this thread. Throws std::logic_error for a second one of all.
  void begin();
  void end() noexcept;
  /// Whether it is still in the row of this thread.
  static bool isThere(const Recorder* recorder) noexcept;
  /// A chain ends: whoever knows it.
  static void endedIn(Recorder* first, Chain& chain) noexcept {
    for (; first; first = first->next_) first->ended(chain);
  }

  bool wants(const Chain& chain) const noexcept;
  /// The number of the chain, which it gets now if it is new, with the stages that wait in it.
  std::size_t number(Chain& chain);
  /// The same for one that is recorded already; `none` for others.
  std::size_t find(const Chain& chain) const noexcept {
    const auto found = known_.find(&chain);
    return found == known_.end() ? Recording::none : found->second.number;
  }
  /// The stage at the front is about to be run or skipped: its position.
  std::size_t nextStage(Chain& chain, const Stage& stage);
  /// The result of the chain is told unless `quiet`.
  void add(Kind kind, Chain& chain, std::size_t stage = Recording::none, std::size_t other = Recording::none,
           std::source_location at = std::source_location());
  void ended(Chain& chain) noexcept;
  /// `chain` has the result of `inner`, which the stage that it last ran had returned.
  void resumed(Chain& chain, Chain& inner);

  std::size_t followed = Recording::none;  // the chain that the running stage has returned
  Recording recording;

  Recording snapshot() const;

 private:
  struct Known {
    std::size_t number;
    std::size_t consumed = 0;  // stages that have been run or skipped
    bool fired = false;
  };
  static void addWaiting(Recording::Chain& to, const Chain& chain, std::size_t consumed);

  Recorder* next_ = nullptr;
  Rank rank_;
  std::size_t mostEvents_;
  std::unordered_map<const Chain*, Known> known_;
};

}  // namespace bight::detail
