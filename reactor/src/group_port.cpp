#include "group_port.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>

namespace bight::detail {

GroupTcpPort::GroupTcpPort(const std::shared_ptr<GroupState>& group, std::uint16_t port, MakeFactory makeFactory,
                           const ListenOptions& options, Sharing sharing)
    : group_(group),
      options_(options),
      inSetup_(!group->begun()),
      makeFactory_(std::move(makeFactory)),
      sockets_(openTcpListeners(port, options, group->size(), sharing)),
      ports_(group->size()) {
  host_ = localAddress(sockets_[0].get(), AddressType::tcp);
}

Deferred<void> GroupTcpPort::whenListening() {
  const auto group = group_.lock();
  const std::lock_guard lock(mutex_);
  Deferred<void> deferred;
  if (outcome_)
    deferred.promise().callback(*outcome_);
  else if (!group)
    deferred.errback(AbandonedError());
  else
    waiting_.emplace_back(group->asking(), deferred.promise());
  return deferred;
}

Deferred<void> GroupTcpPort::stopListening() {
  const auto group = group_.lock();
  if (!group || group->ended()) return succeed();
  static_cast<void>(group->asking());  // who may not ask does not stop it either
  return stopAll(*group);
}

Deferred<void> GroupTcpPort::stopAll(GroupState& group) {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    sockets_.clear();
  }
  if (!group.begun()) return succeed();
  std::vector<Deferred<void>> answers;
  answers.reserve(group.size());
  for (std::size_t index = 0; index < group.size(); ++index) {
    auto answer = deferToReactor(group.asking(), group.at(index),
                                 [self = shared_from_this(), index] { return self->stopOn(index); });
    // A reactor that has ended meanwhile has closed its socket, too.
    answer.addErrback([](const Failure& failure) { failure.trap<AbandonedError>(); });
    answers.push_back(std::move(answer));
  }
  return gatherResults(std::move(answers), true);
}

Deferred<void> GroupTcpPort::stopOn(std::size_t index) {
  std::shared_ptr<Port> port;
  {
    const std::lock_guard lock(mutex_);
    port = std::move(ports_[index]);
  }
  return port ? port->stopListening() : succeed();
}

void GroupTcpPort::listenOn(Reactor& reactor, std::size_t index) {
  Descriptor socket;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    socket = std::move(sockets_[index]);
  }
  std::shared_ptr<Factory> factory = makeFactory_(reactor, index);
  if (!factory) {
    throw std::invalid_argument(
        "ReactorGroup::listenTCP needs factories, and the function that makes them returned a "
        "null pointer for reactor " +
        std::to_string(index));
  }
  const auto port = listenOnTcpSocket(static_cast<ReactorBase&>(reactor), std::move(socket), host_.port(),
                                      std::move(factory), options_);
  bool stopped;
  {
    const std::lock_guard lock(mutex_);
    stopped = stopped_;  // meanwhile
    if (!stopped) ports_[index] = port;
  }
  if (stopped) {
    port->stopListening();
  } else if (const auto group = group_.lock()) {
    group->whenLeaving(index, shared_from_this());
  }
}

void GroupTcpPort::leave(std::size_t index) {
  std::shared_ptr<Port> port;
  {
    const std::lock_guard lock(mutex_);
    port = std::move(ports_[index]);
  }
}

void GroupTcpPort::settled(const Failure* failure) {
  // The functions may hold much, and have done what they are for.
  makeFactory_ = nullptr;
  const auto settle = [](GroupTcpPort& self, const Result<void>& outcome) {
    std::vector<ThreadPromise<void>> waiting;
    {
      const std::lock_guard lock(self.mutex_);
      self.outcome_ = outcome;
      waiting = std::move(self.waiting_);
    }
    if (waiting.empty() && !self.inSetup_ && !outcome && !outcome.failure().check<AbandonedError>())
      Logger("bight.group")
          .failure("not all reactors could listen on " + self.host_.toString() + ", so none does", outcome.failure());
    for (auto& each : waiting) each.deliver(outcome);
  };
  const auto group = group_.lock();
  if (failure && group && !group->ended()) {
    stopAll(*group).addBoth([self = shared_from_this(), settle, why = *failure](Result<void>) { settle(*self, why); });
    return;
  }
  bool stopped;
  {
    const std::lock_guard lock(mutex_);
    stopped = stopped_;
    if (failure) sockets_.clear();
  }
  if (failure)
    settle(*this, *failure);
  else if (stopped)
    settle(*this,
           Failure(CannotListenError(options_.interface, host_.port(), 0, "it was stopped before all listened")));
  else
    settle(*this, Result<void>());
}

}  // namespace bight::detail
