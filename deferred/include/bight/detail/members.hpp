/// @file
/// What gatherResults, deferredList and race share: one state that looks at the result of each member as it comes in.
/// Internal.
#pragma once

#include <cstddef>
#include <source_location>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>

namespace bight::detail {

/// The base of such a state. Counted by the stages it has put into the members; holds the members only to be able to
/// cancel them, so a member whose producers have gone still notices that and fails.
class Members {
 public:
  Members() = default;
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  static void gathered(Failure& failure, std::source_location at, std::size_t index) noexcept {
    FailureState::went(failure, FailureStep::Kind::gathered, at, StageKind::member, static_cast<std::uint32_t>(index));
  }

  /// Cancels every member that has not fired. One that does not end at once is asked again the next time.
  void cancelAll() {
    std::vector<ChainReference> members;  // a canceller may bring about everything, also the end of this state
    members.reserve(members_.size());
    for (const ChainReference& member : members_) members.emplace_back(*member.get());
    for (const ChainReference& member : members) member->cancel();
  }

 protected:
  std::vector<ChainReference> members_;
  std::source_location at_;  // of the call that gathers
  std::size_t references_ = 0;

  template <class State>
  friend class StateReference;
  template <class State, class Fired, class T>
  friend void addMembers(Deferred<Fired>& result, State& state, std::vector<Deferred<T>>& members,
                         std::source_location at);
  template <class State, class T>
  friend void addMember(State& state, Deferred<T> member, std::size_t index, std::source_location at);
};

template <class State>
class StateReference {
 public:
  explicit StateReference(State& state) noexcept : state_(&state) { ++state.references_; }
  StateReference(StateReference&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StateReference(const StateReference&) = delete;
  StateReference& operator=(const StateReference&) = delete;
  ~StateReference() {
    if (state_ && --state_->references_ == 0) delete state_;
  }
  State* operator->() const noexcept { return state_; }
  State& operator*() const noexcept { return *state_; }

 private:
  State* state_;
};

template <class State, class T>
void addMember(State& state, Deferred<T> member, std::size_t index, std::source_location at) {
  Chain& chain = member.chain();
  if (!chain.endsWith<T>()) chain.throwRetyped(valueType<T>, false);
  state.members_.emplace_back(chain);
  chain.setAwaited();
  addObserver<StageKind::member>(
      chain,
      [state = StateReference<State>(state), index](Chain& arrived) {
        if (arrived.failed()) Members::gathered(arrived.failure(), state->at_, index);
        state->template arrived<T>(index, arrived);
      },
      at, valueType<void>);
}

/// Ties the result to the state and adds the members, by calling `add`. The result's chain lives as long as the state,
/// and has dropped its canceller by the end of it. If a member is refused, nobody waits for the result.
template <class State, class Fired, class Add>
void addMembers(Deferred<Fired>& result, State& state, Add add) {
  result.chain().setCanceller([&state](Chain&) { state.cancelAll(); }, true);
  try {
    add();
  } catch (...) {
    result.addErrback([](const Failure&) {});
    throw;
  }
}

template <class State, class Fired, class T>
void addMembers(Deferred<Fired>& result, State& state, std::vector<Deferred<T>>& members, std::source_location at) {
  state.at_ = at;
  addMembers(result, state, [&] {
    for (std::size_t i = 0; i < members.size(); ++i) addMember(state, std::move(members[i]), i, at);
  });
}

}  // namespace bight::detail
