/// @file
/// Internal: what a group of reactors shares between its threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>
#include <bight/reactor.hpp>

#include "reactor_base.hpp"

namespace bight::detail {

/// Something that is done on one reactor after the other.
struct GroupStep {
  Function<std::optional<Deferred<void>>(Reactor&, std::size_t)> run;
  /// Called once: when it is done on all (null), or failed on one, and in the thread of that one; or at the end of the
  /// group, if it did not come to that.
  Function<void(const Failure*)> done = nullptr;
  bool firstOnly = false;
};

class GroupTcpPort;

class GroupState : public std::enable_shared_from_this<GroupState> {
 public:
  explicit GroupState(std::vector<std::unique_ptr<Reactor>> reactors);
  ~GroupState();
  GroupState(const GroupState&) = delete;
  GroupState& operator=(const GroupState&) = delete;

  std::size_t size() const noexcept { return reactors_.size(); }
  ReactorBase& at(std::size_t index) const { return *reactors_.at(index); }
  std::optional<std::size_t> here() const noexcept;
  /// The reactor in whose thread this is called. @throws std::logic_error
  ReactorBase& asking() const;

  /// Before the run, a step belongs to the setup, and its failure ends the group.
  /// @throws std::logic_error after it, and if `setupOnly`, in it
  void add(GroupStep step, bool setupOnly = false);
  void run(const RunOptions& options);
  void stop();
  std::optional<int> exitSignal() const noexcept;

  /// In the thread of that reactor: `port` listens on it, and shall let go of that when it ends.
  void whenLeaving(std::size_t index, std::weak_ptr<GroupTcpPort> port);

  /// Has `run()` not been called yet? Has it returned?
  bool begun() const noexcept;
  bool ended() const noexcept;

 private:
  enum class Life { made, running, ended };
  /// What only the reactor's own thread looks at, between the start and the end of the threads.
  struct Member {
    bool shutDown = false;  // its shutdown has come to the phase `during`
    std::vector<std::weak_ptr<GroupTcpPort>> ports;
  };
  struct Queued {
    GroupStep step;
    bool fatal;
  };

  void wire(std::size_t index);
  void runOne(std::size_t index, const RunOptions& options) noexcept;
  void began();
  void shutdownBegan(std::size_t index);
  void drained(std::size_t index);
  void left() noexcept;
  void advance();
  void runStep(std::size_t index);
  void stepEnded(std::size_t index, std::optional<Failure> failure);
  void fail(const Failure& failure);
  void stopAll(std::optional<int> signal);
  void crashAll(bool hasty);
  void dropSteps() noexcept;

  mutable std::mutex mutex_;  // guards all below, up to the reactors
  Life life_ = Life::made;
  bool stopping_ = false;
  std::size_t begun_ = 0;
  std::size_t undrained_ = 0;
  std::vector<bool> drained_;
  std::optional<int> exitSignal_;
  std::optional<Failure> failure_;
  std::deque<Queued> steps_;  // the first is the one that runs; only that takes it out
  std::size_t stepAt_ = 0;    // on this reactor
  bool stepRuns_ = false;

  std::vector<Member> members_;
  std::atomic<std::size_t> inside_{0};  // how many have not left their loops
  std::vector<std::unique_ptr<ReactorBase>> reactors_;
};

}  // namespace bight::detail
