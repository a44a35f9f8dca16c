// The HTTP server that the peer bench asks for: `http_server PORT [--reactors N]` on 127.0.0.1.
//
//   GET /      "Hello, World!"
//   GET /wait  held
//   POST /say  answers all that are held, on all reactors, with its content, and then itself
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/http/server.hpp>
#include <bight/reactor_group.hpp>

using namespace bight;

namespace {

class Bench;
/// One for each reactor, used in its thread only.
using Benches = std::vector<std::shared_ptr<Bench>>;

class Bench : public http::Directory {
 public:
  Bench(ReactorGroup& group, Benches& all, std::size_t index) {
    putChild("", http::on("GET", [](http::Request&) { return http::Response::text("Hello, World!"); }));
    putChild("wait", http::on("GET", [this](http::Request& request) {
               Deferred<http::Response> answer;
               held_.push_back(answer.promise());
               request.forget();
               return answer;
             }));
    putChild("say", http::on("POST", [this, &group, &all, index](http::Request& request) -> http::Answer {
               const std::string said(request.body());
               answerHeld(said);
               if (group.size() == 1) return http::Response::text("ok");
               return group
                   .deferToEach([&all, said, index](Reactor&, std::size_t other) {
                     if (other != index) all[other]->answerHeld(said);
                   })
                   .addCallback([] { return http::Response::text("ok"); });
             }));
  }

 private:
  void answerHeld(const std::string& said) {
    std::deque<Promise<http::Response>> held;
    held.swap(held_);
    for (const auto& one : held) one.callback(http::Response::text(said));
  }

  // A waiter that goes away fires its Promise by being cancelled; it is skipped at the next POST.
  std::deque<Promise<http::Response>> held_;
};

int usage() {
  std::cerr << "usage: http_server PORT [--reactors N]      0 reactors: one for each processor\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2 && (argc != 4 || std::string_view(argv[2]) != "--reactors")) return usage();
  Benches benches;
  ReactorGroup group(argc == 4 ? std::stoul(argv[3]) : 1);
  benches.resize(group.size());
  const auto port = group.listenTCP(std::stoi(argv[1]),
                                    [&](Reactor& reactor, std::size_t index) {
                                      benches[index] = std::make_shared<Bench>(group, benches, index);
                                      return std::make_shared<http::Site>(reactor, benches[index]);
                                    },
                                    {.interface = "127.0.0.1", .backlog = 4096});
  group.run();
  return 0;
} catch (const std::exception& e) {
  std::cerr << "http_server: " << e.what() << "\n";
  return 2;
}
