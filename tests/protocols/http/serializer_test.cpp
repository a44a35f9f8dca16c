#include <bight/http/serializer.hpp>

#include <stdexcept>
#include <string>

#include <boost/test/unit_test.hpp>

#include <bight/http/message.hpp>

namespace serializer_test {

using namespace bight::http;

BOOST_AUTO_TEST_SUITE(SerializerTest)

BOOST_AUTO_TEST_CASE(a_head_holds_what_is_asked_for_in_a_fixed_order) {
  std::string out = "before ";
  Headers headers{{"X-A", "1"}};
  appendResponseHead(out, {.status = 404,
                           .date = "now",
                           .contentType = "text/plain",
                           .headers = &headers,
                           .contentLength = 12,
                           .close = true});
  BOOST_TEST(out ==
             "before HTTP/1.1 404 Not Found\r\nDate: now\r\nContent-Type: text/plain\r\nContent-Length: "
             "12\r\nConnection: close\r\nX-A: 1\r\n\r\n");
  out.clear();
  appendResponseHead(out, {.chunked = true, .keepAlive = true});
  BOOST_TEST(out == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
  out.clear();
  appendResponseHead(out, {.status = 299, .contentLength = 18446744073709551615U});
  BOOST_TEST(out == "HTTP/1.1 299 \r\nContent-Length: 18446744073709551615\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(the_users_own_fields_win) {
  std::string out;
  Headers headers{{"date", "mine"}, {"content-type", "my/type"}, {"connection", "upgrade"}};
  appendResponseHead(
      out, {.date = "now", .contentType = "text/plain", .headers = &headers, .contentLength = {}, .close = true});
  BOOST_TEST(
      out ==
      "HTTP/1.1 200 OK\r\nConnection: close\r\ndate: mine\r\ncontent-type: my/type\r\nconnection: upgrade\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(how_a_message_ends_is_not_for_the_users_fields_to_say) {
  std::string out = "x";
  for (const char* name : {"Content-Length", "transfer-encoding"}) {
    Headers headers;
    headers.add(name, "1");
    BOOST_CHECK_THROW(appendResponseHead(out, {.headers = &headers, .contentLength = {}}), std::logic_error);
  }
  BOOST_CHECK_THROW(appendResponseHead(out, {.status = 99, .contentLength = {}}), std::logic_error);
  BOOST_CHECK_THROW(appendResponseHead(out, {.status = 600, .contentLength = {}}), std::logic_error);
  BOOST_TEST(out == "x");
}

BOOST_AUTO_TEST_CASE(chunks_have_their_size_in_hexadecimal_and_empty_ones_do_not_exist) {
  std::string out;
  appendChunk(out, "0123456789abcdef0");
  appendChunk(out, "");
  appendLastChunk(out);
  BOOST_TEST(out == "11\r\n0123456789abcdef0\r\n0\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(dates_are_written_as_http_writes_them) {
  BOOST_TEST(formatDate(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110, 5.6.7
  BOOST_TEST(formatDate(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  BOOST_TEST(formatDate(1709164799) == "Wed, 28 Feb 2024 23:59:59 GMT");
  BOOST_TEST(formatDate(1709164800) == "Thu, 29 Feb 2024 00:00:00 GMT");
}

BOOST_AUTO_TEST_CASE(a_request_is_completed_with_host_and_length) {
  std::string out;
  appendRequest(out, "GET", "/", {});
  BOOST_TEST(out == "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  out.clear();
  appendRequest(out, "POST", "/x", {{"host", "a"}}, "hello");
  BOOST_TEST(out == "POST /x HTTP/1.1\r\nContent-Length: 5\r\nhost: a\r\n\r\nhello");
  BOOST_CHECK_THROW(appendRequest(out, "G T", "/"), std::invalid_argument);
  BOOST_CHECK_THROW(appendRequest(out, "GET", "/a b"), std::invalid_argument);
  BOOST_CHECK_THROW(appendRequest(out, "GET", ""), std::invalid_argument);
  BOOST_CHECK_THROW(appendRequest(out, "GET", "/\r\nX: 1"), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(RequestTest)

BOOST_AUTO_TEST_CASE(a_request_for_a_test_is_what_a_server_would_have_read) {
  const auto request = Request::make("POST", "/put?room=a%20b&x=1&x=2",
                                     {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
                                     "user=Ann&text=Hi+there%21");
  BOOST_TEST(request->method() == "POST");
  BOOST_TEST(request->path() == "/put");
  BOOST_TEST(request->query() == "room=a%20b&x=1&x=2");
  BOOST_TEST(request->host() == "localhost");
  BOOST_TEST(request->header("content-length").value() == "25");
  BOOST_TEST(request->queryValue("room").value() == "a b");
  BOOST_TEST(!request->queryValue("y"));
  BOOST_TEST(request->queryForm().getAll("x").size() == 2);
  BOOST_TEST(request->form().get("text").value() == "Hi there!");
  BOOST_TEST(request->contentTypeIs("APPLICATION/X-WWW-FORM-URLENCODED"));
  BOOST_TEST(!request->contentTypeIs("application/json"));
  BOOST_TEST(request->clientAddress() == "");
  BOOST_TEST(request->pathBelow() == "put");
  BOOST_TEST(request->headers().size() == 3);
}

BOOST_AUTO_TEST_CASE(a_request_that_a_server_would_refuse_cannot_be_made) {
  BOOST_CHECK_THROW(Request::make("GET", "nowhere"), StatusError);
  BOOST_CHECK_THROW(Request::make("POST", "/", {{"Content-Length", "x"}}, "abc"), StatusError);
  BOOST_CHECK_THROW(Request::make("POST", "/", {{"Content-Length", "5"}}, "abc"), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(forms_that_are_none_are_refused_with_the_fitting_status) {
  const auto status = [](const auto& f) {
    try {
      f();
      return 0;
    } catch (const StatusError& error) {
      return error.status();
    }
  };
  BOOST_TEST(status([] { Request::make("POST", "/", {}, "a=1")->form(); }) == 415);
  BOOST_TEST(status([] {
               Request::make("POST", "/", {{"Content-Type", "application/x-www-form-urlencoded"}}, "a=%1")->form();
             }) == 400);
  BOOST_TEST(status([] { Request::make("GET", "/?a=%1")->queryForm(); }) == 400);
  BOOST_TEST(!Request::make("GET", "/?a=%1")->queryValue("a"));
}

BOOST_AUTO_TEST_CASE(an_absolute_target_without_a_path_is_the_root) {
  BOOST_TEST(Request::make("GET", "http://example.org?x=1")->path() == "/");
  BOOST_TEST(Request::make("GET", "http://example.org?x=1")->host() == "example.org");
  BOOST_TEST(Request::make("GET", "http://example.org?x=1")->queryValue("x").value() == "1");
}

BOOST_AUTO_TEST_CASE(a_status_error_is_an_error) {
  BOOST_CHECK_THROW(StatusError(200, "fine"), std::invalid_argument);
  BOOST_CHECK_THROW(StatusError(600, "what"), std::invalid_argument);
  BOOST_TEST(StatusError(404, "gone fishing").status() == 404);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace serializer_test
