/// @file
/// Services: parts of a program that can be started and stopped, and trees of them.
///
/// ```cpp
/// auto all = std::make_shared<MultiService>();
/// all->addService(std::make_shared<StreamServerEndpointService>(serverFromString(*reactor, "tcp:8000"), factory));
/// all->addService(std::make_shared<TimerService>(*reactor, 60s, [] { cleanUp(); }));
/// startApplication(*reactor, all);      // starts with the reactor; its shutdown waits until all have stopped
/// reactor->run();
/// ```
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/core.hpp>
#include <bight/deferred.hpp>
#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/looping_call.hpp>
#include <bight/time.hpp>

namespace bight {

class MultiService;

/// A part of a program that can be started and stopped, again and again. (Twisted: Service)
///
/// Subclasses override `doStart()` and `doStop()`, which are called in turns: never twice the same.
class BIGHT_API Service : public std::enable_shared_from_this<Service> {
 public:
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service();

  /// Starts. Does nothing if it runs. What `doStart()` throws comes out of here, and the service does not run then.
  void startService();
  /// Stops. @return fires when everything has ended; at once if it does not run, or if it is stopping, with that stop
  Deferred<void> stopService();
  /// From `startService()` until `stopService()`, which does not wait for the end.
  bool running() const noexcept { return running_; }

  /// What its siblings and `MultiService::getServiceNamed` know it by; "" is none.
  const std::string& name() const noexcept { return name_; }
  /// @throws std::logic_error if it has a parent already
  void setName(std::string name);

  /// Null without one.
  MultiService* parent() const noexcept { return parent_; }
  /// Makes it a child; it starts if the parent runs. @throws as `MultiService::addService`
  void setServiceParent(MultiService& parent);
  /// Leaves the parent and stops. @return as `stopService()` @throws std::logic_error without a parent
  Deferred<void> disownServiceParent();

 protected:
  Service() = default;

  /// Begins the work.
  virtual void doStart() {}
  /// Ends it. @return fires when it has ended
  virtual Deferred<void> doStop() { return succeed(); }

 private:
  friend class MultiService;

  std::string name_;
  MultiService* parent_ = nullptr;
  std::vector<Promise<void>> stopWaiters_;
  bool running_ = false;
  bool stopping_ = false;
};

/// A service made of services. (Twisted: MultiService)
///
/// They start in the order in which they were added, and begin to stop in the reverse order; stopping waits for all of
/// them. If one cannot start, those before it are stopped again, and `startService()` throws what it threw. If some
/// fail to stop, the others are stopped all the same, each failure is logged, and the Deferred fails with the first.
class BIGHT_API MultiService : public Service {
 public:
  MultiService() = default;
  ~MultiService() override;

  /// Adds a child; it starts if this runs.
  /// @throws std::invalid_argument if it is null; std::logic_error if it has a parent, its name is taken here, or it
  ///         would contain itself; what `startService()` of the child throws (then it has not been added)
  void addService(std::shared_ptr<Service> service);
  /// Takes a child out and stops it. @return as `stopService()` @throws std::logic_error if it is not a child of this
  Deferred<void> removeService(Service& service);
  /// Null if there is none.
  std::shared_ptr<Service> getServiceNamed(std::string_view name) const noexcept;
  /// In the order in which they were added.
  const std::vector<std::shared_ptr<Service>>& services() const noexcept { return services_; }

 protected:
  void doStart() override;
  Deferred<void> doStop() override;

 private:
  std::vector<std::shared_ptr<Service>> services_;
};

/// Calls a function at regular times while it runs: at once, and then after each `step`. (Twisted: TimerService)
///
/// What the function throws, or its Deferred fails with, is logged and ends the calls until the service is started
/// anew. Stopping waits for a Deferred that the function has returned.
class BIGHT_API TimerService : public Service {
 public:
  /// @param f takes nothing; it may return nothing or a Deferred
  template <class F>
  TimerService(ReactorTime& clock, Duration step, F f) : step_(step), loop_(clock, std::move(f)) {}
  ~TimerService() override;

 protected:
  void doStart() override;
  Deferred<void> doStop() override;

 private:
  const Duration step_;
  LoopingCall loop_;
  std::optional<Deferred<void>> ended_;
};

/// Listens on an endpoint while it runs. (Twisted: StreamServerEndpointService)
class BIGHT_API StreamServerEndpointService : public Service {
 public:
  /// @throws std::invalid_argument if either is null
  StreamServerEndpointService(std::shared_ptr<ServerEndpoint> endpoint, std::shared_ptr<Factory> factory);
  ~StreamServerEndpointService() override;

  /// The port, as soon as it listens; fails if that fails, and with CancelledError when the service stops before. Asked
  /// before the service was started: waits for that.
  Deferred<std::shared_ptr<Port>> whenListening();

 protected:
  /// Listens. What the endpoint fails with at once is thrown; what it fails with later is logged.
  void doStart() override;
  /// Stops listening; open connections stay open.
  Deferred<void> doStop() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Starts `service` when the reactor runs, and stops it before the reactor's shutdown, which waits for that. What
/// `startService()` throws is logged as "Unhandled Error", and the reactor runs on. (Twisted: startApplication)
/// @throws std::invalid_argument if it is null
BIGHT_API void startApplication(ReactorCore& reactor, std::shared_ptr<Service> service);

}  // namespace bight
