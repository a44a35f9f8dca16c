// The HTTP server that the peer bench asks for: `http_server PORT` on 127.0.0.1.
//
//   GET /      "Hello, World!"
//   GET /wait  held
//   POST /say  answers all that are held with its content, and then itself
#include <deque>
#include <iostream>
#include <memory>
#include <string>

#include <bight/http/server.hpp>
#include <bight/reactor.hpp>

using namespace bight;

namespace {

class Bench : public http::Directory {
 public:
  Bench() {
    putChild("", http::on("GET", [](http::Request&) { return http::Response::text("Hello, World!"); }));
    putChild("wait", http::on("GET", [this](http::Request& request) {
               Deferred<http::Response> answer;
               held_.push_back(answer.promise());
               request.forget();
               return answer;
             }));
    putChild("say", http::on("POST", [this](http::Request& request) {
               std::deque<Promise<http::Response>> held;
               held.swap(held_);
               for (const auto& one : held) one.callback(http::Response::text(std::string(request.body())));
               return http::Response::text("ok");
             }));
  }

 private:
  // A waiter that goes away fires its Promise by being cancelled; it is skipped at the next POST.
  std::deque<Promise<http::Response>> held_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: http_server PORT\n";
    return 2;
  }
  const auto reactor = makeReactor();
  const auto site = std::make_shared<http::Site>(*reactor, std::make_shared<Bench>());
  const auto port = reactor->listenTCP(std::stoi(argv[1]), site, {.interface = "127.0.0.1", .backlog = 4096});
  reactor->run();
  return 0;
} catch (const std::exception& e) {
  std::cerr << "http_server: " << e.what() << "\n";
  return 2;
}
