// Files, ranges and conditions.
#include <bight/http/static_files.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include <bight/http/compression.hpp>
#include <bight/http/conditional.hpp>
#include <bight/reactor.hpp>

#include "site_fixture.hpp"

BOOST_AUTO_TEST_SUITE(StaticFilesTest)

using namespace bight;
using namespace bight::http;
using namespace std::chrono_literals;

namespace {

// A directory with files, served over a real socket.
struct Files {
  explicit Files(StaticFileOptions options = {}, bool compress = false) {
    char name[] = "/tmp/bight-static-XXXXXX";
    place = ::mkdtemp(name);
    ::mkdir((place + "/www").c_str(), 0755);
    ::mkdir((place + "/www/sub").c_str(), 0755);
    ::mkdir((place + "/www/empty <dir>").c_str(), 0755);
    write("secret", "secret");
    write("www/index.html", "<p>index</p>");
    write("www/a.txt", "0123456789");
    write("www/.hidden", "hidden");
    write("www/sub/page.css", std::string(3000, 'c'));
    write("www/large.bin", large);
    ::symlink("../secret", (place + "/www/link").c_str());
    ::symlink("sub", (place + "/www/linked").c_str());
    ::mkfifo((place + "/www/pipe").c_str(), 0644);
    std::shared_ptr<Resource> files = std::make_shared<StaticFiles>(*reactor, place + "/www", std::move(options));
    if (compress) files = compressed(files, {.from = 100});
    root->putChild("s", files);
    port = reactor->listenTCP(0, std::make_shared<Site>(*reactor, root), {.interface = "127.0.0.1"});
  }
  ~Files() {
    reactor.reset();
    if (std::system(("rm -r " + place).c_str()) != 0) BOOST_ERROR("the directory of the test is still there");
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(place + "/" + name) << text; }

  struct Client : Protocol {
    explicit Client(std::string bytes) : request(std::move(bytes)) {}
    void connectionMade() override { transport().write(request); }
    void dataReceived(std::string_view data) override { received += data; }
    void connectionLost(const Failure&) override {
      ended = true;
      reactor->crash();  // which runs again for the next
    }
    ReactorCore* reactor = nullptr;
    std::string request;
    std::string received;
    bool ended = false;
  };
  // The answer, without its Date.
  std::string ask(const std::string& target, const std::string& fields = "", const std::string& method = "GET") {
    struct One : ClientFactory {
      std::shared_ptr<Protocol> buildProtocol(const Address&) override { return client; }
      std::shared_ptr<Client> client;
    };
    auto one = std::make_shared<One>();
    one->client = std::make_shared<Client>(method + " " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" +
                                           fields + "\r\n");
    reactor->connectTCP("127.0.0.1", port->getHost().port(), one);
    one->client->reactor = reactor.get();
    auto patience = reactor->callLater(20s, [this] { reactor->crash(); });
    reactor->run({.installSignalHandlers = false});
    if (patience.active()) patience.cancel();
    BOOST_TEST(one->client->ended);
    return bight::http::testcases::withoutDates(one->client->received);
  }
  static std::string line(const std::string& answer) { return answer.substr(9, answer.find('\r') - 9); }
  static std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
  static std::string field(const std::string& answer, const std::string& name) {
    const std::size_t at = answer.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + name.size() + 4;
    return answer.substr(begin, answer.find('\r', begin) - begin);
  }

  std::string place;
  std::string large = [] {
    std::string text;
    for (int i = 0; text.size() < (3 << 20); ++i) text += std::to_string(i) + ",";
    return text;
  }();
  std::unique_ptr<Reactor> reactor = makeReactor();
  std::shared_ptr<Directory> root = std::make_shared<Directory>();
  std::shared_ptr<Port> port;
};

}  // namespace

