// States
// ------
//   idle ── start ──► connecting ── made ──► preparing ── ready ──► connected
//     ▲                 ▲   │ failed            │ failed, lost        │ lost
//     │                 │   ▼                   ▼                     │
//     │                 └ waiting ◄─────────────┴─────────────────────┘
//     │   stop: connecting and waiting are left at once
//     └── disconnecting ◄── stop ── preparing, connected        disconnecting ── start ──► restarting ── lost ──► connecting
//
// `run` numbers the attempts. Whatever comes back (a connection, a failure, a loss) carries the number of its attempt,
// and is ignored if that is not the present one; so nothing has to be taken back that cannot be.
#include <bight/client_service.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>
#include <bight/maybe_deferred.hpp>

#include "duration_text.hpp"
#include "random_seed.hpp"

namespace bight {

namespace {

const Logger& clientLog() {
  static const Logger log("bight.service");
  return log;
}

}  // namespace

RetryPolicy backoffPolicy(BackoffOptions options) {
  if (options.initialDelay < Duration::zero() || options.maxDelay < Duration::zero())
    throw std::invalid_argument("backoffPolicy: a delay cannot be negative");
  if (!(options.factor >= 1)) throw std::invalid_argument("backoffPolicy: the factor must be at least 1");
  if (!options.jitter) {
    options.jitter = [generator = std::minstd_rand(detail::randomSeed())]() mutable {
      return Duration(std::uniform_int_distribution<Duration::rep>(0, 999'999'999)(generator));
    };
  }
  return [options = std::move(options)](std::size_t failures) {
    const double grown =
        static_cast<double>(options.initialDelay.count()) * std::pow(options.factor, static_cast<double>(failures));
    const bool most = grown >= static_cast<double>(options.maxDelay.count());
    return (most ? options.maxDelay : Duration(static_cast<Duration::rep>(grown))) + options.jitter();
  };
}

struct ClientService::State : std::enable_shared_from_this<State> {
  using Connected = std::shared_ptr<Protocol>;
  enum class Phase { idle, connecting, preparing, waiting, connected, disconnecting, restarting };
  struct Waiter {
    std::uint64_t id;
    Promise<Connected> promise;
    std::optional<std::size_t> left;  // failures until it is told
  };

  State(std::shared_ptr<ClientEndpoint> e, std::shared_ptr<Factory> f, ReactorTime& c, ClientServiceOptions o)
      : endpoint(std::move(e)), factory(std::move(f)), clock(c), options(std::move(o)) {
    if (!options.retryPolicy) options.retryPolicy = backoffPolicy();
  }

  void start() {
    everStarted = true;
    if (phase == Phase::disconnecting)
      phase = Phase::restarting;
    else
      connect();
  }

  Deferred<void> stop() {
    const auto self = shared_from_this();
    switch (phase) {
      case Phase::idle:
        break;
      case Phase::connecting:
      case Phase::waiting:
        phase = Phase::idle;
        ++run;
        if (patience.active()) patience.cancel();
        if (retryCall.active()) retryCall.cancel();
        cancelAttempt();
        break;
      case Phase::preparing:
      case Phase::connected: {
        phase = Phase::disconnecting;
        if (patience.active()) patience.cancel();
        auto gone = waitForEnd();
        cancelAttempt();
        tell(Failure(CancelledError("the ClientService is stopping")));
        if (protocol) protocol->transport().loseConnection();
        return gone;
      }
      case Phase::disconnecting:
      case Phase::restarting:
        phase = Phase::disconnecting;
        auto gone = waitForEnd();
        tell(Failure(CancelledError("the ClientService is stopping")));
        return gone;
    }
    tell(Failure(CancelledError("the ClientService has been stopped")));
    return succeed();
  }

  Deferred<void> waitForEnd() {
    Deferred<void> gone;
    ends.push_back(gone.promise());
    return gone;
  }

