// Three home pages at once, over HTTP, in callbacks: each is stored when it comes, and when all are there they are
// printed. The sites are in this very program, so that there is always something to get.
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <bight/http/client.hpp>
#include <bight/http/server.hpp>
#include <bight/react.hpp>
#include <bight/reactor.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: get
using Homepages = std::map<std::string, std::string>;

Deferred<void> getHomepages(Reactor& reactor, const std::vector<std::string>& websites, Homepages& homepages) {
  std::vector<Deferred<void>> responses;
  for (const std::string& website : websites) {
    responses.push_back(http::get(reactor, website, {.timeout = 5s})
                            .addCallback([](http::ClientResponse response) { return response.text(); })
                            .addCallback([&homepages, website](std::string html) { homepages[website] = html; }));
  }
  return gatherResults(std::move(responses), true);
}
// endregion: get

// region: print
Deferred<void> program(Reactor& reactor) {
  const auto root = std::make_shared<http::Directory>();
  for (std::string name : {"blue", "green", "red"}) {
    root->putChild(name,
                   http::on("GET", [name](http::Request&) { return http::Response::html("<h1>" + name + "</h1>"); }));
  }
  const auto port = reactor.listenTCP(0, std::make_shared<http::Site>(reactor, root), {.interface = "127.0.0.1"});
  const std::string base = "http://127.0.0.1:" + std::to_string(port->getHost().port()) + "/";
  const auto homepages = std::make_shared<Homepages>();
  return getHomepages(reactor, {base + "blue", base + "green", base + "red"}, *homepages)
      .addCallback([homepages, base] {
        for (const auto& [website, html] : *homepages) std::cout << website.substr(base.size()) << ": " << html << '\n';
      })
      .addErrback([](const Failure& failure) { std::cout << failure.getErrorMessage() << '\n'; });
}
// endregion: print

int main() {
  return react(program);
}
