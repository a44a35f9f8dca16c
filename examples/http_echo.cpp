// An HTTP server for trying clients on: it answers every request with the request's content.
//
//     http_echo --port 8000 [--certificate FILE --key FILE] [--reactors N] [--patience SECONDS]
//
//     any method, any path   200 with the content that came, whole or in chunks, as long as it likes
//     GET /big               1 MiB of "x"
//     GET /slow?ms=200       an empty answer, that much later (and HEAD of both, without the content)
#include <charconv>
#include <chrono>
#include <deque>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include <bight/defer_later.hpp>
#include <bight/http/server.hpp>
#include <bight/reactor_group.hpp>
#include <bight/tls.hpp>

using namespace bight;

namespace {

constexpr std::size_t mostKept = 32 << 20;
constexpr std::size_t pieceSize = 64 << 10;

class Echo : public http::Resource {
 public:
  explicit Echo(Reactor& reactor) : reactor_(reactor) {}

 private:
  bool isLeaf() const noexcept override { return true; }
  std::uint64_t streamedBody(const http::Request&) const override { return std::uint64_t{1} << 40; }

  http::Answer render(http::Request& request) override {
    const bool get = request.method() == "GET" || request.method() == "HEAD";
    if (get && request.path() == "/big") {
      return http::Response{200, "application/octet-stream", {}, std::string(1 << 20, 'x')};
    }
    if (get && request.path() == "/slow") return later(request);
    return echo(request);
  }

  // Many clients read nothing before they have sent all: so much is kept for them. The rest is sent back as it comes.
  static Deferred<http::Response> echo(http::Request& request) {
    http::BodyReader body = request.reader();
    std::deque<std::string> kept;
    std::size_t size = 0;
    while (size < mostKept) {
      std::string piece = co_await body.read();
      if (piece.empty()) break;
      size += piece.size();
      if (kept.empty() || kept.back().size() + piece.size() > pieceSize) {
        kept.push_back(std::move(piece));
      } else {
        kept.back() += piece;
      }
    }
    const bool whole = size < mostKept;
    if (kept.size() < 2 && whole)
      co_return http::Response{200, "application/octet-stream", {}, kept.empty() ? "" : std::move(kept.front())};
    const std::optional<std::uint64_t> length = whole ? size : body.length();
    http::ResponseStream stream(request, {200, "application/octet-stream"}, length);
    for (; !kept.empty(); kept.pop_front()) {
      stream.write(kept.front());
      co_await stream.drained();
    }
    if (!whole) co_await body.pipeTo(stream.consumer());
    stream.finish();
    co_return http::Response();  // the stream was the answer
  }

  Deferred<http::Response> later(const http::Request& request) {
    const std::string text = request.queryValue("ms").value_or("100");
    int ms = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (error != std::errc() || end != text.data() + text.size() || ms < 0 || ms > 60'000)
      throw http::StatusError(400, "\"ms\" is to be a number of milliseconds, up to 60000.");
    return deferLater(reactor_, std::chrono::milliseconds(ms), [] { return http::Response::text("", 200); });
  }

  Reactor& reactor_;
};

}  // namespace

int main(int argc, char** argv) {
  int port = 8000;
  std::size_t reactors = 1;
  double patience = 20;
  std::string certificate, key;
  CLI::App app("Answers every HTTP request with the request's content.");
  app.add_option("--port", port, "the port to listen on, 0 for any that is free")->check(CLI::Range(0, 65535));
  app.add_option("--reactors", reactors, "how many threads serve")->check(CLI::Range(1, 256));
  app.add_option("--patience", patience, "seconds for a head, and for the next piece of a content")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--certificate", certificate, "speak TLS with this PEM file")->check(CLI::ExistingFile);
  app.add_option("--key", key, "its private key")->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  http::SiteOptions options;
  options.headTimeout = options.bodyTimeout =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(patience));
  try {
    ReactorGroup group(reactors);
    std::optional<tls::ServerContext> context;
    if (!certificate.empty()) {
      const tls::Pem pem = tls::Pem::file(certificate);
      context.emplace(tls::ServerOptions{
          .identities = {{.certificate = pem, .key = key.empty() ? tls::Pem() : tls::Pem::file(key)}}});
    }
    const auto makeFactory = [&](Reactor& reactor) -> std::shared_ptr<Factory> {
      auto site = std::make_shared<http::Site>(reactor, std::make_shared<Echo>(reactor), options);
      http::drainAtShutdown(reactor, site);
      if (!context) return site;
      return tls::wrapServer(reactor, std::move(site), *context);
    };
    const auto listening = group.listenTCP(port, makeFactory, {.interface = "127.0.0.1"});
    group.callWhenRunning([&] {
      std::cout << (context ? "https" : "http") << "://127.0.0.1:" << listening->getHost().port() << "/" << std::endl;
    });
    group.run();
  } catch (const std::exception& error) {
    std::cerr << "http_echo: " << error.what() << '\n';
    return 1;
  }
}
