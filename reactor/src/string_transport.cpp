#include <bight/testing/string_transport.hpp>

#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>

namespace bight::testing {

StringTransport::StringTransport(Address peer, Address host) : peer_(std::move(peer)), host_(std::move(host)) {}

StringTransport::~StringTransport() = default;

StringTransport::ProducerState StringTransport::producerState() const noexcept {
  if (disconnecting()) return ProducerState::stopped;
  return paused_ ? ProducerState::paused : ProducerState::producing;
}

Producer* StringTransport::producer() const noexcept {
  if (push_) return push_.get();
  return pull_.get();
}

void StringTransport::write(std::string_view data) {
  if (!connected_ || aborting_ || data.empty()) return;
  if (held_.size() > most_) return abortConnection();
  if (!blocked_) {
    value_ += data;
    return;
  }
  held_ += data;
  pauseIfFull();
}

void StringTransport::pauseIfFull() {
  if (!push_ || pushPaused_ || held_.size() <= high_) return;
  pushPaused_ = true;
  const auto producer = push_;
  producer->pauseProducing();
}

void StringTransport::writeSequence(std::span<const std::string_view> pieces) {
  std::string joined;
  for (const auto& piece : pieces) joined += piece;
  write(joined);
}

void StringTransport::sendFileDescriptor(int descriptor) {
  if (!peer_.get<UNIXAddress>()) return Transport::sendFileDescriptor(descriptor);  // throws
  auto copy = FileDescriptor::duplicate(descriptor);
  if (connected_) descriptors_.push_back(std::move(copy));
}

Takeover StringTransport::giveUp() noexcept {
  Takeover given;
  given.push = std::exchange(push_, nullptr);
  given.pull = std::exchange(pull_, nullptr);
  given.pushPaused = std::exchange(pushPaused_, false);
  given.readingPaused = std::exchange(paused_, false);
  return given;
}

std::string StringTransport::takeHeld(std::size_t count) {
  std::string taken = held_.substr(0, count);
  held_.erase(0, count);
  if (push_ && pushPaused_ && held_.size() <= low_) {
    pushPaused_ = false;
    const auto producer = push_;
    producer->resumeProducing();
  }
  if (held_.empty())
    for (const auto& waiter : std::exchange(waiters_, {}))
      if (!waiter.called()) waiter.callback();
  return taken;
}

void StringTransport::unblock() {
  blocked_ = false;
  value_ += std::exchange(held_, {});
  takeHeld(0);
}

bool StringTransport::pull() {
  if (!pull_) return false;
  const auto producer = pull_;
  producer->resumeProducing();
  return true;
}

void StringTransport::lose(Protocol& protocol, const Failure& reason) {
  if (!std::exchange(connected_, false)) return;
  held_.clear();
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
  if (push) push->stopProducing();
  if (pull) pull->stopProducing();
  protocol.breakConnection(reason);
  for (const auto& waiter : std::exchange(waiters_, {}))
    if (!waiter.called()) waiter.errback(reason);
}

Deferred<void> StringTransport::drained() {
  Deferred<void> done;
  if (!connected_)
    done.errback(Failure(ConnectionLost()));
  else if (held_.empty())
    done.callback();
  else
    waiters_.push_back(done.promise());
  return done;
}

void StringTransport::setWriteBufferLimits(std::size_t high, std::size_t low) {
  if (low > high) throw std::invalid_argument("setWriteBufferLimits: the low limit must not be above the high one");
  high_ = high;
  low_ = low;
}

void StringTransport::registerProducer(std::shared_ptr<PushProducer> producer) {
  if (!connected_) return producer->stopProducing();
  if (hasProducer()) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  push_ = std::move(producer);
  pushPaused_ = false;
  pauseIfFull();
}

void StringTransport::registerProducer(std::shared_ptr<PullProducer> producer) {
  if (!connected_) return producer->stopProducing();
  if (hasProducer()) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  pull_ = std::move(producer);
  pull();
}

void StringTransport::unregisterProducer() {
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
}

void StringTransport::loseConnection() {
  disconnecting_ = true;
}

void StringTransport::loseWriteConnection() {
  writeClosed_ = true;
}

void StringTransport::abortConnection() {
  aborting_ = true;
  held_.clear();
}

void StringTransport::pauseProducing() {
  if (!disconnecting()) paused_ = true;
}

void StringTransport::resumeProducing() {
  if (!disconnecting()) paused_ = false;
}

}  // namespace bight::testing
