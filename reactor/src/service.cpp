#include <bight/service.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>

#include <bight/deferred_list.hpp>
#include <bight/log.hpp>
#include <bight/maybe_deferred.hpp>

namespace bight {

namespace {

const Logger& serviceLog() {
  static const Logger log("bight.service");
  return log;
}

std::string described(const Service& service) {
  return service.name().empty() ? typeName(typeid(service)) : "\"" + service.name() + "\"";
}

}  // namespace

// ---- one service ----

Service::~Service() = default;

void Service::startService() {
  if (running_) return;
  const auto self = weak_from_this().lock();  // whatever it starts may drop it
  running_ = true;
  try {
    doStart();
  } catch (...) {
    running_ = false;
    throw;
  }
}

Deferred<void> Service::stopService() {
  if (!running_) {
    if (!stopping_) return succeed();
    Deferred<void> later;
    stopWaiters_.push_back(later.promise());
    return later;
  }
  const auto self = weak_from_this().lock();
  running_ = false;
  stopping_ = true;
  return maybeDeferred([this] { return doStop(); }).addBoth([this, self](Result<void> result) {
    stopping_ = false;
    for (const auto& waiter : std::exchange(stopWaiters_, {}))
      if (!waiter.called()) waiter.callback(result);
    return result;
  });
}

void Service::setName(std::string name) {
  if (parent_)
    throw std::logic_error("setName: the service " + described(*this) + " has a parent, which knows it by its name");
  name_ = std::move(name);
}

void Service::setServiceParent(MultiService& parent) {
  parent.addService(shared_from_this());
}

Deferred<void> Service::disownServiceParent() {
  if (!parent_) throw std::logic_error("disownServiceParent: the service " + described(*this) + " has no parent");
  return parent_->removeService(*this);
}

// ---- many ----

MultiService::~MultiService() {
  for (const auto& each : services_) each->parent_ = nullptr;
}

void MultiService::addService(std::shared_ptr<Service> service) {
  if (!service) throw std::invalid_argument("addService needs a service, and got a null pointer");
  if (service->parent_)
    throw std::logic_error("addService: the service " + described(*service) + " has a parent already");
  if (!service->name().empty() && getServiceNamed(service->name()))
    throw std::logic_error("addService: there is a service named \"" + service->name() + "\" already");
  for (const Service* each = this; each; each = each->parent_)
    if (each == service.get())
      throw std::logic_error("addService: the service " + described(*service) + " would contain itself");
  services_.push_back(service);
  service->parent_ = this;
  if (!running()) return;
  try {
    service->startService();
  } catch (...) {
    std::erase(services_, service);
    service->parent_ = nullptr;
    throw;
  }
}

Deferred<void> MultiService::removeService(Service& service) {
  const auto found =
      std::find_if(services_.begin(), services_.end(), [&](const auto& each) { return each.get() == &service; });
  if (found == services_.end())
    throw std::logic_error("removeService: the service " + described(service) + " is not in here");
  const auto kept = *found;
  services_.erase(found);
  kept->parent_ = nullptr;
  return kept->stopService();
}

std::shared_ptr<Service> MultiService::getServiceNamed(std::string_view name) const noexcept {
  for (const auto& each : services_)
    if (each->name() == name) return each;
  return nullptr;
}

void MultiService::doStart() {
  const auto all = services_;  // a child may add and remove others
  for (std::size_t i = 0; i < all.size(); ++i) {
    try {
      all[i]->startService();
    } catch (...) {
      const auto thrown = std::current_exception();
      while (i-- > 0) {
        all[i]->stopService().addErrback([service = all[i]](const Failure& failure) {
          serviceLog().failure("could not stop " + described(*service), failure);
        });
      }
      std::rethrow_exception(thrown);
    }
  }
}

Deferred<void> MultiService::doStop() {
  std::vector<Deferred<void>> ends;
  const auto all = services_;
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    ends.push_back((*each)->stopService().addErrback([service = *each](const Failure& failure) {
      serviceLog().failure("could not stop " + described(*service), failure);
      return failure;
    }));
  }
  return deferredList(std::move(ends), {.consumeErrors = true})
      .addCallback([](const std::vector<Result<void>>& results) -> Result<void> {
        for (const auto& each : results)
          if (!each) return each.failure();
        return {};
      });
}

