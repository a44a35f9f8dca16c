/// @file
/// Internal: one connection of a `ThrottlingFactory`.
#pragma once

#include <memory>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/function.hpp>
#include <bight/policies/protocol_wrapper.hpp>
#include <bight/policies/token_bucket.hpp>
#include <bight/time.hpp>

namespace bight::detail {

/// One direction of a connection: what it takes from, and the end of the present wait.
class Throttle {
 public:
  using Buckets = std::vector<std::shared_ptr<TokenBucket>>;

  Throttle(ReactorTime& clock, Buckets buckets) : clock_(clock), buckets_(std::move(buckets)) {}
  ~Throttle() { end(); }
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  /// So much has flowed. @return whether a wait has begun now, at whose end `go` is called
  bool take(std::size_t amount, Function<void()> go);
  bool waiting() const noexcept { return call_.active(); }
  void end() noexcept;

 private:
  Duration wait() const;
  void schedule(Duration delay, Function<void()> go);

  ReactorTime& clock_;
  Buckets buckets_;
  DelayedCall call_;
};

class ThrottledConnection : public ProtocolWrapper {
 public:
  /// @param release  called once, when the connection is over
  ThrottledConnection(std::shared_ptr<Protocol> wrapped, ReactorTime& clock, Throttle::Buckets read,
                      Throttle::Buckets write, Function<void()> release);
  ~ThrottledConnection() override;

  void dataReceived(std::string_view data) override;
  void connectionLost(const Failure& reason) override;

  void write(std::string_view data) override;
  void writeSequence(std::span<const std::string_view> pieces) override;
  Deferred<void> drained() override;
  void registerProducer(std::shared_ptr<PushProducer> producer) override;
  void registerProducer(std::shared_ptr<PullProducer> producer) override;
  void unregisterProducer() override;
  void pauseProducing() override;
  void resumeProducing() override;
  Takeover takeOver(std::shared_ptr<Protocol> layer) override;

 private:
  class PushSteering;
  class PullSteering;

  std::shared_ptr<ThrottledConnection> self() {
    return std::static_pointer_cast<ThrottledConnection>(shared_from_this());
  }
  void written(std::size_t amount);
  void writeOn();
  void steer();
  void ask();
  void stopProducer();
  void release();

  Throttle read_;
  Throttle write_;
  std::shared_ptr<PushProducer> push_;
  std::shared_ptr<PullProducer> pull_;
  std::vector<Promise<void>> waiters_;  // of drained()
  Function<void()> release_;
  bool userPaused_ = false;   // the protocol above has paused reading
  bool belowPaused_ = false;  // the connection's buffer is too full for the push producer
  bool pushPaused_ = false;   // the push producer has been told
  bool pullAsked_ = false;    // the connection waits for the pull producer
};

}  // namespace bight::detail
