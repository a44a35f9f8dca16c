#include <bight/reconnecting_client_factory.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string>

#include <bight/log.hpp>

#include "duration_text.hpp"
#include "random_seed.hpp"

namespace bight {

struct ReconnectingClientFactory::Random {
  std::minstd_rand generator{detail::randomSeed()};
  std::normal_distribution<double> normal;
};

ReconnectingClientFactory::ReconnectingClientFactory(ReactorTime& clock, ReconnectOptions options)
    : clock_(clock), options_(std::move(options)), delay_(options_.initialDelay) {
  if (options_.initialDelay < Duration::zero() || options_.maxDelay < Duration::zero())
    throw std::invalid_argument("ReconnectingClientFactory: a delay cannot be negative");
  if (!(options_.factor >= 1)) throw std::invalid_argument("ReconnectingClientFactory: the factor must be at least 1");
  if (!(options_.jitter >= 0)) throw std::invalid_argument("ReconnectingClientFactory: the jitter cannot be negative");
}

ReconnectingClientFactory::~ReconnectingClientFactory() = default;

void ReconnectingClientFactory::clientConnectionFailed(Connector& connector, const Failure&) {
  retry(connector);
}

void ReconnectingClientFactory::clientConnectionLost(Connector& connector, const Failure&) {
  retry(connector);
}

void ReconnectingClientFactory::startedConnecting(Connector& connector) {
  connector_ = connector.weak_from_this();
}

void ReconnectingClientFactory::retry(Connector& connector) {
  if (!trying_ || retries_ >= options_.maxRetries || call_.active()) return;
  const double most = static_cast<double>(options_.maxDelay.count());
  const double first = static_cast<double>(options_.initialDelay.count());
  double next = std::min(first * std::pow(options_.factor, static_cast<double>(retries_)), most);
  if (options_.jitter > 0) next += next * options_.jitter * normal();
  delay_ = next >= most ? options_.maxDelay : Duration(static_cast<Duration::rep>(std::max(next, 0.0)));
  ++retries_;
  static const Logger log("bight.service");
  log.info("no connection to " + connector.getDestination().toString() + "; attempt " + std::to_string(retries_) +
           " to get one again is in " + detail::durationText(delay_));
  // The connector keeps the factory, and the call keeps the connector.
  connector_ = connector.weak_from_this();
  call_ = clock_.callLater(delay_, [again = connector.shared_from_this()] {
    if (again->state() == Connector::State::disconnected) again->connect();
  });
}

void ReconnectingClientFactory::resetDelay() noexcept {
  delay_ = options_.initialDelay;
  retries_ = 0;
}

void ReconnectingClientFactory::stopTrying() {
  const auto self = shared_from_this();
  trying_ = false;
  const auto connector = connector_.lock();
  if (call_.active()) call_.cancel();
  if (connector && connector->state() == Connector::State::connecting) connector->stopConnecting();
}

double ReconnectingClientFactory::normal() {
  if (options_.normal) return options_.normal();
  if (!random_) random_ = std::make_shared<Random>();
  return random_->normal(random_->generator);
}

}  // namespace bight
