// What signals do to a reactor: callbacks that were asked for, and the shutdown (B7, B40).
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reactor_base.hpp"
#include "reactor_log.hpp"

namespace bight::detail {

SignalWatch& ReactorBase::signalWatch() {
  if (!signals_) signals_ = std::make_unique<SignalWatch>(*poller_, [this](int number) { signalled(number); });
  return *signals_;
}

void ReactorBase::takeStopSignals() {
  if (simulated_) {
    stopSignals_ = {SIGINT, SIGTERM};
    return;
  }
  if (signalWatch().add(SIGINT, true)) stopSignals_.push_back(SIGINT);
  if (signalWatch().add(SIGTERM)) stopSignals_.push_back(SIGTERM);
}

void ReactorBase::leaveStopSignals() noexcept {
  for (const int number : std::exchange(stopSignals_, {}))
    if (signals_) signals_->remove(number);
}

SignalCallback ReactorBase::addSignalCallback(int number, Function<void(int)> call) {
  checkThread("onSignal");
  if (!call) throw std::invalid_argument("onSignal: the function is empty");
  if (!simulated_) signalWatch().add(number);
  signalUsers_.push_back({++lastSignalUser_, number, std::make_shared<Function<void(int)>>(std::move(call))});
  return {lastSignalUser_};
}

void ReactorBase::removeSignalCallback(SignalCallback callback) {
  checkThread("removeSignalCallback");
  const auto found = std::find_if(signalUsers_.begin(), signalUsers_.end(),
                                  [callback](const SignalUser& each) { return each.id == callback.id; });
  if (found == signalUsers_.end())
    throw std::invalid_argument("removeSignalCallback: there is no such callback (any more)");
  const auto dying = std::move(found->call);  // what it captured may come back here while it dies
  const int number = found->number;
  signalUsers_.erase(found);
  if (signals_) signals_->remove(number);
}

void ReactorBase::signalled(int number) noexcept {
  if (number == SIGCHLD && !children_.empty()) reapChildren();
  // Those who are there now; whoever is removed by one before is not called.
  std::vector<std::uint64_t> ids;
  for (const SignalUser& each : signalUsers_)
    if (each.number == number) ids.push_back(each.id);
  for (const std::uint64_t id : ids) {
    const auto found =
        std::find_if(signalUsers_.begin(), signalUsers_.end(), [id](const SignalUser& each) { return each.id == id; });
    if (found == signalUsers_.end()) continue;
    const auto call = found->call;
    guarded("Unhandled Error in a callback for a signal", [&] { (*call)(number); });
    sendWritten();
  }
  const bool stops = std::find(stopSignals_.begin(), stopSignals_.end(), number) != stopSignals_.end();
  if (ids.empty() && stops) stopForSignal(number);
}

void ReactorBase::stopForSignal(int number) noexcept {
  const bool first = !exitSignal_;
  exitSignal_ = number;
  if (first && looping_) {
    // A shutdown that the program began itself has had no limit so far.
    reactorLog().info("Received " + std::string(signalName(number)) +
                      (stopRequested_ ? ", shutting down already; once more stops at once." : ", shutting down."));
    stopRequested_ = true;
    limitDrain();
  } else {
    reactorLog().warn("Received " + std::string(signalName(number)) + " again, stopping at once.");
    stopped_ = true;
    poolPatience_ = Duration::zero();
    looping_ = running_ = false;
  }
}

void ReactorBase::limitDrain() noexcept {
  if (drainLimit_ <= Duration::zero()) return;
  guarded("The shutdown has no limit", [this] {
    drainCall_ = callLater(drainLimit_, [this] {
      if (!events_.hurry("shutdown")) return;
      reactorLog().warn("what was to happen before the shutdown has not ended within " +
                        std::to_string(std::chrono::duration<double>(drainLimit_).count()) +
                        " s (RunOptions::drainLimit); the shutdown goes on without it");
    });
  });
}

void ReactorBase::stopAsSignalled(int number) {
  checkThread("stop");
  if (!looping_ || exitSignal_) return;
  exitSignal_ = number;
  stopRequested_ = true;
  limitDrain();
}

}  // namespace bight::detail