BOOST_AUTO_TEST_CASE(files_are_sent_with_what_tells_about_them) {
  Files files({.cacheControl = "max-age=60", .types = {{"bin", "application/x-own"}}});
  const std::string answer = files.ask("/s/a.txt");
  BOOST_TEST(Files::line(answer) == "200 OK");
  BOOST_TEST(Files::body(answer) == "0123456789");
  BOOST_TEST(Files::field(answer, "Content-Type") == "text/plain; charset=utf-8");
  BOOST_TEST(Files::field(answer, "Cache-Control") == "max-age=60");
  BOOST_TEST(Files::field(answer, "X-Content-Type-Options") == "nosniff");
  const std::string tag = Files::field(answer, "ETag"), date = Files::field(answer, "Last-Modified");
  BOOST_TEST(isEntityTag(tag));
  for (const std::string& held : {"If-None-Match: \"x\", W/" + tag + "\r\n", std::string("If-None-Match: *\r\n"),
                                  "If-Modified-Since: " + date + "\r\n"}) {
    const std::string same = files.ask("/s/a.txt", held);
    BOOST_TEST(Files::line(same) == "304 Not Modified");
    BOOST_TEST(Files::field(same, "ETag") == tag);
    BOOST_TEST(Files::body(same) == "");
  }
  BOOST_TEST(Files::line(files.ask("/s/a.txt", "If-None-Match: \"x\"\r\nIf-Modified-Since: " + date + "\r\n")) ==
             "200 OK");
  BOOST_TEST(Files::line(files.ask("/s/a.txt", "If-Match: \"x\"\r\n")) == "412 Precondition Failed");
  const std::string large = files.ask("/s/large.bin");
  BOOST_TEST((Files::body(large) == files.large));
  BOOST_TEST(Files::field(large, "Content-Type") == "application/x-own");
  const std::string head = files.ask("/s/large.bin", "", "HEAD");
  BOOST_TEST(Files::field(head, "Content-Length") == std::to_string(files.large.size()));
  BOOST_TEST(Files::body(head) == "");
  BOOST_TEST(Files::field(files.ask("/s/a.txt", "", "POST"), "Allow") == "GET, HEAD, OPTIONS");
}