  void cancelAttempt() {
    if (auto under = std::exchange(attempt, std::nullopt)) under->cancel();
  }

  /// What is under way until `finished` says otherwise; it may have come to its end already.
  void watch(std::uint64_t step, Deferred<void> watched) {
    if (finished < step) attempt.emplace(std::move(watched));
  }

  void connect() {
    const auto self = shared_from_this();
    phase = Phase::connecting;
    const auto mine = ++run;
    const auto step = ++steps;
    watch(step, maybeDeferred([this] { return endpoint->connect(factory); })
                    .addCallbacks(
                        [self, mine, step](const Connected& made) {
                          self->ended(step);
                          if (mine == self->run)
                            self->made(made);
                          else
                            made->transport().abortConnection();
                        },
                        [self, mine, step](const Failure& failure) {
                          self->ended(step);
                          if (mine == self->run) self->failed(failure);
                        }));
  }

  void ended(std::uint64_t step) {
    finished = std::max(finished, step);
    attempt.reset();
  }

  void made(const Connected& connection) {
    const auto self = shared_from_this();
    const auto mine = run;
    phase = Phase::preparing;
    protocol = connection;
    connection->whenLost().addCallback([self, mine] {
      if (mine == self->run) self->lost();
    });
    if (mine != run || phase != Phase::preparing) return;  // lost already
    if (!options.prepareConnection) return ready();
    const auto step = ++steps;
    if (options.prepareTimeout > Duration::zero())
      patience = clock.callLater(options.prepareTimeout, [weak = weak_from_this()] {
        if (const auto waiting = weak.lock()) waiting->preparedTooLong();
      });
    const auto waited = std::make_shared<bool>(false);
    watch(step, maybeDeferred([&] {
                  auto waits = options.prepareConnection(connection);
                  return waits ? std::move(*waits) : succeed();
                })
                    .addCallbacks(
                        [self, mine, step, waited] {
                          self->ended(step);
                          if (mine != self->run || self->phase != Phase::preparing) return;
                          if (*waited) self->failures = self->setbacks = 0;
                          self->ready();
                        },
                        [self, mine, step](const Failure& failure) {
                          self->ended(step);
                          if (mine != self->run || self->phase != Phase::preparing) return;
                          self->giveUp(failure);
                        }));
    *waited = true;  // what is done at once has not heard from the server, and proves nothing
  }

  void ready() {
    phase = Phase::connected;
    if (patience.active()) patience.cancel();
    setbacks += std::exchange(failures, 0);
    since = clock.seconds();
    const auto kept = protocol;  // a callback may lose the connection
    tell(kept);
  }

  /// The connection could not be prepared.
  void giveUp(const Failure& failure) {
    const auto useless = protocol;
    failed(failure);
    useless->transport().abortConnection();
  }

  void preparedTooLong() {
    const auto useless = std::exchange(protocol, nullptr);
    stopPreparing(Failure(TimeoutError(options.prepareTimeout, "preparing the connection to " + endpoint->toString())));
    useless->transport().abortConnection();
  }

  /// The connection is of no use any more, and so is what is done to prepare it. Cancelling that may stop the service.
  void stopPreparing(const Failure& why) {
    const auto self = shared_from_this();
    phase = Phase::waiting;
    const auto mine = ++run;
    cancelAttempt();
    if (mine == run) failed(why);
  }

  /// An attempt has come to nothing.
  void failed(const Failure& failure) {
    protocol.reset();
    ++failures;
    const auto delay = wait(failures + setbacks);
    clientLog().info("attempt " + std::to_string(failures) + " to connect to " + endpoint->toString() +
                     " failed; the next one is in " + detail::durationText(delay) + ": " + failure.getErrorMessage());
    std::vector<Promise<Connected>> told;
    std::erase_if(waiters, [&](Waiter& each) {
      if (!each.left || --*each.left > 0) return false;
      told.push_back(each.promise);
      return true;
    });
    for (const auto& each : told)
      if (!each.called()) each.errback(failure);
  }

