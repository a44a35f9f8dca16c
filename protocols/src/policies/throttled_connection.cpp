#include "throttled_connection.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace bight::detail {

// ---- one direction ----

bool Throttle::take(std::size_t amount, Function<void()> go) {
  for (const auto& bucket : buckets_) bucket->take(amount);
  if (waiting()) return false;
  const Duration delay = wait();
  if (delay <= Duration::zero()) return false;
  schedule(delay, std::move(go));
  return true;
}

Duration Throttle::wait() const {
  Duration longest{0};
  for (const auto& bucket : buckets_) longest = std::max(longest, bucket->wait());
  return longest;
}

/// Others may have taken from the same buckets meanwhile: then it waits again.
void Throttle::schedule(Duration delay, Function<void()> go) {
  call_ = clock_.callLater(delay, [this, go = std::move(go)]() mutable {
    const Duration more = wait();
    if (more > Duration::zero())
      schedule(more, std::move(go));
    else
      go();
  });
}

void Throttle::end() noexcept {
  if (call_.active()) call_.cancel();
}

// ---- the connection ----

/// Registered with the connection below in the place of the producer above.
class ThrottledConnection::PushSteering final : public PushProducer {
 public:
  explicit PushSteering(std::weak_ptr<ThrottledConnection> owner) : owner_(std::move(owner)) {}
  void pauseProducing() override { tell(true); }
  void resumeProducing() override { tell(false); }
  void stopProducing() override {
    if (const auto owner = owner_.lock()) owner->stopProducer();
  }

 private:
  void tell(bool paused) {
    const auto owner = owner_.lock();
    if (!owner) return;
    owner->belowPaused_ = paused;
    owner->steer();
  }
  std::weak_ptr<ThrottledConnection> owner_;
};

class ThrottledConnection::PullSteering final : public PullProducer {
 public:
  explicit PullSteering(std::weak_ptr<ThrottledConnection> owner) : owner_(std::move(owner)) {}
  void resumeProducing() override {
    const auto owner = owner_.lock();
    if (!owner) return;
    owner->pullAsked_ = true;
    owner->ask();
  }
  void stopProducing() override {
    if (const auto owner = owner_.lock()) owner->stopProducer();
  }

 private:
  std::weak_ptr<ThrottledConnection> owner_;
};

ThrottledConnection::ThrottledConnection(std::shared_ptr<Protocol> wrapped, ReactorTime& clock, Throttle::Buckets read,
                                         Throttle::Buckets write, Function<void()> release)
    : ProtocolWrapper(std::move(wrapped)),
      read_(clock, std::move(read)),
      write_(clock, std::move(write)),
      release_(std::move(release)) {}

ThrottledConnection::~ThrottledConnection() {
  release();
}

void ThrottledConnection::release() {
  if (auto release = std::exchange(release_, {})) release();
}

void ThrottledConnection::connectionLost(const Failure& reason) {
  read_.end();
  write_.end();
  struct AtTheEnd {
    ThrottledConnection& connection;
    ~AtTheEnd() { connection.release(); }
  };
  const AtTheEnd atTheEnd{*this};
  const auto waiters = std::exchange(waiters_, {});
  ProtocolWrapper::connectionLost(reason);
  for (const auto& waiter : waiters)
    if (!waiter.called()) waiter.errback(reason);
}

// ---- reading ----

void ThrottledConnection::dataReceived(std::string_view data) {
  const bool begins = read_.take(data.size(), [this] {
    if (!userPaused_) ProtocolWrapper::resumeProducing();
  });
  if (begins) ProtocolWrapper::pauseProducing();
  ProtocolWrapper::dataReceived(data);
}

void ThrottledConnection::pauseProducing() {
  userPaused_ = true;
  ProtocolWrapper::pauseProducing();
}

void ThrottledConnection::resumeProducing() {
  userPaused_ = false;
  if (!read_.waiting()) ProtocolWrapper::resumeProducing();
}

// ---- writing ----

void ThrottledConnection::write(std::string_view data) {
  ProtocolWrapper::write(data);
  written(data.size());
}

void ThrottledConnection::writeSequence(std::span<const std::string_view> pieces) {
  ProtocolWrapper::writeSequence(pieces);
  std::size_t amount = 0;
  for (const auto piece : pieces) amount += piece.size();
  written(amount);
}

void ThrottledConnection::written(std::size_t amount) {
  if (!transport().connected()) return;
  if (write_.take(amount, [this] { writeOn(); })) steer();
}

void ThrottledConnection::writeOn() {
  const auto alive = self();
  for (const auto& waiter : std::exchange(waiters_, {}))
    if (!waiter.called()) drained().chainTo(waiter);
  steer();
  ask();
}

Deferred<void> ThrottledConnection::drained() {
  if (!write_.waiting() || !transport().connected()) return ProtocolWrapper::drained();
  Deferred<void> done;
  waiters_.push_back(done.promise());
  return done;
}

void ThrottledConnection::registerProducer(std::shared_ptr<PushProducer> producer) {
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (!transport().connected()) return producer->stopProducing();
  if (push_ || pull_) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  push_ = std::move(producer);
  belowPaused_ = pushPaused_ = false;
  try {
    ProtocolWrapper::registerProducer(std::make_shared<PushSteering>(self()));  // may pause it at once
  } catch (...) {
    push_ = nullptr;
    throw;
  }
  steer();
}

void ThrottledConnection::registerProducer(std::shared_ptr<PullProducer> producer) {
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (!transport().connected()) return producer->stopProducing();
  if (push_ || pull_) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  pull_ = std::move(producer);
  ProtocolWrapper::registerProducer(std::static_pointer_cast<PullProducer>(std::make_shared<PullSteering>(self())));
}

void ThrottledConnection::unregisterProducer() {
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
  pullAsked_ = false;
  ProtocolWrapper::unregisterProducer();
}

/// Tells the push producer what it does not know yet.
void ThrottledConnection::steer() {
  const bool pause = belowPaused_ || write_.waiting();
  if (!push_ || pause == pushPaused_) return;
  pushPaused_ = pause;
  const auto producer = push_;
  if (pause)
    producer->pauseProducing();
  else
    producer->resumeProducing();
}

void ThrottledConnection::ask() {
  if (!pull_ || !pullAsked_ || write_.waiting()) return;
  pullAsked_ = false;
  const auto producer = pull_;
  producer->resumeProducing();
}

void ThrottledConnection::stopProducer() {
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
  if (push) push->stopProducing();
  if (pull) pull->stopProducing();
}

Takeover ThrottledConnection::takeOver(std::shared_ptr<Protocol> layer) {
  Takeover given = ProtocolWrapper::takeOver(std::move(layer));
  given.push = std::exchange(push_, nullptr);
  given.pull = std::exchange(pull_, nullptr);
  given.pushPaused = std::exchange(pushPaused_, false);
  given.readingPaused = std::exchange(userPaused_, false);
  pullAsked_ = false;
  if (read_.waiting()) ProtocolWrapper::pauseProducing();
  return given;
}

}  // namespace bight::detail
