#include <bight/websocket/server.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/http/status.hpp>
#include <bight/http/upgrade.hpp>
#include <bight/timeout.hpp>
#include <bight/websocket/utf8.hpp>

namespace bight::websocket {

namespace {

std::shared_ptr<const Options> shared(Options options) {
  options.check();
  return std::make_shared<const Options>(std::move(options));
}

http::Response refusal(const http::StatusError& error) {
  http::Response response = http::Response::error(error.status(), error.what());
  for (const http::Field field : refusalFields(error.status())) response.headers.set(field.name, field.value);
  return response;
}

}  // namespace

http::Answer upgrade(ReactorTime& clock, const http::Request& request, std::shared_ptr<Protocol> protocol,
                     std::shared_ptr<const Options> options) {
  if (!protocol) throw std::invalid_argument("websocket::upgrade needs a protocol, and got a null pointer");
  protocol->prepareServer(clock, options);
  try {
    const auto opening = std::make_shared<const Opening>(readOpening(request, *options));
    auto accepting = maybeDeferred([&] { return protocol->onConnect(*opening); });
    return std::move(accepting)
        .addCallback([opening, protocol, options](const Acceptance& acceptance) -> http::Answer {
          Agreement agreement;
          http::Headers headers = makeAnswer(*opening, acceptance, *options, agreement);
          protocol->accepted(std::move(agreement));
          return http::Upgrade{std::move(headers), protocol};
        })
        .addErrback([](const Failure& failure) -> Result<http::Answer> {
          if (const auto* error = failure.get<http::StatusError>()) return http::Answer(refusal(*error));
          return failure;
        });
  } catch (const http::StatusError& error) {
    return refusal(error);
  }
}

http::Answer upgrade(ReactorTime& clock, const http::Request& request, std::shared_ptr<Protocol> protocol,
                     Options options) {
  return upgrade(clock, request, std::move(protocol), shared(std::move(options)));
}

// The options, which every connection holds on to: so it dies with the last of them.
struct Resource::Shared {
  explicit Shared(Options&& given) : options(std::move(given)) { options.check(); }
  ~Shared() {
    if (gone && !gone->called()) gone->callback();
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  const Options options;
  std::optional<Promise<void>> gone;
};

Resource::Resource(ReactorTime& clock, Options& options, Make make)
    : clock_(clock), shared_(std::make_shared<Shared>(std::move(options))), make_(std::move(make)) {}

Resource::~Resource() = default;

Deferred<void> Resource::closeAll(std::uint16_t code, std::string_view reason, Duration limit) {
  if (!mayBeSent(code) || !Utf8Validator::isValid(reason))
    throw std::invalid_argument("websocket::Resource: this code or reason may not be sent in a close");
  if (!shared_) return succeed();
  Deferred<void> gone;
  shared_->gone = gone.promise();
  gone.addTimeout(limit, clock_).addErrback([](const Failure&) {});
  for (const std::weak_ptr<Protocol>& made : std::exchange(made_, {})) {
    if (const auto protocol = made.lock()) protocol->sendClose(code, reason);
  }
  shared_.reset();
  return gone;
}

void closeAtShutdown(ReactorCore& reactor, std::shared_ptr<Resource> resource, Duration limit) {
  if (!resource) throw std::invalid_argument("bight::websocket::closeAtShutdown: the resource is null");
  reactor.addSystemEventTrigger(Phase::before, "shutdown", [resource = std::move(resource), limit] {
    return resource->closeAll(closeCode::goingAway, "The server goes away.", limit);
  });
}

http::Answer Resource::render(http::Request& request) {
  if (!shared_) return http::Response::error(503, "This server goes away.");
  // Before a protocol is made: most requests that are none of ours are a browser's that was given the wrong address.
  try {
    static_cast<void>(readOpening(request, shared_->options));
  } catch (const http::StatusError& error) {
    return refusal(error);
  }
  auto protocol = make_(request);
  if (!protocol) return http::Response::error(404);
  if (made_.size() >= sweepAt_) {
    std::erase_if(made_, [](const std::weak_ptr<Protocol>& one) { return one.expired(); });
    sweepAt_ = std::max<std::size_t>(16, 2 * made_.size());
  }
  made_.push_back(protocol);
  return upgrade(clock_, request, std::move(protocol), {shared_, &shared_->options});
}

}  // namespace bight::websocket
