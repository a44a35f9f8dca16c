// RFC 8305 over `connectTCP`
// -------------------------
//   looking up ──► attempt 1 ──┬─ 250 ms, or its failure ──► attempt 2 ──┬─ … ──► all failed: errback
//                              └─ connected ─────────────────────────────┴──────► callback; the others are closed
//
// A name is looked up for both families in one question, so section 3's wait for the second answer has no place here.
// The race is over when `promise_` is gone; `finish` is the one way there, and it takes back all that is under way. What
// comes back late finds no promise, and does nothing.
#include "hostname_race.hpp"

#include <algorithm>
#include <utility>

#include <bight/detail/connecting_factory.hpp>

#include "duration_text.hpp"

namespace bight::detail {

namespace {

/// An error of class E that knows what each address said.
template <class E>
class Several final : public E, public FailedAttempts {
 public:
  Several(const std::string& detail, std::vector<Attempt> attempts)
      : E(0, detail), FailedAttempts(std::move(attempts)) {}
};

bool allAre(const std::vector<FailedAttempts::Attempt>& failures, const std::type_info* (*check)(const Failure&)) {
  return std::all_of(failures.begin(), failures.end(),
                     [check](const auto& each) { return check(each.failure) != nullptr; });
}

/// Several<E> for the first E that all failures are.
template <class E, class... Others>
Failure sameKind(const std::string& detail, const std::vector<FailedAttempts::Attempt>& failures) {
  if constexpr (sizeof...(Others) > 0) {
    if (!allAre(failures, [](const Failure& f) { return f.check<E>(); })) return sameKind<Others...>(detail, failures);
  }
  return Failure(Several<E>(detail, failures));
}

}  // namespace

std::vector<Address> interleaved(std::vector<Address> addresses) {
  if (addresses.size() < 3) return addresses;
  const auto family = [](const Address& each) { return each.variant().index(); };
  std::vector<Address> first, second, turns;
  for (auto& each : addresses) (family(each) == family(addresses[0]) ? first : second).push_back(each);
  turns.reserve(addresses.size());
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) turns.push_back(std::move(first[i]));
    if (i < second.size()) turns.push_back(std::move(second[i]));
  }
  return turns;
}

HostnameRace::HostnameRace(const HostReactor& reactor, std::string host, std::uint16_t port, HostnameOptions options,
                           std::shared_ptr<Factory> factory, std::string where)
    : reactor_(reactor),
      host_(std::move(host)),
      port_(port),
      options_(std::move(options)),
      factory_(std::move(factory)),
      where_(std::move(where)) {}

Deferred<std::shared_ptr<Protocol>> HostnameRace::start() {
  const auto self = shared_from_this();
  Deferred<std::shared_ptr<Protocol>> deferred([weak = weak_from_this()] {
    if (const auto race = weak.lock()) race->finish(Failure(ConnectingCancelledError(race->where_)));
  });
  promise_ = deferred.promise();
  if (options_.timeout > Duration::zero()) {
    timeoutCall_ = reactor_.time.callLater(options_.timeout, [self] {
      const auto limit = ": no connection within " + durationText(self->options_.timeout);
      if (self->lookedUp_)
        self->finish(Failure(Several<ConnectTimeoutError>(self->where_ + limit + self->story(), self->failures_)));
      else
        self->finish(Failure(ConnectTimeoutError(0, self->where_ + limit + ", the name is still being looked up")));
    });
  }
  auto watching = reactor_.names.resolve(host_, {.port = port_, .family = options_.family})
                      .addBoth([self](Result<std::vector<Address>> found) { self->lookedUp(std::move(found)); });
  if (!lookedUp_) lookup_.emplace(std::move(watching));
  return deferred;
}

void HostnameRace::lookedUp(Result<std::vector<Address>> found) {
  lookedUp_ = true;
  lookup_.reset();
  if (!promise_) return;
  if (!found) return finish(std::move(found).failure());
  addresses_ = interleaved(std::move(*found));
  if (addresses_.size() > options_.maxAddresses) addresses_.resize(std::max<std::size_t>(options_.maxAddresses, 1));
  running_.resize(addresses_.size());
  startNext();
}

void HostnameRace::startNext() {
  const auto self = shared_from_this();
  if (nextCall_.active()) nextCall_.cancel();
  const std::size_t index = next_++;
  const Address& address = addresses_[index];
  auto attempt = ConnectingFactory::connect(factory_, address.toString(), [&](std::shared_ptr<ClientFactory> own) {
    return reactor_.tcp.connectTCP(
        address.host(), address.port(), std::move(own),
        {.timeout = Duration::zero(), .bindAddress = options_.bindAddress, .noDelay = options_.noDelay});
  });
  auto watching = std::move(attempt).addCallbacks(
      [self, index](std::shared_ptr<Protocol> protocol) {
        self->running_[index].reset();
        self->finish(std::move(protocol));
      },
      [self, index](const Failure& reason) { self->attemptFailed(index, reason); });
  if (!promise_ || watching.called()) return;
  running_[index].emplace(std::move(watching));
  if (next_ < addresses_.size() && !nextCall_.active())
    nextCall_ = reactor_.time.callLater(options_.attemptDelay, [self] { self->startNext(); });
}

void HostnameRace::attemptFailed(std::size_t index, const Failure& reason) {
  running_[index].reset();
  if (!promise_) return;
  // What the world says about an address is a ConnectError, or a lost connection; anything else is our own side's.
  if (!reason.check<ConnectError, ConnectionLost, ConnectionDone>()) return finish(reason);
  failures_.push_back({addresses_[index], reason});
  if (next_ < addresses_.size())
    startNext();
  else if (std::none_of(running_.begin(), running_.end(), [](const auto& each) { return each.has_value(); }))
    finish(allFailed());
}

void HostnameRace::finish(Result<std::shared_ptr<Protocol>> result) {
  const auto promise = std::exchange(promise_, std::nullopt);
  if (!promise) return;
  if (timeoutCall_.active()) timeoutCall_.cancel();
  if (nextCall_.active()) nextCall_.cancel();
  if (auto lookup = std::exchange(lookup_, std::nullopt)) lookup->cancel();
  for (auto& each : running_)
    if (auto attempt = std::exchange(each, std::nullopt)) attempt->cancel();
  if (!promise->called()) promise->callback(std::move(result));
}

/// A literal has one address, and its failure says all there is to say.
Failure HostnameRace::allFailed() const {
  if (failures_.size() == 1 && Address::parse(host_, port_)) return failures_[0].failure;
  return sameKind<ConnectionRefusedError, ConnectBindError, NoRouteError, UnknownHostError, TCPTimedOutError,
                  ConnectError>(where_ + story(), failures_);
}

/// What each address said: ": [2001:db8::1]:80: No route to host…; 192.0.2.1:80: …".
std::string HostnameRace::story() const {
  std::string text;
  for (const auto& each : failures_)
    text += (text.empty() ? ": " : "; ") + each.address.toString() + ": " + each.failure.getErrorMessage();
  return text;
}

}  // namespace bight::detail
