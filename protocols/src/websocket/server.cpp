#include <bight/websocket/server.hpp>

#include <stdexcept>

#include <bight/http/status.hpp>
#include <bight/http/upgrade.hpp>

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

Resource::Resource(ReactorTime& clock, Options& options, Make make)
    : clock_(clock), options_(shared(std::move(options))), make_(std::move(make)) {}

Resource::~Resource() = default;

http::Answer Resource::render(http::Request& request) {
  // Before a protocol is made: most requests that are none of ours are a browser's that was given the wrong address.
  try {
    static_cast<void>(readOpening(request, *options_));
  } catch (const http::StatusError& error) {
    return refusal(error);
  }
  auto protocol = make_(request);
  if (!protocol) return http::Response::error(404);
  return upgrade(clock_, request, std::move(protocol), options_);
}

}  // namespace bight::websocket
