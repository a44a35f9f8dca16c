// Router and middleware.
#include <bight/http/router.hpp>

#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/http/cookie.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(RouterTest)

using namespace bight;
using namespace bight::http;
using bight::http::testcases::get;
using bight::http::testcases::Served;
using bight::http::testcases::textAnswer;

namespace {

auto saying(std::string text) {
  return [text](Request&) { return Response::text(text); };
}

std::string bodyOf(Resource& resource, std::string_view method, std::string_view target) {
  auto request = Request::make(method, target);
  std::string told = "nothing";
  resource.render(*request).response().addBoth([&](Result<Response> result) {
    told = result ? std::to_string(result->status) + " " + result->body : result.failure().getErrorMessage();
  });
  return told.substr(0, told.find('\n'));
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_written_out_goes_before_parameters_and_those_before_the_rest) {
  Router router;
  router.on("GET", "/{all...}", [](Request& r) { return Response::text("rest " + std::string(r.parameter("all"))); });
  router.on("GET", "/rooms/{room}",
            [](Request& r) { return Response::text("room " + std::string(r.parameter("room"))); });
  router.on("GET", "/rooms/new", saying("new"));
  router.on("GET", "/rooms/{room}/{id}", [](Request& r) {
    return Response::text(std::string(r.parameter("room")) + "," + std::string(r.parameter("id")) +
                          std::string(r.parameter("x")));
  });
  router.on("GET", "/", saying("root"));
  BOOST_TEST(bodyOf(router, "GET", "/") == "200 root");
  BOOST_TEST(bodyOf(router, "GET", "/rooms/new") == "200 new");
  BOOST_TEST(bodyOf(router, "GET", "/rooms/n%65w") == "200 new");
  BOOST_TEST(bodyOf(router, "GET", "/rooms/a%2Fb%20c") == "200 room a/b c");
  BOOST_TEST(bodyOf(router, "GET", "/rooms/new/7") == "200 new,7");  // back from the branch "new"
  BOOST_TEST(bodyOf(router, "GET", "/rooms/") == "200 rest rooms/");
  BOOST_TEST(bodyOf(router, "GET", "/rooms/a/b/c?d=e") == "200 rest rooms/a/b/c");
  BOOST_TEST(bodyOf(router, "GET", "/Rooms/new") == "200 rest Rooms/new");
  BOOST_CHECK_THROW(bodyOf(router, "GET", "/rooms/%zz"), StatusError);
}

BOOST_AUTO_TEST_CASE(a_router_is_a_list_of_functions) {
  std::string log;
  // region: routes
  auto router = std::make_shared<Router>();
  router->on("GET", "/rooms/{room}",
             [](Request& request) { return Response::text("in " + std::string(request.parameter("room"))); });
  router->on("POST", "/rooms/{room}/messages", [](Request& request) -> Deferred<Response> {
    const Form form = request.form();
    co_return Response::text(std::string(form.get("text").value_or("")), 201);
  });
  router->on("GET", "/files/{path...}", [](Request& request) {
    return Response::redirect("https://files.example/" + percentEncode(request.parameter("path")));
  });
  // endregion: routes
  // region: middleware
  router->use([&log](Request& request, const Next& next) -> Answer {
    if (request.header("User-Agent") == "grabber") return Response::error(403, "Please don't.");
    request.responseHeaders().add("X-Content-Type-Options", "nosniff");
    log += request.path();
    return next(request);
  });
  // endregion: middleware
  BOOST_TEST(bodyOf(*router, "GET", "/rooms/hall") == "200 in hall");
  auto post =
      Request::make("POST", "/rooms/hall/messages", {{"Content-Type", "application/x-www-form-urlencoded"}}, "text=hi");
  router->render(*post).response().addCallback([](const Response& r) { BOOST_TEST(r.body == "hi"); });
  BOOST_TEST(bodyOf(*router, "GET", "/files/a/b").starts_with("303 "));
  auto bad = Request::make("GET", "/rooms/hall", {{"User-Agent", "grabber"}});
  router->render(*bad).response().addCallback([](const Response& r) { BOOST_TEST(r.status == 403); });
  BOOST_TEST(log == "/rooms/hall/rooms/hall/messages/files/a/b");
}

BOOST_AUTO_TEST_CASE(methods_are_answered_as_everywhere) {
  Router router;
  router.on("GET", "/a", saying("got")).on("PUT", "/a", saying("put"));
  BOOST_TEST(bodyOf(router, "HEAD", "/a") == "200 got");
  BOOST_TEST(bodyOf(router, "PUT", "/a") == "200 put");
  BOOST_TEST(bodyOf(router, "DELETE", "/a") == "405 405 Method Not Allowed");
  BOOST_TEST(bodyOf(router, "GET", "/b") == "404 404 Not Found");
  BOOST_TEST(bodyOf(router, "GET", "/a/") == "404 404 Not Found");
  auto request = Request::make("OPTIONS", "/a");
  router.render(*request).response().addCallback(
      [](const Response& r) { BOOST_TEST(r.headers.get("Allow").value() == "GET, PUT, HEAD, OPTIONS"); });
  BOOST_TEST(bodyOf(router, "OPTIONS", "*") == "404 404 Not Found");
}

BOOST_AUTO_TEST_CASE(a_tree_may_be_mounted_and_a_router_may_be_in_a_tree) {
  auto tree = std::make_shared<Directory>();
  tree->putChild("leaf", on("GET", saying("leaf")));
  auto inner = std::make_shared<Router>();
  inner->on("GET", "/x/{y}",
            [](Request& r) { return Response::text(std::string(r.parameter("who")) + std::string(r.parameter("y"))); });
  inner->on("GET", "/", saying("inner root"));
  tree->putChild("inner", inner);
  auto outer = std::make_shared<Router>();
  outer->mount("/people/{who}", tree).on("GET", "/people/{who}", saying("somebody"));
  BOOST_TEST(bodyOf(*outer, "GET", "/people/ann/leaf") == "200 leaf");
  BOOST_TEST(bodyOf(*outer, "GET", "/people/ann") == "200 somebody");
  BOOST_TEST(bodyOf(*outer, "GET", "/people/ann/none") == "404 404 Not Found");
  BOOST_TEST(bodyOf(*outer, "GET", "/people/ann/inner/x/7") == "200 ann7");
  BOOST_TEST(bodyOf(*outer, "GET", "/people/ann/inner") == "200 inner root");
  auto root = std::make_shared<Router>();
  root->mount("/", outer).on("GET", "/people", saying("all"));
  BOOST_TEST(bodyOf(*root, "GET", "/people/ann/leaf") == "200 leaf");
  BOOST_TEST(bodyOf(*root, "GET", "/people") == "200 all");
}

BOOST_AUTO_TEST_CASE(senseless_patterns_are_refused) {
  Router router;
  for (const char* pattern : {"", "a", "/{", "/a{b}", "/{}", "/{...}", "/{a}/{a}", "/{a...}/b", "/{a}}"})
    BOOST_CHECK_THROW(router.on("GET", pattern, saying("x")), std::invalid_argument);
  router.on("GET", "/{a}", saying("x"));
  BOOST_CHECK_THROW(router.on("GET", "/{a}", saying("x")), std::logic_error);
  BOOST_CHECK_THROW(router.on("PUT", "/{b}", saying("x")), std::logic_error);
  BOOST_CHECK_THROW(router.mount("/m/", std::make_shared<Directory>()), std::invalid_argument);
  BOOST_CHECK_THROW(router.mount("/m", nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(router.use(nullptr), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(functions_give_values_deferreds_and_coroutines_at_once_or_streamed) {
  auto router = std::make_shared<Router>();
  router->on("GET", "/value", saying("value"));
  router->on("GET", "/deferred", [](Request&) { return succeed(Response::text("deferred")); });
  router->on("GET", "/coroutine/{x}", [](Request& r) -> Deferred<Response> {
    const std::string x = co_await succeed(std::string("co"));
    co_return Response::text(x + std::string(r.parameter("x")));
  });
  router->on("GET", "/any", [](Request& r) -> Deferred<Answer> {
    ResponseStream stream(r, {200}, 3);
    stream.write("any");
    stream.finish();
    co_return stream;
  });
  router->onStream("POST", "/stream", 5'000'000, [](Request& r) -> Deferred<Response> {
    BodyReader body = r.reader();
    const std::string all = co_await body.readAll();
    co_return Response::text(std::to_string(all.size()));
  });
  auto root = std::make_shared<Directory>();
  root->putChild("r", router);
  Served served(root);
  BOOST_TEST(served.ask(get("/r/value")) == textAnswer("value"));
  BOOST_TEST(served.ask(get("/r/deferred")) == textAnswer("deferred"));
  BOOST_TEST(served.ask(get("/r/coroutine/x")) == textAnswer("cox"));
  BOOST_TEST(served.ask(get("/r/any")) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nany");
  BOOST_TEST(served.ask("POST /r/stream HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" +
                        std::string(2'000'000, 'x')) == textAnswer("2000000"));
}

BOOST_AUTO_TEST_CASE(middlewares_stand_in_their_order_and_may_wait) {
  auto order = std::make_shared<std::string>();
  auto waiting = std::make_shared<std::optional<Promise<void>>>();
  const auto named = [order](std::string name) {
    return [order, name](Request& request, const Next& next) -> Answer {
      *order += name + "(";
      request.responseHeaders().add("X-Through", name);
      Answer answer = next(request);
      *order += ")";
      return answer;
    };
  };
  auto router = std::make_shared<Router>();
  router->use(named("a"));
  router->use([waiting](Request& request, Next next) -> Deferred<Answer> {
    Deferred<void> open;
    *waiting = open.promise();
    co_await std::move(open);
    co_return next(request);
  });
  router->use(named("b"));
  router->on("GET", "/", saying("x"));
  router->on("GET", "/stream", [](Request& request) {
    ResponseStream stream(request, {200}, 0);
    stream.finish();
    return stream;
  });
  router->on("GET", "/fails", [](Request&) -> Answer { throw StatusError(418, "Tea."); });
  Served served(behind(named("o"), router));
  const std::string through = "X-Through: o\r\nX-Through: a\r\nX-Through: b\r\n";
  BOOST_TEST(served.ask(get("/")) == "");
  BOOST_TEST(*order == "o(a())");
  (*waiting)->callback();
  BOOST_TEST(served.answers() == textAnswer("x", through));
  BOOST_TEST(*order == "o(a())b()");
  served.send(get("/stream"));
  (*waiting)->callback();
  BOOST_TEST(served.answers() == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + through + "\r\n");
  served.send(get("/fails"));
  (*waiting)->callback();
  BOOST_TEST(served.answers().find("Content-Length: 11\r\n" + through) != std::string::npos);
  served.send(get("/nowhere"));
  served.lose();  // while a middleware waits
}

BOOST_AUTO_TEST_CASE(cookies_are_read_and_set) {
  auto request = Request::make("GET", "/", {{"Cookie", "a=1; b=\"two words\" ;c; =x; d=e=f"}, {"cookie", "g=h"}});
  BOOST_TEST(request->cookie("a").value() == "1");
  BOOST_TEST(request->cookie("b").value() == "two words");
  BOOST_TEST(!request->cookie("c"));
  BOOST_TEST(!request->cookie(""));
  BOOST_TEST(request->cookie("d").value() == "e=f");
  BOOST_TEST(request->cookie("g").value() == "h");
  BOOST_TEST(parseCookies("a=1;b=2; a=3").size() == 3u);
  BOOST_TEST((SetCookie{.name = "s", .value = "v"}).text() == "s=v; Path=/; Secure; HttpOnly; SameSite=Lax");
  const std::string gone = SetCookie{
      .name = "s",
      .domain = "a.example",
      .maxAge = std::chrono::seconds(0),
      .secure = false,
      .httpOnly = false,
      .sameSite = {}}.text();
  BOOST_TEST(gone == "s=; Path=/; Domain=a.example; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
  for (const SetCookie& bad :
       {SetCookie{.name = "a b"}, SetCookie{.name = "a", .value = "x;y"}, SetCookie{.name = "a", .value = "\r\n"},
        SetCookie{.name = "a", .path = "/;x"}, SetCookie{.name = "a", .secure = false, .sameSite = SameSite::none},
        SetCookie{.name = "__Host-a", .domain = "x"}, SetCookie{.name = "__Secure-a", .secure = false}})
    BOOST_CHECK_THROW(bad.text(), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
