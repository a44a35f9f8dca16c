/// @file
/// The comet chat: people talk to each other in their browsers, and nobody has to ask twice.
///
/// Read it in this order: room.hpp (who waits, and for what), room.cpp (how they are answered), web.cpp (the same over
/// HTTP), terminal.cpp (the same with a Protocol of our own), server.cpp (a room with doors), and this file.
/// docs/comet_chat.md walks through it.
#include <exception>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include <bight/reactor.hpp>

#include "server.hpp"

namespace {

constexpr int usageError = 2;

// region: serve
int serve(const std::string& reactorName, const chat::Settings& settings) {
  const auto reactor = bight::makeReactor(reactorName);
  chat::Server server(*reactor, settings);
  reactor->addSystemEventTrigger(bight::Phase::before, "shutdown", [&] { return server.stop(); });
  reactor->callWhenRunning([&] {
    std::cout << server.url() << '\n';
    if (settings.linePort) std::cout << "for terminals: " << server.ports().back()->getHost().toString() << '\n';
    std::cout << std::flush;
  });
  reactor->run();
  return 0;
}
// endregion: serve

}  // namespace

int main(int argc, char** argv) {
  chat::Settings settings;
  std::string reactorName;
  CLI::App app("A chat room in the browser. It ends in good order on Ctrl-C.", "comet_chat");
  app.add_option("--port", settings.port, "port of the page; 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--host", settings.host, "address to listen on; 0.0.0.0 is every one of this machine")
      ->capture_default_str();
  app.add_option("--lines", settings.linePort, "also let people in from a terminal, on this port: nc 127.0.0.1 <port>")
      ->check(CLI::Range(0, 65535));
  app.add_option("--reactor", reactorName, "select, poll, epoll or kqueue; without it, the best that this system has");
  app.add_option("--history", settings.history, "how many messages are kept for those who come later")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    return serve(reactorName, settings);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& trouble) {
    std::cerr << "comet_chat: " << trouble.what() << '\n';
    return usageError;
  }
}
