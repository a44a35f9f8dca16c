#include <bight/http/resource.hpp>

#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(ResourceTest)

using namespace bight;
using namespace bight::http;
using bight::http::testcases::get;
using bight::http::testcases::Served;
using bight::http::testcases::textAnswer;

namespace {

class Leaf : public Resource {
 public:
  bool isLeaf() const noexcept override { return true; }
  Answer render(Request& request) override { return Response::text("below: " + std::string(request.pathBelow())); }
};

class Rooms : public Resource {
 public:
  Answer render(Request&) override { return Response::text("all rooms"); }
  std::shared_ptr<Resource> getChild(std::string_view name, Request& request) override {
    seen += std::string(name) + "(" + std::string(request.pathBelow()) + ") ";
    if (name.empty() || name == "none") return nullptr;
    return on("GET", [name = std::string(name)](Request&) { return Response::text("room " + name); });
  }
  std::string seen;
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_path_leads_down_the_tree_part_by_part) {
  auto root = std::make_shared<Directory>();
  auto rooms = std::make_shared<Rooms>();
  root->putChild("", on("GET", [](Request&) { return Response::text("home"); }));
  root->putChild("files", std::make_shared<Leaf>());
  root->putChild("rooms", rooms);
  root->putChild("a b", on("GET", [](Request&) { return Response::text("spaced"); }));
  Served served(root);
  BOOST_TEST(served.ask(get("/")) == textAnswer("home"));
  BOOST_TEST(served.ask(get("/?x=/y")) == textAnswer("home"));
  BOOST_TEST(served.ask(get("http://example.org?x")) == textAnswer("home"));
  BOOST_TEST(served.ask(get("/files")) == textAnswer("below: "));
  BOOST_TEST(served.ask(get("/files/a/../b%20c/")) == textAnswer("below: a/../b%20c/"));
  BOOST_TEST(served.ask(get("/%66iles/x")) == textAnswer("below: x"));
  BOOST_TEST(served.ask(get("/a%20b")) == textAnswer("spaced"));
  BOOST_TEST(served.ask(get("/rooms")) == textAnswer("all rooms"));
  BOOST_TEST(served.ask(get("/rooms/")) == textAnswer("all rooms"));
  BOOST_TEST(served.ask(get("/rooms/blue")) == textAnswer("room blue"));
  BOOST_TEST(served.ask(get("/rooms/a%2Fb")) == textAnswer("room a/b"));
  BOOST_TEST(rooms->seen == "() blue(blue) a/b(a%2Fb) ");
  for (const char* path :
       {"/nothing", "/rooms/none", "/rooms/blue/deeper", "//files", "/rooms//blue", "/.", "/..", "/Files", "*"}) {
    BOOST_TEST(served.ask(get(path)).starts_with("HTTP/1.1 404 Not Found\r\n"), path);
  }
  for (const char* path : {"/%", "/%2", "/rooms/%zz"})
    BOOST_TEST(served.ask(get(path)).starts_with("HTTP/1.1 400 Bad Request\r\n"), path);
}

BOOST_AUTO_TEST_CASE(a_root_may_be_a_leaf_of_its_own) {
  Served served(std::make_shared<Leaf>());
  BOOST_TEST(served.ask(get("/a/b?c")) == textAnswer("below: a/b"));
}

BOOST_AUTO_TEST_CASE(children_are_put_found_replaced_and_removed) {
  Directory directory;
  auto one = std::make_shared<Leaf>();
  auto two = std::make_shared<Leaf>();
  directory.putChild("x", one);
  BOOST_TEST((directory.findChild("x") == one));
  directory.putChild("x", two);
  BOOST_TEST((directory.findChild("x") == two));
  BOOST_TEST(directory.removeChild("x"));
  BOOST_TEST(!directory.removeChild("x"));
  BOOST_TEST(!directory.findChild("x"));
  BOOST_CHECK_THROW(directory.putChild("a", nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(directory.putChild("a/b", one), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_resource_that_is_removed_while_its_answer_is_awaited_lives_until_then) {
  struct Waiting : Resource {
    Answer render(Request&) override {
      Deferred<Response> d;
      promise = d.promise();
      return d;
    }
    Promise<Response> promise;
  };
  auto root = std::make_shared<Directory>();
  auto waiting = std::make_shared<Waiting>();
  std::weak_ptr<Waiting> watch = waiting;
  root->putChild("wait", waiting);
  Served served(root);
  served.send(get("/wait"));
  waiting.reset();
  root->removeChild("wait");
  BOOST_REQUIRE(!watch.expired());
  Promise<Response> promise = watch.lock()->promise;
  promise.callback(Response::text("still there"));
  BOOST_TEST(served.answers() == textAnswer("still there"));
  BOOST_TEST(watch.expired());
}

BOOST_AUTO_TEST_CASE(methods_tell_which_they_are) {
  auto both = std::make_shared<Methods>();
  both->on("GET", [](Request&) { return Response::text("got"); }).on("POST", [](Request&) {
    return Response::text("posted");
  });
  Served served(both);
  BOOST_TEST(served.ask("POST / HTTP/1.1\r\nHost: a\r\n\r\n") == textAnswer("posted"));
  BOOST_TEST(served.ask("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n") ==
             "HTTP/1.1 204 No Content\r\nAllow: GET, POST, HEAD, OPTIONS\r\n\r\n");
  const std::string put = served.ask("PUT / HTTP/1.1\r\nHost: a\r\n\r\n");
  BOOST_TEST(put.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
  BOOST_TEST(put.find("\r\nAllow: GET, POST, HEAD, OPTIONS\r\n") != std::string::npos);
  BOOST_TEST(served.ask("get / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 501 Not Implemented\r\n"));
  BOOST_TEST(served.ask("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 501 Not Implemented\r\n"));
  BOOST_CHECK_THROW(both->on("GET", [](Request&) { return Response(); }), std::logic_error);
  BOOST_CHECK_THROW(both->on("G T", [](Request&) { return Response(); }), std::invalid_argument);
  BOOST_CHECK_THROW(both->on("PUT", nullptr), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(responses_have_short_forms) {
  BOOST_TEST(Response::json("{}").type.text() == "application/json");
  BOOST_TEST(Response::html("<p>").type.text() == "text/html; charset=utf-8");
  const Response moved = Response::redirect("/there");
  BOOST_TEST(moved.status == 303);
  BOOST_TEST(moved.headers.get("Location").value() == "/there");
  BOOST_CHECK_THROW(Response::redirect("/\r\nX: 1"), std::invalid_argument);
  BOOST_TEST(Response::error(404).body == "404 Not Found\n");
  BOOST_TEST(Response::text("x", 201).with("X-A", "b").headers.get("x-a").value() == "b");
}

BOOST_AUTO_TEST_CASE(a_resource_can_be_asked_without_a_connection) {
  // region: testing
  auto greet = on("POST", [](Request& request) { return Response::text("Hello, " + std::string(request.body())); });
  auto request = Request::make("POST", "/greet", {{"Content-Type", "text/plain"}}, "Ann");
  std::string body;
  greet->render(*request).response().addCallback([&](const Response& response) { body = response.body; });
  BOOST_TEST(body == "Hello, Ann");
  // endregion: testing
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_later_is_there_later) {
  Deferred<Response> later;
  const auto promise = later.promise();
  int status = 0;
  Answer(std::move(later)).response().addCallback([&](const Response& response) { status = response.status; });
  BOOST_TEST(status == 0);
  promise.callback(Response::empty());
  BOOST_TEST(status == 204);
}

BOOST_AUTO_TEST_SUITE_END()
