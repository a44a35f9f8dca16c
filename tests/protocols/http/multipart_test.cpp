#include <bight/http/multipart.hpp>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <bight/reactor.hpp>
#include <bight/testing/feeding.hpp>

#include "site_fixture.hpp"

#define LLVMFuzzerTestOneInput multipartFuzz
#include "../../fuzz/multipart_fuzz.cpp"

BOOST_AUTO_TEST_SUITE(MultipartTest)
#undef LLVMFuzzerTestOneInput

using namespace bight;
using namespace bight::http;
using namespace std::chrono_literals;

namespace {

const std::string form =
    "before\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--Cx two\r\n--B \t\r\n"
    "content-disposition: form-data; name=f; filename=\"x \\\"y%22.txt\"\r\nContent-Type: text/plain\r\nX-Other: "
    "z\r\n\r\n"
    "\r\n--\r\r\n--C\r\n--B\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--B--\r\nafter";

// What is told about the pieces.
std::string read(const std::vector<std::string_view>& pieces, MultipartLimits limits = {}) {
  MultipartParser parser("B", limits);
  std::string text;
  for (std::string_view input : pieces) {
    for (;;) {
      const MultipartParser::Event event = parser.next(input);
      if (event == MultipartParser::Event::needMore) break;
      if (event == MultipartParser::Event::part)
        text += "[" + parser.part().name + "|" + parser.part().fileName.value_or("") + "|" + parser.part().type + "]";
      if (event == MultipartParser::Event::data) text += parser.data();
      if (event == MultipartParser::Event::partEnd) text += ".";
      if (event == MultipartParser::Event::end) return text + "end";
      if (event == MultipartParser::Event::refused)
        return std::to_string(parser.refusal().status) + " " + parser.refusal().sentence;
    }
  }
  return text;
}

std::string partOf(const std::string& head, const std::string& content = "x") {
  return "--B\r\n" + head + "\r\n\r\n" + content + "\r\n--B--\r\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(parts_are_read_however_they_are_cut) {
  bight::testing::eachFeeding(form, [](const auto& pieces) {
    BOOST_TEST(read({pieces.begin(), pieces.end()}) ==
               "[a||]one\r\n--Cx two.[f|x \"y\".txt|text/plain]\r\n--\r\r\n--C.[empty||].end");
  });
}

BOOST_AUTO_TEST_CASE(what_is_malformed_or_too_large_is_refused) {
  const std::string named = "Content-Disposition: form-data; name=a";
  BOOST_TEST(read({partOf(named)}) == "[a||]x.end");
  BOOST_TEST(read({partOf("Content-Type: a/b")}).starts_with("400 "));
  BOOST_TEST(read({partOf("Content-Disposition: attachment; name=a")}).starts_with("400 "));
  BOOST_TEST(read({partOf("Content-Disposition: form-data; name=\"a")}).starts_with("400 "));
  BOOST_TEST(read({partOf("no field")}).starts_with("400 "));
  BOOST_TEST(read({partOf(named + "\r\nX: a\x01")}).starts_with("400 "));
  BOOST_TEST(read({"--B?\r\n"}).starts_with("400 "));
  BOOST_TEST(read({std::string(10'000, 'x')}).starts_with("400 "));
  BOOST_TEST(read({partOf(named, "12345")}, {.field = 4}).starts_with("413 "));
  BOOST_TEST(read({partOf(named + "; filename=b", "12345")}, {.field = 4, .file = 5}).ends_with("12345.end"));
  BOOST_TEST(read({partOf(named + "; filename=b", "12345")}, {.file = 4}).starts_with("413 "));
  BOOST_TEST(read({partOf(named + "\r\nX: " + std::string(200, 'x'))}, {.partHead = 100}).starts_with("431 "));
  BOOST_TEST(read({"--B\r\n" + named + "\r\n\r\nx\r\n" + partOf(named)}, {.parts = 1}).starts_with("413 "));
  BOOST_CHECK_THROW(MultipartParser(""), std::invalid_argument);
  BOOST_CHECK_THROW(MultipartParser(std::string(71, 'x')), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_boundary_is_in_the_content_type) {
  BOOST_TEST(multipartBoundary("multipart/form-data; boundary=----x").value() == "----x");
  BOOST_TEST(multipartBoundary("Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b\"").value() == "a b");
  for (const char* none : {"multipart/form-data", "multipart/mixed; boundary=x", "multipart/form-data; boundary=",
                           "multipart/form-data; boundary=\"a\\\"\"", "multipart/form-data; boundary=\"a "})
    BOOST_TEST(!multipartBoundary(none), none);
}

BOOST_AUTO_TEST_CASE(no_bytes_disturb_it) {
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = std::string(1, static_cast<char>(random())) + static_cast<char>(random()) + form;
    for (unsigned n = random() % 6; n-- > 0;) {
      const std::size_t at = 2 + random() % (bytes.size() - 2);
      if (random() % 2) {
        bytes[at] = "\r\n-B;\"=x"[random() % 8];
      } else {
        bytes.insert(at, bytes.substr(2 + random() % (bytes.size() - 2), random() % 9));
      }
    }
    multipartFuzz(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
}

namespace {

std::vector<std::string> filesIn(const std::string& place) {
  std::vector<std::string> names;
  DIR* directory = ::opendir(place.c_str());
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(directory);
  return names;
}

struct Client : Protocol {
  Client(std::string bytes, ReactorCore& core) : request(std::move(bytes)), reactor(core) {}
  void connectionMade() override { transport().write(request); }
  void dataReceived(std::string_view data) override { received += data; }
  void connectionLost(const Failure&) override { reactor.crash(); }
  std::string request, received;
  ReactorCore& reactor;
};

}  // namespace

BOOST_AUTO_TEST_CASE(files_go_to_the_disk_and_away_again) {
  char name[] = "/tmp/bight-upload-XXXXXX";
  const std::string place = ::mkdtemp(name);
  auto reactor = makeReactor();
  std::string kept;
  auto root = onStream("POST", 8 << 20, [&](Request& request) -> Deferred<Response> {
    UploadOptions options;
    options.directory = place;
    options.limits.file = 4 << 20;
    Upload upload = co_await receiveUpload(*reactor, request, std::move(options));
    std::string told = std::string(upload.fields.get("a").value_or("?")) + "," + std::to_string(upload.files.size());
    if (!upload.files.empty()) {
      struct stat status{};
      BOOST_TEST(::stat(upload.files[0].path().c_str(), &status) == 0);
      BOOST_TEST((status.st_mode & 0777) == 0600u);
      BOOST_TEST(static_cast<std::uint64_t>(status.st_size) == upload.files[0].size());
      told += "," + upload.files[0].fileName() + "," + std::to_string(upload.files[0].size());
      Deferred<void> moving = upload.files[0].moveTo(*reactor, place + "/kept");
      co_await std::move(moving);
    }
    co_return Response::text(told);
  });
  auto port = reactor->listenTCP(0, std::make_shared<Site>(*reactor, root), {.interface = "127.0.0.1"});
  const auto post = [&](const std::string& body, const std::string& type = "multipart/form-data; boundary=B",
                        std::size_t missing = 0) {
    auto client =
        std::make_shared<Client>("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: " + type +
                                     "\r\nContent-Length: " + std::to_string(body.size() + missing) + "\r\n\r\n" + body,
                                 *reactor);
    struct One : ClientFactory {
      std::shared_ptr<Protocol> buildProtocol(const Address&) override { return client; }
      std::shared_ptr<Protocol> client;
    };
    auto one = std::make_shared<One>();
    one->client = client;
    reactor->connectTCP("127.0.0.1", port->getHost().port(), one);
    auto patience = reactor->callLater(20s, [&] { reactor->crash(); });
    reactor->run({.installSignalHandlers = false});
    if (patience.active()) patience.cancel();
    return client->received.substr(0, 12) + "|" +
           client->received.substr(std::min(client->received.size(), client->received.find("\r\n\r\n") + 4));
  };
  const std::string head =
      "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--B\r\n"
      "Content-Disposition: form-data; name=\"f\"; filename=\"../../x\"\r\n\r\n";
  BOOST_TEST(post(head + std::string(3 << 20, 'x') + "\r\n--B--\r\n") == "HTTP/1.1 200|value,1,../../x,3145728");
  BOOST_TEST(filesIn(place) == std::vector<std::string>{"kept"}, boost::test_tools::per_element());
  BOOST_TEST(post(head + std::string(5 << 20, 'x') + "\r\n--B--\r\n").starts_with("HTTP/1.1 413|"));
  BOOST_TEST(post(head + "short").starts_with("HTTP/1.1 400|"));
  BOOST_TEST(post(head, "text/plain").starts_with("HTTP/1.1 415|"));
  BOOST_TEST(filesIn(place).size() == 1u);
  reactor.reset();
  ::unlink((place + "/kept").c_str());
  BOOST_TEST(::rmdir(place.c_str()) == 0);  // nothing else is left
}

BOOST_AUTO_TEST_SUITE_END()
