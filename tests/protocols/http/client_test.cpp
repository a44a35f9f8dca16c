#include <bight/http/client.hpp>

#include <zlib.h>

#include <chrono>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/http/decoding.hpp>
#include <bight/testing/stub_agent.hpp>

#include "client_fixture.hpp"

BOOST_AUTO_TEST_SUITE(ClientTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::testcases::now;
using bight::testcases::whole;
using http::Response;

namespace {

// A stub that notes what it was asked: "POST a.example/b?c", some fields, and the content.
struct Server {
  std::vector<std::string> seen;
  Function<http::Answer(http::Request&)> answer = [](http::Request&) { return Response::text("ok"); };
  std::shared_ptr<testing::StubAgent> agent = std::make_shared<testing::StubAgent>([this](http::Request& request) {
    std::string line =
        std::string(request.method()) + " " + std::string(request.host()) + std::string(request.target());
    for (const char* name : {"Authorization", "Cookie", "Content-Type", "X-Own"}) {
      if (const auto value = request.header(name)) line += std::string(" ") + name + "=" + std::string(*value);
    }
    if (!request.body().empty()) line += " [" + std::string(request.body()) + "]";
    seen.push_back(line);
    return answer(request);
  });
  http::Client client{agent};

  std::string last() const { return seen.empty() ? "" : seen.back(); }
};

std::string packed(const std::string& text, int windowBits) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(options_become_the_request_they_say) {
  Server server;
  const http::Client& client = server.client;
  BOOST_TEST(now(whole(client.get("https://a.example/b?c=1", {.params = {{"d", "e f"}}}))) == "200 ok");
  BOOST_TEST(server.last() == "GET a.example/b?c=1&d=e%20f");
  whole(client.post("http://a/", {.data = "text"}));
  BOOST_TEST(server.last() == "POST a/ [text]");
  whole(client.put("http://a/", {.form = {{{"x", "1"}, {"y", "&"}}}}));
  BOOST_TEST(server.last() == "PUT a/ Content-Type=application/x-www-form-urlencoded [x=1&y=%26]");
  whole(client.patch("http://a/", {.json = "{}"}));
  BOOST_TEST(server.last() == "PATCH a/ Content-Type=application/json [{}]");
  whole(client.del("http://a/", {.headers = {{"X-Own", "1"}}, .cookies = {{"k", "v"}}}));
  BOOST_TEST(server.last() == "DELETE a/ Cookie=k=v X-Own=1");
  whole(client.get("http://user:p%40ss@a/"));
  BOOST_TEST(server.last() == "GET a/ Authorization=Basic dXNlcjpwQHNz");
  whole(client.get("http://a/", {.auth = http::Auth::bearer("abc")}));
  BOOST_TEST(server.last() == "GET a/ Authorization=Bearer abc");
  BOOST_TEST(now(whole(client.head("http://a/"))) == "200 ");
  whole(client.request("OPTIONS", "http://a/x#frag"));
  BOOST_TEST(server.last() == "OPTIONS a/x");
  whole(client.post("http://a/", {.form = {{{"name", "Ann"}}}, .files = {{"f\"", "x.txt", "content", "text/plain"}}}));
  const std::string multipart = server.last();
  BOOST_TEST(multipart.starts_with("POST a/ Content-Type=multipart/form-data; boundary=bight-"));
  BOOST_TEST(multipart.find("form-data; name=\"name\"\r\n\r\nAnn\r\n--") != std::string::npos);
  BOOST_TEST(multipart.find("name=\"f%22\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\ncontent\r\n--") !=
             std::string::npos);
  int left = 2;
  const auto next = [&] { return succeed(left-- > 0 ? std::string("abc") : std::string()); };
  whole(client.post("http://a/", {.files = {{"f", "s", http::RequestBody::stream(next, 6)}}}));
  BOOST_TEST(server.last().find("\r\n\r\nabcabc\r\n--") != std::string::npos);
  BOOST_CHECK_THROW(static_cast<void>(client.post("http://a/", {.data = "x", .json = "{}"})), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(redirects_are_followed_with_the_method_that_belongs_to_them) {
  Server server;
  server.answer = [](http::Request& request) -> http::Answer {
    const std::string path(request.path());
    if (path == "/end") return Response::text("end");
    if (path == "/loop") return Response::redirect("/loop", 302);
    if (path == "/far") return Response::redirect("http://other.example/end", 307);
    if (path == "/down") return Response::redirect("http://a/end", 302);
    if (path == "/mail") return Response::redirect("mailto:x@y", 302);
    return Response::redirect("end", std::stoi(path.substr(1)));
  };
  const auto post = [&](const char* path) {
    whole(server.client.post(Url("http://a/").resolve(path), {.data = "x"}));
    return server.last();
  };
  BOOST_TEST(post("/301") == "GET a/end");
  BOOST_TEST(post("/302") == "GET a/end");
  BOOST_TEST(post("/303") == "GET a/end");
  BOOST_TEST(post("/307") == "POST a/end [x]");
  BOOST_TEST(post("/308") == "POST a/end [x]");
  whole(server.client.put("http://a/301", {.data = "x"}));
  BOOST_TEST(server.last() == "PUT a/end [x]");
  whole(server.client.head("http://a/303"));
  BOOST_TEST(server.last() == "HEAD a/end");

  const http::RequestOptions secret{
      .headers = {{"Authorization", "s"}, {"X-Own", "1"}}, .data = "x", .cookies = {{"c", "1"}}};
  whole(server.client.post("http://a/308", secret));
  BOOST_TEST(server.last() == "POST a/end Authorization=s Cookie=c=1 X-Own=1 [x]");
  whole(server.client.post("http://a/far", secret));
  BOOST_TEST(server.last() == "POST other.example/end X-Own=1 [x]");

  std::vector<std::string> history;
  server.client.get("http://a/302").addCallback([&](const http::ClientResponse& response) {
    for (const auto& each : response.history()) history.push_back(each.url().str() + std::to_string(each.status()));
    history.push_back(response.url().str());
  });
  BOOST_TEST(history == (std::vector<std::string>{"http://a/302302", "http://a/end"}),
             boost::test_tools::per_element());
  BOOST_TEST(now(whole(server.client.get("http://a/302", {.allowRedirects = false}))).starts_with("302"));
  BOOST_TEST(
      now(whole(server.client.get("http://a/loop", {.maxRedirects = 3}))) ==
      "GET http://a/loop: answered with 302 to \"/loop\", which is not followed: there were 3 redirects before it.");
  BOOST_TEST(now(whole(server.client.get("https://a/down"))).ends_with("it leads from https to http."));
  BOOST_TEST(now(whole(server.client.get("http://a/mail"))).find("is not followed: ") != std::string::npos);
  const auto once = [] { return succeed(std::string()); };
  BOOST_TEST(now(whole(server.client.post("http://a/307", {.data = http::RequestBody::stream(once, 0)})))
                 .ends_with("the content was a stream and cannot be sent again."));
}

BOOST_AUTO_TEST_CASE(cookies_are_kept_where_there_is_a_jar_and_during_redirects_anyhow) {
  Server server;
  server.answer = [](http::Request& request) -> http::Answer {
    if (request.path() == "/login") return Response::redirect("/home").with("Set-Cookie", "id=7; Path=/");
    return Response::text("home");
  };
  whole(server.client.get("http://a.example/login"));
  BOOST_TEST(server.last() == "GET a.example/home Cookie=id=7");
  whole(server.client.get("http://a.example/home"));
  BOOST_TEST(server.last() == "GET a.example/home");
  const http::Client keeping(server.agent, {.cookies = std::make_shared<http::CookieJar>()});
  whole(keeping.get("http://a.example/login"));
  whole(keeping.get("http://a.example/home"));
  BOOST_TEST(server.last() == "GET a.example/home Cookie=id=7");
  whole(keeping.get("http://b.example/home"));
  BOOST_TEST(server.last() == "GET b.example/home");
}

BOOST_AUTO_TEST_CASE(digest_answers_a_challenge) {
  // RFC 7616, 3.9.1
  const http::Auth mufasa = http::Auth::digest("Mufasa", "Circle of Life");
  const std::vector<std::string_view> challenges = {
      "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
      "Basic realm=\"x\", Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
      "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
      "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""};
  const std::string cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
  const auto best = mufasa.answer(challenges, "GET", "/dir/index.html", 1, cnonce);
  BOOST_TEST(best.value().find("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1") !=
             std::string::npos);
  const auto old = mufasa.answer({challenges[0]}, "GET", "/dir/index.html", 1, cnonce);
  BOOST_TEST(old.value().find("response=\"8ca523f5e9506fed4657c9700eebdbec\"") != std::string::npos);
  BOOST_TEST(!mufasa.answer({"Basic realm=\"x\""}, "GET", "/"));
  BOOST_TEST(!mufasa.answer({"Digest realm=\"x"}, "GET", "/"));

  Server server;
  server.answer = [](http::Request& request) -> http::Answer {
    if (request.header("Authorization")) return Response::text("in");
    return Response::text("no", 401).with("WWW-Authenticate", "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"");
  };
  BOOST_TEST(now(whole(server.client.get("http://a/", {.auth = http::Auth::digest("u", "p")}))) == "200 in");
  BOOST_TEST(server.seen.size() == 2u);
  BOOST_TEST(server.last().find("Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_tries_again_as_the_policy_says) {
  Server server;
  int failures = 2;
  server.answer = [&](http::Request&) -> http::Answer {
    if (failures-- > 0) return Response::text("later", 503).with("Retry-After", failures == 0 ? "7" : "1");
    return Response::text("ok");
  };
  const http::RetryPolicy three{.attempts = 3, .longest = 10s};
  auto answer = whole(server.client.get("http://a/", {.retry = three}));
  BOOST_TEST(server.seen.size() == 1u);
  server.agent->advance(1s);
  BOOST_TEST(server.seen.size() == 2u);
  server.agent->advance(6s);
  BOOST_TEST(now(answer) == "waits");
  server.agent->advance(1s);
  BOOST_TEST(now(answer) == "200 ok");
  failures = 9;
  auto post = whole(server.client.post("http://a/", {.data = "x", .retry = three}));
  BOOST_TEST(now(post) == "503 later");
  auto impatient = whole(server.client.get("http://a/", {.retry = http::RetryPolicy{.attempts = 3, .longest = 500ms}}));
  BOOST_TEST(now(impatient) == "503 later");

  bight::testcases::Wires wires;
  const http::Client client(wires.agent());
  auto lost = whole(client.get("http://a/", {.retry = http::RetryPolicy{.attempts = 2, .pause = 2s}}));
  wires.lines[0].close();
  wires.reactor.advance(2s);
  BOOST_REQUIRE_EQUAL(wires.lines.size(), 2u);
  auto total = whole(client.get("http://a/", {.timeout = 3s, .retry = http::RetryPolicy{.attempts = 9, .pause = 2s}}));
  wires.lines[2].close();
  wires.reactor.advance(2s);
  wires.reactor.advance(1s);
  BOOST_TEST(now(total).find("within") != std::string::npos);
  auto cancelled = whole(client.get("http://a/", {.retry = http::RetryPolicy{.attempts = 9}}));
  cancelled.cancel();
  BOOST_TEST(now(cancelled).find("cancelled") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(contents_are_decoded_up_to_a_limit) {
  Server server;
  std::string content, coding;
  server.answer = [&](http::Request&) -> http::Answer {
    Response response{200, {}, {}, content};
    response.headers.add("Content-Encoding", coding);
    return response;
  };
  const auto get = [&](std::string c, std::string bytes) {
    coding = std::move(c);
    content = std::move(bytes);
    return std::string(now(whole(server.client.get("http://a/"))));
  };
  const std::string text(100000, 'x');
  BOOST_TEST(get("gzip", packed(text, 31)) == "200 " + text);
  BOOST_TEST(get("gzip", packed("one", 31) + packed("two", 31)) == "200 onetwo");
  BOOST_TEST(get("x-GZIP", packed("a", 31) + std::string(7, '\0')) == "200 a");
  BOOST_TEST(get("deflate", packed(text, 15)) == "200 " + text);
  BOOST_TEST(get("deflate", packed("bare", -15)) == "200 bare");
  // What ends where the room for it ends.
  for (int windowBits : {15, -15, 31}) {
    const std::string full(32768, 'x');
    BOOST_TEST((get(windowBits == 31 ? "gzip" : "deflate", packed(full, windowBits)) == "200 " + full));
  }
  BOOST_TEST(get("gzip", "nonsense").starts_with("The content is not what its Content-Encoding says, gzip: "));
  BOOST_TEST(get("gzip", packed(text, 31).substr(0, 50)) == "The encoded content ends before its end.");
  BOOST_TEST(get("rot13", "uryyb") == "200 uryyb");
  BOOST_TEST(get("gzip, gzip", "kept") == "200 kept");
  BOOST_TEST(get("gzip", "").starts_with("200 "));
  BOOST_TEST(get("gzip", packed(std::string(14000000, '\0'), 31)).find("expands to more than 200 times its size") !=
             std::string::npos);
  BOOST_TEST(now(whole(server.client.get("http://a/", {.decode = false}))) == "200 " + content);
  // A bomb that nobody reads is not unpacked, and one that is read slowly only as far as that goes.
  server.client.get("http://a/").addCallback([](const http::ClientResponse& r) {
    http::ClientResponse response = r;
    BOOST_TEST(response.body().received() <= 128u * 1024);
  });
  if (http::ContentDecoder::knows("br")) BOOST_TEST(get("br", "\x0b\x02\x80hello\x03") == "200 hello");
  if (http::ContentDecoder::knows("zstd"))
    BOOST_TEST(get("zstd", std::string("\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello", 14)) == "200 hello");
}

BOOST_AUTO_TEST_CASE(texts_are_translated_to_utf8) {
  const auto text = [](const char* type, std::string content) {
    auto response = http::ClientResponse::make(200, {{"Content-Type", type}}, std::move(content), "http://a/");
    return std::string(now(bight::testcases::Asked(response.text())));
  };
  BOOST_TEST(text("text/plain", "\xE4") == "ä");
  BOOST_TEST(text("text/plain", "ä") == "ä");
  BOOST_TEST(text("text/plain; charset=\"ISO-8859-1\"", "\xC3\xA4") == "Ã¤");
  BOOST_TEST(text("text/plain;charset=windows-1252", "\x80") == "€");
  BOOST_TEST(text("text/plain;charset=utf-8", "a\xFFz") == "a\xEF\xBF\xBDz");
  BOOST_TEST(text("text/plain;charset=utf-16le", std::string("\xE4\0a\0", 4)) == "äa");
  BOOST_TEST(text("text/plain;charset=klingon", "x").find("\"klingon\", which is not known here") != std::string::npos);
  auto json = http::ClientResponse::make(200, {}, "\xEF\xBB\xBF{}", "http://a/");
  BOOST_TEST(now(bight::testcases::Asked(json.json())) == "{}");
  BOOST_TEST(now(bight::testcases::Asked(json.content())) == "\xEF\xBB\xBF{}");  // again
  auto bad = http::ClientResponse::make(404, {{"Set-Cookie", "a=b; Path=/"}}, "\xFF", "http://a/");
  BOOST_TEST(now(bight::testcases::Asked(bad.json())).find("not UTF-8") != std::string::npos);
  BOOST_TEST(bad.cookies().at(0).second == "b");
  BOOST_CHECK_EXCEPTION(bad.raiseForStatus(), http::BadStatus, [](const http::BadStatus& e) {
    return e.status() == 404 && std::string(e.what()) == "GET http://a/: answered with 404 Not Found.";
  });
}

BOOST_AUTO_TEST_CASE(answers_may_come_later_and_in_pieces) {
  Server server;
  Deferred<Response> later;
  server.answer = [&](http::Request&) -> http::Answer { return std::move(later); };
  const Promise<Response> promise = later.promise();
  auto answer = whole(server.client.get("http://a/", {.timeout = 5s}));
  BOOST_TEST(now(answer) == "waits");
  promise.callback(Response::text("late"));
  server.agent->flush();
  BOOST_TEST(now(answer) == "200 late");
  Deferred<Response> never;
  server.answer = [&](http::Request&) -> http::Answer { return std::move(never); };
  bool gone = false;
  never = Deferred<Response>([&] { gone = true; });
  const Promise<Response> unfired = never.promise();
  auto given = whole(server.client.get("http://a/", {.timeout = 5s}));
  server.agent->advance(5s);
  BOOST_TEST(now(given).find("within 5 s") != std::string::npos);
  BOOST_TEST(gone);
  BOOST_TEST(server.agent->requests().at(0) == "GET http://a/");
}

BOOST_AUTO_TEST_SUITE_END()
