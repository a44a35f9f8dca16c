/// @file
/// A client that stays connected: `ClientService`.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/detail/waitable.hpp>
#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/function.hpp>
#include <bight/service.hpp>
#include <bight/time.hpp>

namespace bight {

/// How long to wait after so many failures in a row; 0 after a connection that had worked is lost. Connections that did
/// not live for `ClientServiceOptions::settleTime` count as failures from the second one in a row on.
using RetryPolicy = std::function<Duration(std::size_t failures)>;

/// A back-off: `initialDelay * factor ^ failures`, at most `maxDelay`, plus jitter.
struct BackoffOptions {
  Duration initialDelay = std::chrono::seconds(1);
  Duration maxDelay = std::chrono::seconds(60);
  double factor = 1.5;
  /// What is added, so that many clients do not come back all at once. Empty: anything from 0 to 1 s, by a random
  /// generator of our own.
  std::function<Duration()> jitter = {};
};

/// (Twisted: backoffPolicy) @throws std::invalid_argument for negative delays, a factor below 1
BIGHT_API RetryPolicy backoffPolicy(BackoffOptions options = {});

/// A function that gets a new connection ready, before anybody is told of it: to log in, for one. It takes a `const
/// std::shared_ptr<Protocol>&` and returns nothing, or a Deferred that is waited for.
class PrepareConnection {
 public:
  PrepareConnection() = default;
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, PrepareConnection>)
  PrepareConnection(F f) {  // NOLINT: such a function is one
    constexpr bool fits = std::is_invocable_v<F&, const std::shared_ptr<Protocol>&>;
    static_assert(fits,
                  "bight: prepareConnection is a function that takes a const std::shared_ptr<Protocol>& (of your own "
                  "protocol: static_cast<Mine&>(*protocol)) and returns nothing or a Deferred");
    if constexpr (fits) {
      call_ = [f = std::move(f)](const std::shared_ptr<Protocol>& protocol) mutable {
        return detail::callWaitable(f, protocol);
      };
    }
  }

  explicit operator bool() const noexcept { return static_cast<bool>(call_); }
  std::optional<Deferred<void>> operator()(const std::shared_ptr<Protocol>& protocol) { return call_(protocol); }

 private:
  Function<std::optional<Deferred<void>>(const std::shared_ptr<Protocol>&)> call_;
};

/// How a ClientService behaves.
struct ClientServiceOptions {
  /// Empty: `backoffPolicy()`.
  RetryPolicy retryPolicy = {};
  /// What it throws, or its Deferred fails with, counts as a failed attempt; the connection is aborted.
  PrepareConnection prepareConnection = {};
  /// How long preparing may take: then its Deferred is cancelled, and that was a failed attempt (TimeoutError). Zero or
  /// less: no limit of ours.
  Duration prepareTimeout = std::chrono::seconds(30);
  /// A connection that has lived so long has worked, and so has one whose preparing had to wait for something: when it
  /// is lost, the delays begin anew. A server that takes connections only to close them is not asked again and again.
  Duration settleTime = std::chrono::seconds(5);
};

/// Keeps a connection to an endpoint, whatever happens to it, until it is stopped. (Twisted: ClientService)
///
/// ```cpp
/// auto feed = std::make_shared<ClientService>(clientFromString(*reactor, "tcp:feed.example:7000"),
///                                             Factory::forProtocol<Feed>(), *reactor);
/// feed->startService();
/// feed->whenConnected().addCallback([](std::shared_ptr<Protocol> protocol) { … });
/// ```
/// ```
///   startService ─► connecting ──► preparing ──► connected      whenConnected() fires
///                    ▲    └─ failed ─┘ │             │ lost
///                    └── retryPolicy ──┴─ waiting ◄──┘
///   stopService: gives up, or closes the connection; its Deferred fires when that is gone
/// ```
/// Destroying it stops it.
class BIGHT_API ClientService final : public Service {
 public:
  /// @param clock  usually the reactor; must outlive the service
  /// @throws std::invalid_argument if `endpoint` or `factory` is null
  ClientService(std::shared_ptr<ClientEndpoint> endpoint, std::shared_ptr<Factory> factory, ReactorTime& clock,
                ClientServiceOptions options = {});
  ~ClientService() override;

  /// The protocol of the connection: at once if there is one, otherwise when it is made and prepared. Asked before the
  /// service was started: waits for that.
  /// @param failAfterFailures  fails with the last reason after so many failed attempts from now on; by default it
  ///                           waits for ever. The service goes on trying in any case
  /// @return fails with CancelledError when the service stops, or has stopped
  /// @throws std::invalid_argument for 0
  Deferred<std::shared_ptr<Protocol>> whenConnected(std::optional<std::size_t> failAfterFailures = std::nullopt);

  /// Failed attempts since there was a connection.
  std::size_t failures() const noexcept;

 protected:
  void doStart() override;
  Deferred<void> doStop() override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bight
