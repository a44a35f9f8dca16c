/// @file
/// `Site`: a Factory that serves a tree of resources over HTTP/1.1.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include <bight/core.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/function.hpp>
#include <bight/http/access_log.hpp>
#include <bight/http/limits.hpp>
#include <bight/http/resource.hpp>
#include <bight/tcp.hpp>
#include <bight/time.hpp>

namespace bight::http {

namespace detail {
class SiteState;
}

/// What a Site allows its clients. Times are kept to about a second. Zero means without limit.
struct SiteOptions {
  Limits limits = {};                                 ///< sizes of requests
  Duration headTimeout = std::chrono::seconds(20);    ///< for a whole head, from its first byte; then 408
  Duration bodyTimeout = std::chrono::seconds(20);    ///< for the next piece of a content; then 408
  Duration requestTimeout = std::chrono::minutes(5);  ///< for a whole request, from its first byte; then 408
  /// Between two requests, and before the first; then the connection is closed.
  Duration idleTimeout = std::chrono::seconds(75);
  /// For a client to read anything of an answer that waits for it; then it is aborted.
  Duration sendTimeout = std::chrono::seconds(60);
  /// How many connections there may be at once; who comes then is answered with 503.
  std::size_t connections = 0;
  std::size_t streamBuffer = 1024 * 1024;  ///< bytes that may wait in a ResponseStream for a client that does not read
};

/// Serves a tree of resources. Twisted: `twisted.web.server.Site`.
///
///     auto reactor = makeReactor();
///     auto root = http::on("GET", [](http::Request&) { return http::Response::text("Hello, World!"); });
///     reactor->listenTCP(8000, std::make_shared<http::Site>(*reactor, root));
///     reactor->run();
///
/// A connection carries one request after the other (keep-alive), also when they are sent ahead (pipelining): they are
/// rendered one at a time and answered in order, and while one waits for its answer what follows is left unread. A
/// request that waits on a Deferred has no time limit: that is what a comet server is for. Its Deferred is cancelled
/// when the client goes away; a client that ends only its own side of the stream counts as gone. Malformed requests are
/// answered with the fitting status and a sentence, and then the connection is closed in a way that lets the client
/// read that answer.
class BIGHT_API Site : public Factory {
 public:
  /// `clock` (the reactor, or a test's Clock) must outlive the Site. Throws std::invalid_argument if `root` is null or
  /// a limit is senseless.
  Site(ReactorTime& clock, std::shared_ptr<Resource> root, SiteOptions options = {});
  ~Site() override;

  std::shared_ptr<Protocol> buildProtocol(const Address& peer) override;

  /// Ends what is idle at once and everything else after its present answer; new connections are refused. Fires when
  /// the last one has ended. What is not through after `limit`, such as a long poll, is aborted. For good: there is no
  /// way back.
  Deferred<void> drain(Duration limit = std::chrono::seconds(8));

  /// From now on `log` is called for each request that has been answered or given up. What it throws is logged. A request
  /// that waits costs more then: it is kept to be logged, whatever `Request::forget` says.
  ///
  ///     site->setAccessLog([&](const http::AccessEntry& entry) { std::cout << http::combinedLogLine(entry) << '\n'; });
  void setAccessLog(Function<void(const AccessEntry&)> log);

 private:
  std::unique_ptr<detail::SiteState> state_;
};

/// Has the shutdown of `reactor`, by `stop()` or SIGTERM, wait for `site` to drain, for at most `limit`. If `port` is
/// given, it stops listening first. With this a program that is told to end answers what it was asked, and ends:
///
///     auto site = std::make_shared<http::Site>(*reactor, root);
///     auto port = reactor->listenTCP(8000, site);
///     http::drainAtShutdown(*reactor, site, 8s, port);
///     reactor->run();
BIGHT_API void drainAtShutdown(ReactorCore& reactor, std::shared_ptr<Site> site,
                               Duration limit = std::chrono::seconds(8), std::shared_ptr<Port> port = nullptr);

}  // namespace bight::http
