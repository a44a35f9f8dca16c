// A program of somebody else, built against the installed library by pkg-config, by CMake and as a Meson subproject. It touches every
// package, so that a symbol that a shared library forgot to show would be missed here.
#include <bight/deferred.hpp>
#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/tls.hpp>
#include <bight/version.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

int main() {
  auto reactor = bight::makeReactor();
  bight::Deferred<int> answer;
  answer.addCallback([](int n) { return n + 1; });
  answer.addCallback([](int n) -> int { throw std::runtime_error("no " + std::to_string(n)); });
  answer.addErrback([&](const bight::Failure& failure) {
    failure.trap<std::runtime_error>();
    std::printf("bight %s: %s\n", BIGHT_VERSION, failure.getErrorMessage().c_str());
    reactor->stop();
  });
  reactor->callLater(1ms, [&] { answer.callback(41); });
  auto site = std::make_shared<bight::http::Site>(*reactor, std::make_shared<bight::http::Directory>());
  auto port = reactor->listenTCP(0, site);
  const bight::tls::ThrowawayAuthority authority;
  const bight::tls::ServerContext context({.identities = {authority.issue({"localhost"})}});
  auto secure = reactor->listenTCP(0, bight::tls::wrapServer(*reactor, site, context));
  reactor->run();
  return 0;
}
