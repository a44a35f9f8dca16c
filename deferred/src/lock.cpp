#include <bight/lock.hpp>

#include <stdexcept>

#include <bight/detail/waiting_line.hpp>
#include <bight/semaphore.hpp>

namespace bight {

DeferredLock::~DeferredLock() {
  detail::abandonAll(waiting_);
}

Deferred<DeferredLock*> DeferredLock::acquire(std::source_location at) {
  if (!locked_) {
    locked_ = true;
    return succeed(this, at);
  }
  const auto place = waiting_.insert(waiting_.end(), Promise<DeferredLock*>());
  Deferred<DeferredLock*> later([this, place] { waiting_.erase(place); }, at);
  *place = later.promise();
  return later;
}

void DeferredLock::release() {
  if (!locked_) throw std::logic_error("bight: tried to release an unlocked DeferredLock");
  if (waiting_.empty()) {
    locked_ = false;
    return;
  }
  const Promise<DeferredLock*> next = std::move(waiting_.front());  // the lock stays locked: it is theirs now
  waiting_.pop_front();
  next.callback(this);
}

DeferredSemaphore::DeferredSemaphore(std::size_t tokens) : free_(tokens), limit_(tokens) {
  if (tokens == 0) throw std::invalid_argument("bight: a DeferredSemaphore needs at least one token");
}

DeferredSemaphore::~DeferredSemaphore() {
  detail::abandonAll(waiting_);
}

Deferred<DeferredSemaphore*> DeferredSemaphore::acquire(std::source_location at) {
  if (free_ > 0) {
    --free_;
    return succeed(this, at);
  }
  const auto place = waiting_.insert(waiting_.end(), Promise<DeferredSemaphore*>());
  Deferred<DeferredSemaphore*> later([this, place] { waiting_.erase(place); }, at);
  *place = later.promise();
  return later;
}

void DeferredSemaphore::release() {
  if (!waiting_.empty()) {
    const Promise<DeferredSemaphore*> next = std::move(waiting_.front());
    waiting_.pop_front();
    next.callback(this);
    return;
  }
  if (free_ >= limit_)
    throw std::logic_error("bight: a DeferredSemaphore was released too many times: all its tokens are back");
  ++free_;
}

}  // namespace bight
