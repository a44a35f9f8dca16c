// What the HTTP client can do, on servers that are in this very program.
#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include <bight/http/client.hpp>
#include <bight/testing/stub_agent.hpp>

using namespace bight;
using namespace std::chrono_literals;

// region: stub
auto stub = std::make_shared<testing::StubAgent>([](http::Request& request) -> http::Answer {
  if (request.path() == "/login") return http::Response::redirect("/home").with("Set-Cookie", "id=7");
  if (request.path() == "/home")
    return http::Response::text("you are " + std::string(request.header("Cookie").value_or("nobody")));
  return http::Response::text(std::string(request.method()) + " " + std::string(request.body()));
});
// endregion: stub

void print(const std::string& text) {
  std::cout << text << '\n';
}
void complain(const Failure& failure) {
  std::cout << failure.getErrorMessage() << '\n';
}
auto text(http::ClientResponse response) {
  return response.text();
}

// region: client
void visit() {
  http::Client client(stub, {.headers = {{"X-Mood", "fine"}}, .cookies = std::make_shared<http::CookieJar>()});
  client.post("https://a.example/login", {.form = {{{"user", "ada"}}}}).addCallback(text).addCallbacks(print, complain);
  client.get("https://a.example/home").addCallback(text).addCallbacks(print, complain);
}
// endregion: client

// region: send
void send(const http::Client& client) {
  client.post("http://a.example/", {.data = "as it is"}).addCallback(text).addCallback(print);
  client.put("http://a.example/", {.json = R"({"id":7})"}).addCallback(text).addCallback(print);
  client.patch("http://a.example/", {.form = {{{"a", "1"}, {"b", "x y"}}}}).addCallback(text).addCallback(print);
}
// endregion: send

// region: pieces
Deferred<std::size_t> count(http::Client client) {
  http::ClientResponse response = co_await client.get("http://a.example/home");
  std::size_t bytes = 0;
  for (;;) {
    std::string piece = co_await response.body().read();  // the server waits while we do not read
    if (piece.empty()) co_return bytes;
    bytes += piece.size();
  }
}
// endregion: pieces

int main() {
  visit();
  send(http::Client(stub));
  count(http::Client(stub)).addCallback([](std::size_t bytes) { std::cout << bytes << " bytes\n"; });
  // region: retry
  http::Client patient(stub, {.timeouts = {.total = 30s}, .retry = {.attempts = 3}});
  // endregion: retry
  patient.get("http://a.example/home").addCallback(text).addCallback(print);
}
