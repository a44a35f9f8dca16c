#include <algorithm>
#include <stdexcept>

#include <bight/detail/block_cache.hpp>
#include <bight/http/serializer.hpp>
#include <bight/http/server.hpp>
#include <bight/log.hpp>

#include "connection.hpp"
#include "site_state.hpp"

namespace bight::http {

namespace detail {

namespace {
constexpr std::size_t mostSpare = 16;
constexpr std::size_t mostKeptBytes = 8192;                             // in one that is spare
constexpr Duration longestTimeout = std::chrono::hours(10 * 365 * 24);  // the wheel counts seconds in 32 bits
}  // namespace

SiteState::SiteState(ReactorTime& clock, std::shared_ptr<Resource> root, const SiteOptions& options)
    : options_(options), clock_(clock), root_(std::move(root)), deadlines_(clock, &Connection::deadlinePassed) {
  if (!root_) throw std::invalid_argument("bight::http::Site: the root resource is null");
  for (Duration* timeout : {&options_.headTimeout, &options_.bodyTimeout, &options_.requestTimeout,
                            &options_.idleTimeout, &options_.sendTimeout}) {
    if (*timeout < Duration(0))
      throw std::invalid_argument("bight::http::SiteOptions: a timeout is negative; zero means none");
    *timeout = std::min(*timeout, longestTimeout);
  }
  if (options.streamBuffer == 0)
    throw std::invalid_argument("bight::http::SiteOptions: streamBuffer is zero; no stream could write anything");
  spare_.reserve(mostSpare);
  giveInput(takeInput());  // refuses senseless limits now, not at the first request
}

SiteState::~SiteState() {
  if (stale_.active()) stale_.cancel();
  if (drainLimit_.active()) drainLimit_.cancel();
}

void SiteState::went() {
  if (--connections_ != 0 || !draining_) return;
  if (drainLimit_.active()) drainLimit_.cancel();
  for (const Promise<void>& promise : std::exchange(drained_, {})) {
    if (!promise.called()) promise.callback();
  }
}

Deferred<void> SiteState::drain(Duration limit) {
  draining_ = true;
  deadlines_.forEach([](WheelEntry& entry) { static_cast<Connection&>(entry).drain(); });
  if (connections_ == 0) return succeed();
  if (!drainLimit_.active()) {
    drainLimit_ = clock_.callLater(std::max(limit, Duration(0)), [this] {
      deadlines_.forEach([](WheelEntry& entry) { static_cast<Connection&>(entry).transport().abortConnection(); });
    });
  }
  Deferred<void> done;
  drained_.push_back(done.promise());
  return done;
}

void SiteState::log(const AccessEntry& entry) noexcept {
  try {
    accessLog_(entry);
  } catch (...) {
    Logger("bight.http").failure("while writing the access log", Failure());
  }
}

void SiteState::refresh() {
  second_ = deadlines_.now();
  date_ = formatDate(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  fresh_ = true;
  stale_ = clock_.callLater(std::chrono::seconds(1), [this] { fresh_ = false; });
}

std::unique_ptr<Input> SiteState::takeInput() {
  if (spare_.empty()) {
    Limits limits = options_.limits;
    limits.body = UINT64_MAX;  // which limit is that of a content is known when its head is there
    return std::make_unique<Input>(RequestParser::Options{.limits = limits});
  }
  std::unique_ptr<Input> input = std::move(spare_.back());
  spare_.pop_back();
  return input;
}

void SiteState::giveInput(std::unique_ptr<Input> input) noexcept {
  if (!input) return;
  if (const Ref<BodyPipe> pipe = std::exchange(input->pipe, nullptr)) pipe->detach();
  input->owner = nullptr;
  if (spare_.size() == mostSpare) return;
  input->parser.reset();
  input->parser.limitBody(UINT64_MAX);
  if (input->bytes.capacity() > mostKeptBytes) input->bytes = std::string();
  input->bytes.clear();
  input->used = 0;
  spare_.push_back(std::move(input));
}

}  // namespace detail

Site::Site(ReactorTime& clock, std::shared_ptr<Resource> root, SiteOptions options)
    : state_(std::make_unique<detail::SiteState>(clock, std::move(root), options)) {}

Site::~Site() = default;

Deferred<void> Site::drain(Duration limit) {
  return state_->drain(limit);
}

void Site::setAccessLog(Function<void(const AccessEntry&)> log) {
  state_->setAccessLog(std::move(log));
}

void drainAtShutdown(ReactorCore& reactor, std::shared_ptr<Site> site, Duration limit, std::shared_ptr<Port> port) {
  if (!site) throw std::invalid_argument("bight::http::drainAtShutdown: the site is null");
  reactor.addSystemEventTrigger(Phase::before, "shutdown", [site = std::move(site), limit, port = std::move(port)] {
    if (port) port->stopListening();
    return site->drain(limit);
  });
}

std::shared_ptr<Protocol> Site::buildProtocol(const Address&) {
  if (state_->draining()) return nullptr;
  return std::allocate_shared<detail::Connection>(bight::detail::BlockAllocator<detail::Connection>(), *state_);
}

}  // namespace bight::http
