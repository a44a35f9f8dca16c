// A tiny file server:  55_file_server DIRECTORY [PORT]. Without arguments it serves a file of its own, to itself.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>

#include <bight/http/client.hpp>
#include <bight/http/compression.hpp>
#include <bight/http/server.hpp>
#include <bight/http/static_files.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: serve
std::shared_ptr<Port> serve(Reactor& reactor, const std::string& directory, std::uint16_t port) {
  auto files = std::make_shared<http::StaticFiles>(
      reactor, directory, http::StaticFileOptions{.listing = true, .cacheControl = "max-age=60"});
  auto site = std::make_shared<http::Site>(reactor, http::compressed(files));
  site->setAccessLog([](const http::AccessEntry& entry) {  // http::combinedLogLine(entry) has more
    std::cout << entry.method << ' ' << entry.target << ' ' << entry.status << ' ' << entry.bytes << std::endl;
  });
  auto listening = reactor.listenTCP(port, site, {.interface = "127.0.0.1"});
  http::drainAtShutdown(reactor, site, 8s, listening);
  return listening;
}
// endregion: serve

// region: ask
Deferred<void> show(Reactor& reactor, std::string url, http::Headers headers) {
  http::RequestOptions options;
  options.headers = std::move(headers);
  http::ClientResponse answer = co_await http::get(reactor, url, std::move(options));
  const std::string text = co_await answer.text();
  std::cout << answer.status() << ' ' << answer.header("Content-Range").value_or("") << '\n';
  if (answer.ok()) std::cout << text << '\n';
}

Deferred<void> ask(Reactor& reactor, std::string url) {
  http::Headers part, held;
  part.add("Range", "bytes=6-10");
  held.add("If-None-Match", "*");
  co_await show(reactor, url + "poem.txt", http::Headers());
  co_await show(reactor, url + "poem.txt", part);
  co_await show(reactor, url + "poem.txt", held);
  co_await show(reactor, url + "%2e%2e/passwd", http::Headers());
}
// endregion: ask

int main(int argc, char** argv) {
  auto reactor = makeReactor();
  if (argc > 1) {
    const auto listening = serve(*reactor, argv[1], static_cast<std::uint16_t>(argc > 2 ? std::atoi(argv[2]) : 8000));
    std::cout << "http://127.0.0.1:" << listening->getHost().port() << "/" << std::endl;
    reactor->run();
    return 0;
  }
  char place[] = "/tmp/bight-files-XXXXXX";
  const std::string directory = ::mkdtemp(place);
  std::ofstream(directory + "/poem.txt") << "Roses are red.\n";
  const auto listening = serve(*reactor, directory, 0);
  reactor->callWhenRunning([&] {
    ask(*reactor, "http://127.0.0.1:" + std::to_string(listening->getHost().port()) + "/")
        .addBoth([&](Result<void> result) {
          if (!result) std::cout << result.failure().getErrorMessage() << '\n';
          reactor->stop();
        });
  });
  reactor->run();
  ::unlink((directory + "/poem.txt").c_str());
  ::rmdir(directory.c_str());
}