BOOST_AUTO_TEST_CASE(ranges_are_answered_with_parts) {
  Files files;
  const auto range = [&](const std::string& wanted, const std::string& more = "") {
    return files.ask("/s/a.txt", "Range: " + wanted + "\r\n" + more);
  };
  const std::string one = range("bytes=2-4");
  BOOST_TEST(Files::line(one) == "206 Partial Content");
  BOOST_TEST(Files::field(one, "Content-Range") == "bytes 2-4/10");
  BOOST_TEST(Files::body(one) == "234");
  BOOST_TEST(Files::body(range("bytes=8-")) == "89");
  BOOST_TEST(Files::body(range("bytes=-3")) == "789");
  BOOST_TEST(Files::body(range("BYTES=5-500")) == "56789");
  const std::string several = range("bytes=0-1, 20-30, 9-9");
  const std::string type = Files::field(several, "Content-Type");
  BOOST_TEST(type.starts_with("multipart/byteranges; boundary="));
  const std::string mark = type.substr(31);
  const std::string part = "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes ";
  BOOST_TEST(Files::body(several) == "--" + mark + "\r\n" + part + "0-1/10\r\n\r\n01\r\n--" + mark + "\r\n" + part +
                                         "9-9/10\r\n\r\n9\r\n--" + mark + "--\r\n");
  BOOST_TEST(Files::field(several, "Content-Length") == std::to_string(Files::body(several).size()));
  const std::string none = range("bytes=10-");
  BOOST_TEST(Files::line(none) == "416 Range Not Satisfiable");
  BOOST_TEST(Files::field(none, "Content-Range") == "bytes */10");
  for (const char* ignored : {"bytes=", "bytes=4-2", "bytes=a-b", "lines=1-2", "bytes=0-9,0-9", "bytes=--1"})
    BOOST_TEST(Files::body(range(ignored)) == "0123456789", ignored);
  const std::string tag = Files::field(one, "ETag");
  BOOST_TEST(Files::body(range("bytes=2-4", "If-Range: " + tag + "\r\n")) == "234");
  BOOST_TEST(Files::body(range("bytes=2-4", "If-Range: \"x\"\r\n")) == "0123456789");
  BOOST_TEST(Files::body(range("bytes=2-4", "If-Range: W/" + tag + "\r\n")) == "0123456789");
  BOOST_TEST(Files::body(range("bytes=2-4", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n")) == "0123456789");
  BOOST_TEST((Files::body(files.ask("/s/large.bin", "Range: bytes=1000000-2999999\r\n")) ==
              files.large.substr(1000000, 2000000)));
}

BOOST_AUTO_TEST_CASE(nothing_leads_out_of_the_directory) {
  Files files;
  for (const char* path :
       {"/s/../secret", "/s/%2e%2e/secret", "/s/..%2fsecret", "/s/%2e%2e%2fsecret", "/s/sub/../../secret", "/s/link",
        "/s/linked/page.css", "/s/.hidden", "/s/%2ehidden", "/s//a.txt", "/s/./a.txt", "/s/a.txt/", "/s/a.txt%00",
        "/s/a.txt/x", "/s/pipe", "/s/nothing", "/s/%2fetc/passwd", "/s//etc/passwd"})
    BOOST_TEST(Files::line(files.ask(path)) == "404 Not Found", path);
  BOOST_TEST(Files::line(files.ask("/s/%zz")) == "400 Bad Request");
  BOOST_TEST(Files::line(files.ask("/s/" + std::string(3000, 'x'))) == "404 Not Found");
}

BOOST_AUTO_TEST_CASE(directories_have_an_index_or_a_listing_if_that_is_wanted) {
  Files files;
  BOOST_TEST(Files::body(files.ask("/s/")) == "<p>index</p>");
  BOOST_TEST(Files::field(files.ask("/s?x=y"), "Location") == "/s/?x=y");
  BOOST_TEST(Files::field(files.ask("/s/sub"), "Location") == "/s/sub/");
  BOOST_TEST(Files::line(files.ask("/s/sub/")) == "404 Not Found");
  Files open({.index = {}, .listing = true, .dotFiles = true, .followLinks = true});
  const std::string page = Files::body(open.ask("/s/"));
  BOOST_TEST(page.find("<a href=\"./empty%20%3Cdir%3E/\">empty &lt;dir&gt;/</a>") != std::string::npos, page);
  BOOST_TEST(page.find(".hidden") != std::string::npos);
  BOOST_TEST(page.find("../\">..") == std::string::npos);
  BOOST_TEST(Files::body(open.ask("/s/sub/")).find("<a href=\"../\">") != std::string::npos);
  BOOST_TEST(Files::body(open.ask("/s/.hidden")) == "hidden");
  BOOST_TEST(Files::body(open.ask("/s/link")) == "secret");
  BOOST_TEST(Files::body(open.ask("/s/linked/page.css")).size() == 3000u);
}

BOOST_AUTO_TEST_CASE(what_becomes_smaller_is_compressed) {
  Files files({}, true);
  const std::string accept = "Accept-Encoding: br, gzip;q=0.5\r\n";
  const std::string answer = files.ask("/s/sub/page.css", accept);
  BOOST_TEST(Files::field(answer, "Content-Encoding") == "gzip");
  BOOST_TEST(Files::field(answer, "Vary") == "Accept-Encoding");
  BOOST_TEST(Files::field(answer, "ETag").starts_with("W/"));
  BOOST_TEST(Files::body(answer).size() < 100u);
  BOOST_TEST(Files::field(answer, "Content-Length") == std::to_string(Files::body(answer).size()));
  BOOST_TEST(Files::field(files.ask("/s/sub/page.css", accept, "HEAD"), "Content-Length") ==
             Files::field(answer, "Content-Length"));
  BOOST_TEST(Files::line(files.ask("/s/sub/page.css", accept + "If-None-Match: " + Files::field(answer, "ETag") +
                                                          "\r\n")) == "304 Not Modified");
  BOOST_TEST(Files::field(files.ask("/s/sub/page.css"), "Content-Encoding") == "");
  BOOST_TEST(Files::field(files.ask("/s/large.bin", accept), "Content-Encoding") == "");
  BOOST_TEST(Files::body(files.ask("/s/sub/page.css", accept + "Range: bytes=0-2\r\n")) == "ccc");
}

BOOST_AUTO_TEST_CASE(dates_are_read_in_all_their_forms) {
  for (const char* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"})
    BOOST_TEST(parseDate(text).value_or(0) == 784111777, text);
  for (const char* text :
       {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT", "784111777", "Sun, -6 Nov 1994 08:49:37 GMT"})
    BOOST_TEST(!parseDate(text), text);
}

BOOST_AUTO_TEST_CASE(conditions_are_weighed_in_their_order) {
  const Validators now{"\"v2\"", 784111777};
  const auto of = [&](const char* method, const Headers& fields, bool exists = true) {
    return evaluate(*Request::make(method, "/", fields), now, exists);
  };
  BOOST_TEST((of("PUT", {{"If-Match", "\"v1\", \"v2\""}}) == Condition::holds));
  BOOST_TEST((of("PUT", {{"If-Match", "W/\"v2\""}}) == Condition::failed));
  BOOST_TEST((of("PUT", {{"If-Match", "*"}}, false) == Condition::failed));
  BOOST_TEST((of("PUT", {{"If-None-Match", "*"}}) == Condition::failed));
  BOOST_TEST((of("PUT", {{"If-None-Match", "*"}}, false) == Condition::holds));
  BOOST_TEST((of("PUT", {{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}) == Condition::failed));
  BOOST_TEST((of("PUT", {{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}) == Condition::holds));
  BOOST_TEST((of("GET", {{"If-Modified-Since", "rubbish"}}) == Condition::holds));
  // region: conditional
  const auto page = [](Request& request, int version) {
    return conditional(request, {.etag = "\"v" + std::to_string(version) + "\""}, Response::text("the page"));
  };
  // endregion: conditional
  auto request = Request::make("GET", "/", {{"If-None-Match", "\"v2\""}});
  BOOST_TEST(page(*request, 2).status == 304);
  BOOST_TEST(page(*request, 3).body == "the page");
  const Response same = conditional(*request, now, Response::text("new"));
  BOOST_TEST(same.status == 304);
  BOOST_TEST(same.body == "");
  BOOST_TEST(same.headers.get("ETag").value() == "\"v2\"");
  BOOST_CHECK_THROW(conditional(*request, {.etag = "v2"}, Response::text("")), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