// ---- timers ----

TimerService::~TimerService() = default;

void TimerService::doStart() {
  ended_.emplace(loop_.start(step_).addErrback([name = described(*this)](const Failure& failure) {
    serviceLog().failure("the function of the timer " + name + " failed, and is not called any more", failure);
  }));
}

Deferred<void> TimerService::doStop() {
  if (loop_.running()) loop_.stop();
  auto ended = std::exchange(ended_, std::nullopt);
  return ended ? std::move(*ended) : succeed();
}

// ---- servers ----

struct StreamServerEndpointService::State {
  std::shared_ptr<ServerEndpoint> endpoint;
  std::shared_ptr<Factory> factory;
  std::optional<Deferred<void>> attempt;  // under way
  std::shared_ptr<Port> port;
  std::optional<Failure> failure;  // why it does not listen
  bool starting = false;           // inside doStart(), which throws
  std::vector<Promise<std::shared_ptr<Port>>> waiters;

  void tell(const Result<std::shared_ptr<Port>>& result) {
    for (const auto& each : std::exchange(waiters, {}))
      if (!each.called()) each.callback(result);
  }
};

StreamServerEndpointService::StreamServerEndpointService(std::shared_ptr<ServerEndpoint> endpoint,
                                                         std::shared_ptr<Factory> factory)
    : state_(std::make_shared<State>()) {
  if (!endpoint || !factory)
    throw std::invalid_argument("StreamServerEndpointService needs an endpoint and a factory, and got a null pointer");
  state_->endpoint = std::move(endpoint);
  state_->factory = std::move(factory);
}

StreamServerEndpointService::~StreamServerEndpointService() = default;

Deferred<std::shared_ptr<Port>> StreamServerEndpointService::whenListening() {
  if (state_->port) return succeed(state_->port);
  if (running() && state_->failure) return fail<std::shared_ptr<Port>>(*state_->failure);
  Deferred<std::shared_ptr<Port>> later;
  state_->waiters.push_back(later.promise());
  return later;
}

void StreamServerEndpointService::doStart() {
  const auto state = state_;
  state->failure.reset();
  state->starting = true;
  auto attempt = state->endpoint->listen(state->factory)
                     .addCallbacks(
                         [state](std::shared_ptr<Port> port) {
                           state->attempt.reset();
                           state->port = port;
                           state->tell(port);
                         },
                         [state, where = state->endpoint->toString()](const Failure& failure) {
                           state->attempt.reset();
                           state->failure = failure;
                           state->tell(failure);
                           if (!state->starting && !failure.check<CancelledError>())
                             serviceLog().failure("could not listen on " + where, failure);
                         });
  state->starting = false;
  if (state->failure) state->failure->raise();
  if (!state->port) state->attempt.emplace(std::move(attempt));
}

Deferred<void> StreamServerEndpointService::doStop() {
  const auto state = state_;
  if (auto attempt = std::exchange(state->attempt, std::nullopt)) attempt->cancel();
  state->tell(Failure(CancelledError("the service has been stopped")));
  if (const auto port = std::exchange(state->port, nullptr)) return port->stopListening();
  return succeed();
}

void startApplication(ReactorCore& reactor, std::shared_ptr<Service> service) {
  if (!service) throw std::invalid_argument("startApplication needs a service, and got a null pointer");
  reactor.addSystemEventTrigger(Phase::before, "shutdown", [service] { return service->stopService(); });
  reactor.callWhenRunning([service] { service->startService(); });
}

}  // namespace bight
