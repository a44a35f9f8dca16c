// What users and transports ask of a reactor: each checks the thread, and passes it on to who does it.
#include <stdexcept>
#include <utility>
#include <vector>

#include <bight/name_resolvers.hpp>

#include "reactor_base.hpp"
#include "reactor_log.hpp"
#include "simulated_poller.hpp"

namespace bight::detail {

void ReactorBase::removeSystemEventTrigger(SystemEventTrigger trigger) {
  checkThread("removeSystemEventTrigger");
  events_.remove(trigger);
}

void ReactorBase::fireSystemEvent(std::string_view event) {
  checkThread("fireSystemEvent");
  events_.fire(event);
}

SystemEventTrigger ReactorBase::addTrigger(Phase phase, std::string_view event, TriggerCall call) {
  checkThread("addSystemEventTrigger");
  return events_.add(phase, event, std::move(call));
}

DelayedCall ReactorBase::callLater(Duration delay, Function<void()> call) {
  checkThread("callLater");
  if (delay < Duration::zero()) throw std::invalid_argument("callLater: the delay is negative");
  const Duration deadline = TimerHeap::later(seconds(), delay);
  // Never part of the pass that may be running (B12), also if the clock has not moved since.
  return timers_.add(deadline > passTime_ ? deadline : passTime_ + Duration(1), std::move(call));
}

std::vector<DelayedCall> ReactorBase::getDelayedCalls() const {
  checkThread("getDelayedCalls");
  return timers_.sorted();
}

void ReactorBase::callFromThread(Function<void()> call) {
  if (!call) throw std::invalid_argument("callFromThread: the function is empty");
  threadQueue_->push(std::move(call), !isInIOThread());
}

void ReactorBase::callInThread(Function<void()> call) {
  pool_->callInThread(std::move(call));
}

void ReactorBase::suggestThreadPoolSize(std::size_t size) {
  pool_->adjustPoolsize(0, size);
}

ThreadPool& ReactorBase::getThreadPool() {
  return *pool_;
}

std::shared_ptr<NameResolver> ReactorBase::nameResolver() {
  checkThread("nameResolver");
  if (!resolver_ && simulated_) resolver_ = simulated_->names();
  if (!resolver_)
    resolver_ = std::make_shared<CachingNameResolver>(std::make_shared<ThreadedNameResolver>(*this, *this), *this);
  return resolver_;
}

std::shared_ptr<NameResolver> ReactorBase::installNameResolver(std::shared_ptr<NameResolver> resolver) {
  checkThread("installNameResolver");
  if (!resolver) throw std::invalid_argument("installNameResolver needs a resolver, and got a null pointer");
  auto former = nameResolver();
  resolver_ = std::move(resolver);
  return former;
}

void ReactorBase::keepPending(std::shared_ptr<Pending> pending) {
  checkThread("deferToThread");
  const Pending* key = pending.get();
  pending_.emplace(key, std::move(pending));
}

void ReactorBase::forgetPending(const Pending& pending) noexcept {
  pending_.erase(&pending);
}

void ReactorBase::addReader(std::shared_ptr<Selectable> reader) {
  checkThread("addReader");
  notSimulated("addReader");
  descriptors_.addReader(std::move(reader));
}
void ReactorBase::addWriter(std::shared_ptr<Selectable> writer) {
  checkThread("addWriter");
  notSimulated("addWriter");
  descriptors_.addWriter(std::move(writer));
}
void ReactorBase::removeReader(const std::shared_ptr<Selectable>& reader) {
  checkThread("removeReader");
  descriptors_.removeReader(reader);
}
void ReactorBase::removeWriter(const std::shared_ptr<Selectable>& writer) {
  checkThread("removeWriter");
  descriptors_.removeWriter(writer);
}
std::vector<std::shared_ptr<Selectable>> ReactorBase::removeAll() {
  checkThread("removeAll");
  return descriptors_.removeAll();
}
std::vector<std::shared_ptr<Selectable>> ReactorBase::getReaders() const {
  checkThread("getReaders");
  return descriptors_.readers();
}
std::vector<std::shared_ptr<Selectable>> ReactorBase::getWriters() const {
  checkThread("getWriters");
  return descriptors_.writers();
}

void ReactorBase::setSlowCallbackLimit(Duration limit) {
  checkThread("setSlowCallbackLimit");
  if (limit < Duration::zero()) throw std::invalid_argument("setSlowCallbackLimit: the limit is negative");
  slow_.setLimit(limit);
}

void ReactorBase::forgetLongestTurn() {
  checkThread("forgetLongestTurn");
  vitals_->longestTurn.set(0);
}

void ReactorBase::setThreadPoolPatience(Duration limit) {
  checkThread("setThreadPoolPatience");
  if (limit < Duration::zero()) throw std::invalid_argument("setThreadPoolPatience: the limit is negative");
  poolPatience_ = limit;
}

void ReactorBase::callSoon(Function<void()> call) {
  soon_.push_back(std::move(call));
}

void ReactorBase::own(Owned& owned) noexcept {
  if (isOwned(owned)) return;
  owned.older_ = newestOwned_;
  (newestOwned_ ? newestOwned_->newer_ : oldestOwned_) = &owned;
  newestOwned_ = &owned;
}

void ReactorBase::disown(Owned& owned) noexcept {
  if (!isOwned(owned)) return;
  (owned.newer_ ? owned.newer_->older_ : newestOwned_) = owned.older_;
  (owned.older_ ? owned.older_->newer_ : oldestOwned_) = owned.newer_;
  owned.newer_ = owned.older_ = nullptr;
}

void ReactorBase::report(std::string_view context, const Failure& failure) noexcept {
  if (detail::FailureState::hasGone(failure)) return reactorLog().failure(context, failure);
  Failure here(failure);  // what the reactor was doing is all that can be told of it
  FailureState::wentNow(here, FailureStep::Kind::called, {});
  reactorLog().failure(context, here);
}

}  // namespace bight::detail