  /// The connection has gone.
  void lost() {
    const auto self = shared_from_this();
    protocol.reset();
    switch (phase) {
      case Phase::preparing:
        return stopPreparing(Failure(ConnectionLost("The connection was lost while it was being prepared.")));
      case Phase::connected: {
        const Duration lived = clock.seconds() - since;
        if (lived >= options.settleTime) setbacks = 0;
        const auto delay = wait(setbacks++);
        clientLog().info("the connection to " + endpoint->toString() + " was lost after " +
                         detail::durationText(lived) + "; the next attempt is in " + detail::durationText(delay));
        return;
      }
      case Phase::disconnecting:
        phase = Phase::idle;
        ++run;
        break;
      case Phase::restarting:
        connect();
        break;
      default:
        return;
    }
    for (const auto& each : std::exchange(ends, {}))
      if (!each.called()) each.callback();
  }

  Duration wait(std::size_t setbacksInARow) {
    phase = Phase::waiting;
    ++run;
    if (patience.active()) patience.cancel();
    const Duration delay = std::max(options.retryPolicy(setbacksInARow), Duration::zero());
    retryCall = clock.callLater(delay, [self = shared_from_this()] { self->connect(); });
    return delay;
  }

  void tell(const Result<Connected>& result) {
    for (const auto& each : std::exchange(waiters, {}))
      if (!each.promise.called()) each.promise.callback(result);
  }

  Deferred<Connected> whenConnected(std::optional<std::size_t> left) {
    if (phase == Phase::connected) return succeed(protocol);
    if (phase == Phase::disconnecting || (phase == Phase::idle && everStarted))
      return fail<Connected>(CancelledError("the ClientService has been stopped"));
    const auto id = ++lastId;
    Deferred<Connected> later([weak = weak_from_this(), id] {
      if (const auto self = weak.lock())
        std::erase_if(self->waiters, [id](const Waiter& each) { return each.id == id; });
    });
    waiters.push_back({id, later.promise(), left});
    return later;
  }

  const std::shared_ptr<ClientEndpoint> endpoint;
  const std::shared_ptr<Factory> factory;
  ReactorTime& clock;
  ClientServiceOptions options;

  Phase phase = Phase::idle;
  bool everStarted = false;
  std::uint64_t run = 0;
  std::uint64_t steps = 0;     // numbers what is waited for: connecting, preparing
  std::uint64_t finished = 0;  // the last of these that has ended
  std::size_t failures = 0;
  std::size_t setbacks = 0;  // failures before, and connections that were lost, since one has worked
  Duration since{0};         // when there was a connection
  std::optional<Deferred<void>> attempt;
  DelayedCall retryCall;
  DelayedCall patience;  // while a connection is prepared
  Connected protocol;
  std::vector<Waiter> waiters;
  std::vector<Promise<void>> ends;
  std::uint64_t lastId = 0;
};

ClientService::ClientService(std::shared_ptr<ClientEndpoint> endpoint, std::shared_ptr<Factory> factory,
                             ReactorTime& clock, ClientServiceOptions options) {
  if (!endpoint || !factory)
    throw std::invalid_argument("ClientService needs an endpoint and a factory, and got a null pointer");
  state_ = std::make_shared<State>(std::move(endpoint), std::move(factory), clock, std::move(options));
}

ClientService::~ClientService() {
  state_->stop();
}

Deferred<std::shared_ptr<Protocol>> ClientService::whenConnected(std::optional<std::size_t> failAfterFailures) {
  if (failAfterFailures == std::size_t{0})
    throw std::invalid_argument("whenConnected: failAfterFailures must be at least 1");
  return state_->whenConnected(failAfterFailures);
}

std::size_t ClientService::failures() const noexcept {
  return state_->failures;
}

void ClientService::doStart() {
  state_->start();
}

Deferred<void> ClientService::doStop() {
  return state_->stop();
}

}  // namespace bight
