// Three home pages at once, over HTTP, in coroutines; and what a failure says.
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <bight/http/client.hpp>
#include <bight/http/server.hpp>
#include <bight/react.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: get
Deferred<std::string> getHomepage(Reactor& reactor, std::string website) {
  http::RequestOptions options{.timeout = 5s};
  http::ClientResponse response = co_await http::get(reactor, website, options);
  response.raiseForStatus();
  std::string html = co_await response.text();
  co_return html;
}

Deferred<void> program(Reactor& reactor) {
  auto root = std::make_shared<http::Directory>();
  for (std::string name : {"blue", "green", "red"}) {
    root->putChild(name,
                   http::on("GET", [name](http::Request&) { return http::Response::html("<h1>" + name + "</h1>"); }));
  }
  auto port = reactor.listenTCP(0, std::make_shared<http::Site>(reactor, root), {.interface = "127.0.0.1"});
  std::string base = "http://127.0.0.1:" + std::to_string(port->getHost().port()) + "/";

  std::vector<Deferred<std::string>> pages;
  for (std::string name : {"blue", "green", "red"}) pages.push_back(getHomepage(reactor, base + name));
  std::vector<std::string> homepages = co_await gatherResults(std::move(pages));
  for (const std::string& html : homepages) std::cout << html << '\n';

  try {
    std::string html = co_await getHomepage(reactor, base + "pink");
    std::cout << html << '\n';
  } catch (const http::BadStatus& error) {
    std::cout << "status " << error.status() << '\n';
  }
}
// endregion: get

int main() {
  return react(program);
}
