/// @file
/// WebSocket beside other resources of an `http::Site`.
///
/// ```cpp
/// root->putChild("echo", std::make_shared<websocket::Resource>(*reactor, [] { return std::make_shared<Echo>(); }));
/// ```
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <bight/core.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/http/resource.hpp>
#include <bight/time.hpp>
#include <bight/websocket/protocol.hpp>

namespace bight::websocket {

/// The answer to a request that asks to speak WebSocket: 101, and `protocol` has the connection; or a refusal with the
/// fitting status, and `protocol` is never connected. For resources that decide for themselves; others take a
/// `Resource`.
///
/// A client that goes away while `onConnect()` waits cancels its Deferred.
/// @param clock  the reactor, or a test's Clock
/// @throws std::invalid_argument if `protocol` is null, or the options make no sense
BIGHT_API http::Answer upgrade(ReactorTime& clock, const http::Request& request, std::shared_ptr<Protocol> protocol,
                               std::shared_ptr<const Options> options);
BIGHT_API http::Answer upgrade(ReactorTime& clock, const http::Request& request, std::shared_ptr<Protocol> protocol,
                               Options options = Options());

/// A resource at which WebSocket is spoken, and at all addresses below it: each connection gets a protocol of its own.
/// Requests for anything else are answered with 426.
class BIGHT_API Resource : public http::Resource {
 public:
  using Make = Function<std::shared_ptr<Protocol>(http::Request&)>;

  /// @param make   makes the protocol of a connection, and may take the request; null is answered with 404
  /// @throws std::invalid_argument for options that make no sense
  template <class F>
    requires(std::is_invocable_r_v<std::shared_ptr<Protocol>, F&> ||
             std::is_invocable_r_v<std::shared_ptr<Protocol>, F&, http::Request&>)
  Resource(ReactorTime& clock, F make, Options options = Options()) : Resource(clock, options, wrap(std::move(make))) {}
  ~Resource() override;

  http::Answer render(http::Request& request) override;
  bool isLeaf() const noexcept override { return true; }

  /// Sends a close to all who are connected here, and answers whoever asks from now on with 503.
  /// @return fires when the protocols of all of them are gone, at the latest after `limit`
  /// @throws std::invalid_argument as `Protocol::sendClose` does
  Deferred<void> closeAll(std::uint16_t code = closeCode::goingAway, std::string_view reason = {},
                          Duration limit = std::chrono::seconds(5));

 private:
  struct Shared;
  Resource(ReactorTime& clock, Options& options, Make make);

  template <class F>
  static Make wrap(F make) {
    if constexpr (std::is_invocable_v<F&, http::Request&>) {
      return Make(std::move(make));
    } else {
      return Make([make = std::move(make)](http::Request&) mutable { return make(); });
    }
  }

  ReactorTime& clock_;
  std::shared_ptr<Shared> shared_;  // with the protocols; null once all were closed
  std::vector<std::weak_ptr<Protocol>> made_;
  std::size_t sweepAt_ = 16;
  Make make_;
};

/// Has the shutdown of `reactor`, by `stop()` or SIGTERM, wait for `resource.closeAll()`: its clients are told that the
/// server goes away (1001), and may connect to the next one at once. `http::drainAtShutdown` does the like for requests.
BIGHT_API void closeAtShutdown(ReactorCore& reactor, std::shared_ptr<Resource> resource,
                               Duration limit = std::chrono::seconds(5));

}  // namespace bight::websocket
