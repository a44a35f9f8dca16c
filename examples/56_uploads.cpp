// A router, and a form with a file that goes to the disk while it arrives. 56_uploads PORT goes on serving.
#include <cstdlib>
#include <iostream>
#include <string>

#include <bight/http/client.hpp>
#include <bight/http/json.hpp>
#include <bight/http/multipart.hpp>
#include <bight/http/router.hpp>
#include <bight/http/server.hpp>
#include <bight/reactor.hpp>

using namespace bight;

// region: upload
Deferred<http::Response> receive(Reactor& reactor, http::Request& request) {
  http::UploadOptions options;
  options.limits.file = 1 << 20;
  http::Upload form = co_await http::receiveUpload(reactor, request, std::move(options));
  std::string files;
  for (const http::UploadedFile& file : form.files) {  // file.moveTo(…) would keep it
    files += (files.empty() ? "" : ",") +
             http::JsonObject().add("name", file.fileName()).add("type", file.type()).add("size", file.size()).text();
  }
  co_return http::Response::json(http::JsonObject()
                                     .add("album", request.parameter("album"))
                                     .add("title", form.fields.get("title").value_or("?"))
                                     .addRaw("files", "[" + files + "]")
                                     .text());
}

std::shared_ptr<http::Router> routes(Reactor& reactor) {
  auto router = std::make_shared<http::Router>();
  router->onStream("POST", "/albums/{album}/photos", 8 << 20,
                   [&reactor](http::Request& request) { return receive(reactor, request); });
  return router;
}
// endregion: upload

Deferred<void> send(Reactor& reactor, std::string url, std::string content) {
  http::RequestOptions options;
  options.form = http::Form();
  options.form->add("title", "Sunset");
  options.files.push_back(http::FormFile{"photo", "a.jpg", std::move(content), "image/jpeg"});
  auto answer = co_await http::post(reactor, url + "albums/7/photos", std::move(options));
  std::cout << answer.status() << ' ' << co_await answer.text() << '\n';
}

Deferred<void> tryIt(Reactor& reactor, std::string url) {
  co_await send(reactor, url, std::string(100'000, 'x'));
  co_await send(reactor, url, std::string(2'000'000, 'x'));
}

int main(int argc, char** argv) {
  auto reactor = makeReactor();
  const auto port =
      reactor->listenTCP(static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0),
                         std::make_shared<http::Site>(*reactor, routes(*reactor)), {.interface = "127.0.0.1"});
  const std::string url = "http://127.0.0.1:" + std::to_string(port->getHost().port()) + "/";
  if (argc > 1) std::cout << url << std::endl;
  reactor->callWhenRunning([&] {
    if (argc > 1) return;
    tryIt(*reactor, url).addBoth([&](Result<void> result) {
      if (!result) std::cout << result.failure().getErrorMessage() << '\n';
      reactor->stop();
    });
  });
  reactor->run();
}
