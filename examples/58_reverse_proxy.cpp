// A reverse proxy that streams both ways: 58_reverse_proxy PORT http://host:port. Whoever is slow makes the other end wait, so a transfer
// costs its buffers and not its size: tests/protocols/http/proxy_run.py holds 500 of 100 MB at once.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include <bight/http/agent.hpp>
#include <bight/http/server.hpp>
#include <bight/reactor.hpp>

using namespace bight;

// Fields that are about one connection and not about the message (RFC 9110, 7.6.1), and those that each end makes itself.
static bool stays(std::string_view name) {
  for (const char* own : {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
                          "Upgrade", "Content-Length", "Expect", "Host", "Date"}) {
    if (http::equalsIgnoringCase(name, own)) return true;
  }
  return false;
}

// region: proxy
class Proxy : public http::Resource {
 public:
  Proxy(Reactor& reactor, std::string upstream)
      : agent_(reactor, {.connectionsPerHost = 1000, .userAgent = ""}), upstream_(std::move(upstream)) {}

 private:
  bool isLeaf() const noexcept override { return true; }
  std::uint64_t streamedBody(const http::Request&) const override { return UINT64_MAX; }
  http::Answer render(http::Request& request) override { return forward(request); }

  Deferred<http::Response> forward(http::Request& request) {
    std::string target = upstream_ + std::string(request.path());
    if (!request.query().empty()) target.append("?").append(request.query());
    const std::optional<Url> url = Url::parse(target);
    if (!url) throw http::StatusError(400, "This cannot be the address of anything.");
    http::OutgoingRequest out{std::string(request.method()), *url};
    for (const http::Field& field : request.headers()) {
      if (!stays(field.name)) out.headers.add(field.name, field.value);
    }
    out.headers.add("Via", "1.1 bight").add("X-Forwarded-For", request.clientAddress());
    const auto content = std::make_shared<http::BodyReader>(request.reader());
    if (content->length() != 0)
      out.body = http::RequestBody::stream([content] { return content->read(); }, content->length());
    out.timeouts.total = Duration(0);  // a transfer may take its time; each piece of it may not
    out.timeouts.read = std::chrono::minutes(10);
    out.decode = false;
    Deferred<http::ClientResponse> asking = agent_.request(std::move(out));
    http::ClientResponse answer = co_await std::move(asking);
    http::Response head;
    head.status = answer.status();
    for (const http::Field& field : answer.headers()) {
      if (!stays(field.name)) head.headers.add(field.name, field.value);
    }
    if (head.status == 204 || head.status == 304) co_return head;
    http::ResponseStream stream(request, head, answer.length());
    co_await answer.body().pipeTo(stream.consumer());
    stream.finish();
    co_return http::Response();  // the stream was the answer
  }

  http::NetworkAgent agent_;
  std::string upstream_;
};
// endregion: proxy

int main(int argc, char** argv) {
  if (argc < 3) return std::cerr << "58_reverse_proxy PORT http://host:port\n", 2;
  auto reactor = makeReactor();
  auto proxy = std::make_shared<Proxy>(*reactor, argv[2]);
  auto site = std::make_shared<http::Site>(*reactor, proxy);
  const auto port =
      reactor->listenTCP(static_cast<std::uint16_t>(std::atoi(argv[1])), site, {.interface = "127.0.0.1"});
  http::drainAtShutdown(*reactor, site);
  std::cout << "http://127.0.0.1:" << port->getHost().port() << "/" << std::endl;
  reactor->run();
}
