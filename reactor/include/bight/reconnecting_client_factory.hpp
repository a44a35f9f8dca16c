/// @file
/// A client factory that connects again whenever the connection fails or is lost.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/tcp.hpp>
#include <bight/time.hpp>

namespace bight {

/// How long a ReconnectingClientFactory waits.
struct ReconnectOptions {
  /// Before the first retry.
  Duration initialDelay = std::chrono::seconds(1);
  /// At most, jitter included.
  Duration maxDelay = std::chrono::hours(1);
  /// Each delay is so many times the one before.
  double factor = 2.7182818284590451;
  /// The standard deviation of a delay, as a part of it: so that a thousand clients of a server that went down do not
  /// come back all at once. 0 switches it off.
  double jitter = 0.11962656472;
  /// How many retries without a success (`resetDelay()`).
  std::size_t maxRetries = std::numeric_limits<std::size_t>::max();
  /// Where the jitter comes from: numbers around 0 with a standard deviation of 1. Empty: a random generator of our
  /// own.
  std::function<double()> normal = {};
};

/// Connects again, after a delay that grows with each failure. (Twisted: ReconnectingClientFactory)
///
/// ```cpp
/// auto factory = ReconnectingClientFactory::forProtocol<Feed>(*reactor, {.maxDelay = 60s});
/// reactor->connectTCP("feed.example", 7000, factory);
/// …
/// factory->stopTrying();
/// ```
///
/// A subclass that builds its protocols itself calls `resetDelay()` there, or when the peer has proved to be alive.
/// With endpoints, use a ClientService instead.
class BIGHT_API ReconnectingClientFactory : public ClientFactory {
 public:
  ~ReconnectingClientFactory() override;

  /// A factory of P that resets the delay whenever it has connected. The arguments are as for `Factory::forProtocol`.
  template <class P, class... Args>
  static std::shared_ptr<ReconnectingClientFactory> forProtocol(ReactorTime& clock, ReconnectOptions options,
                                                                Args&&... args);

  void startedConnecting(Connector& connector) override;
  void clientConnectionFailed(Connector& connector, const Failure& reason) override;
  void clientConnectionLost(Connector& connector, const Failure& reason) override;

  /// Has `connector` connect after the next delay; does nothing after `stopTrying()` or too many retries.
  void retry(Connector& connector);
  /// The next delay is `initialDelay` again, and the retries are counted from 0.
  void resetDelay() noexcept;
  /// No retries from now on: takes back the one that waits, and stops the attempt under way. A connection that is open
  /// stays open. Connecting anew by hand is possible, and its failure is not retried.
  void stopTrying();

  /// How long it waits, or waited last.
  Duration delay() const noexcept { return delay_; }
  /// Since the last `resetDelay()`.
  std::size_t retries() const noexcept { return retries_; }

 protected:
  /// @param clock  usually the reactor
  /// @throws std::invalid_argument for a negative delay or jitter, a factor below 1
  explicit ReconnectingClientFactory(ReactorTime& clock, ReconnectOptions options = {});

 private:
  double normal();

  ReactorTime& clock_;
  const ReconnectOptions options_;
  Duration delay_;
  std::size_t retries_ = 0;
  bool trying_ = true;
  DelayedCall call_;
  std::weak_ptr<Connector> connector_;  // the last one that tried
  struct Random;
  std::shared_ptr<Random> random_;
};

namespace detail {

template <class P, class... Args>
class ReconnectingProtocolFactory final : public ReconnectingClientFactory {
 public:
  template <class... Given>
  ReconnectingProtocolFactory(ReactorTime& clock, ReconnectOptions options, Given&&... given)
      : ReconnectingClientFactory(clock, std::move(options)), args_(std::forward<Given>(given)...) {}

  std::shared_ptr<Protocol> buildProtocol(const Address&) override {
    resetDelay();
    return std::apply([](const Args&... args) { return std::make_shared<P>(args...); }, args_);
  }

 private:
  std::tuple<Args...> args_;
};

}  // namespace detail

template <class P, class... Args>
std::shared_ptr<ReconnectingClientFactory> ReconnectingClientFactory::forProtocol(ReactorTime& clock,
                                                                                  ReconnectOptions options,
                                                                                  Args&&... args) {
  return std::make_shared<detail::ReconnectingProtocolFactory<P, std::unwrap_ref_decay_t<Args>...>>(
      clock, std::move(options), std::forward<Args>(args)...);
}

}  // namespace bight
