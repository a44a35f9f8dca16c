// A small web server: pages at once and pages later, forms, and events as they happen. Try it:
//   curl http://127.0.0.1:8000/            curl -d 'name=Ann' http://127.0.0.1:8000/greet
//   curl http://127.0.0.1:8000/slow        curl -N http://127.0.0.1:8000/ticks
#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/task.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: form
http::Response greet(http::Request& request) {
  const http::Form form = request.form();  // throws StatusError: then the client gets that status and its sentence
  const auto name = form.get("name");
  if (!name || name->empty()) throw http::StatusError(400, "The form needs a field \"name\".");
  return http::Response::text("Hello, " + std::string(*name) + "!\n");
}
// endregion: form

// region: later
Deferred<http::Response> slow(ReactorTime& clock, http::Request& request) {
  co_await deferLater(clock, 200ms);  // others are served meanwhile
  co_return http::Response::text("That took a while, " + request.clientAddress() + ".\n");
}
// endregion: later

// region: stream
Deferred<http::Response> ticks(ReactorTime& clock, http::Request& request) {
  http::ResponseStream stream(request, http::Response{200, "text/event-stream"});
  for (int i = 1; i <= 3; ++i) {
    stream.write("data: tick " + std::to_string(i) + "\n\n");
    co_await deferLater(clock, 100ms);  // ends here with CancelledError when the client goes away
  }
  stream.finish();
  co_return http::Response();  // the stream was the answer
}
// endregion: stream

int main(int argc, char** argv) {
  int port = 8000;
  CLI::App app("A small web server.");
  app.add_option("--port", port, "the port to listen on, 0 for any that is free")->check(CLI::Range(0, 65535));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    // region: site
    auto reactor = makeReactor();
    auto root = std::make_shared<http::Directory>();
    root->putChild("", http::on("GET", [](http::Request&) { return http::Response::html("<h1>Welcome</h1>\n"); }));
    root->putChild("greet", http::on("POST", greet));
    root->putChild("slow", http::on("GET", [&](http::Request& request) { return slow(*reactor, request); }));
    root->putChild("ticks", http::on("GET", [&](http::Request& request) { return ticks(*reactor, request); }));
    auto listening = reactor->listenTCP(port, std::make_shared<http::Site>(*reactor, root), {.interface = "127.0.0.1"});
    std::cout << "http://127.0.0.1:" << listening->getHost().port() << "/" << std::endl;
    reactor->run();
    // endregion: site
  } catch (const std::exception& error) {
    std::cerr << "20_http_server: " << error.what() << "\n";
    return 2;
  }
}
