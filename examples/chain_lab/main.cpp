/// @file
/// The chain lab: build a chain on a web page, and watch the real Deferred run, stage by stage.
///
/// Read it in this order: plan.hpp (what a chain is, as it is built), code.hpp (the same as a program), run.cpp (the real
/// Deferred, and the Tracer that looks at it), web.cpp (the same over HTTP), and this file. docs/howto/lab.md shows it.
#include <exception>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include <bight/http/server.hpp>
#include <bight/reactor.hpp>
#include <bight/stack_trace.hpp>

#include "plan.hpp"
#include "web.hpp"

namespace {

constexpr int usageError = 2;

int serve(const std::string& host, int portNumber) {
  bight::captureStacks(false);  // what throws is a stage of the lab, and where that is in our sources is not the story
  const auto reactor = bight::makeReactor();
  bight::http::SiteOptions options;
  options.limits.body = lab::longestPlan;
  options.connections = 500;
  options.streamBuffer = 8 * 1024 * 1024;  // pictures
  const auto site = std::make_shared<bight::http::Site>(*reactor, lab::makeWeb(*reactor), options);
  const auto port = reactor->listenTCP(portNumber, site, {.interface = host});
  bight::http::drainAtShutdown(*reactor, site, std::chrono::seconds(1), port);
  reactor->callWhenRunning([&] { std::cout << "http://" << port->getHost().toString() << "/\n" << std::flush; });
  reactor->run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string host = "127.0.0.1";
  int port = 8010;
  CLI::App app("Build a chain of callbacks in the browser and watch it run. It ends in good order on Ctrl-C.",
               "chain_lab");
  app.add_option("--port", port, "port of the page; 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--host", host, "address to listen on")->capture_default_str();
  try {
    app.parse(argc, argv);
    return serve(host, port);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& trouble) {
    std::cerr << "chain_lab: " << trouble.what() << '\n';
    return usageError;
  }
}
