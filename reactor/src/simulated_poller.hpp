/// @file
/// Internal: what a simulated reactor has in the place of the system: sockets of a simulated network, its clock, and
/// waiting that takes no time.
#pragma once

#include <memory>
#include <vector>

#include <bight/poller.hpp>
#include <bight/resolver.hpp>

#include "simulated_world.hpp"
#include "socket.hpp"

namespace bight::detail {

class ReactorBase;

/// Waits by letting the world's time jump to the next thing to happen, here or on another machine.
class SimulatedPoller final : public Poller {
 public:
  SimulatedPoller(std::shared_ptr<SimulatedWorld> world, std::shared_ptr<SimulatedHost> host);
  ~SimulatedPoller() override;

  std::string_view name() const noexcept override { return "simulated"; }
  PollHandle* add(int fd, unsigned interest, PollTarget& target) override;
  void change(PollHandle* handle, unsigned interest) override;
  void remove(PollHandle* handle) noexcept override;
  void poll(Duration until) override;

  // For the reactor
  void attach(ReactorBase& reactor);
  void detach() noexcept;
  Duration now() const noexcept { return world_->now(); }
  Descriptor openSocket(int family, int type) { return world_->openSocket(family, type, host_); }
  std::shared_ptr<NameResolver> names() const { return world_->names(); }
  /// How long a piece of work takes that is meant for a thread.
  Duration workTime() { return world_->latency(); }

  // For the world
  const std::shared_ptr<SimulatedWorld>& world() const noexcept { return world_; }
  ReactorBase* reactor() const noexcept { return reactor_; }
  const SimulatedHost& host() const noexcept { return *host_; }
  /// When this reactor has something to do: `dontWait`, a moment, or `forever`.
  Duration due();
  /// Gives it a turn, if it has something to do.
  bool turn();
  /// Something may have happened to a socket.
  void suspect(const std::shared_ptr<SimulatedRegistration>& registration);

 private:
  bool anyReady();
  bool dispatchReady();
  void stalled();

  const std::shared_ptr<SimulatedWorld> world_;
  const std::shared_ptr<SimulatedHost> host_;
  ReactorBase* reactor_ = nullptr;
  std::vector<std::shared_ptr<SimulatedRegistration>> suspects_;
  SimulatedRegistration* waker_ = nullptr;  // the one descriptor of the system's
  int wakerFd_ = -1;
};

}  // namespace bight::detail
