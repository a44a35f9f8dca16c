#include <bight/http/headers.hpp>

#include <stdexcept>
#include <string>

#include <boost/test/unit_test.hpp>

#include <bight/http/syntax.hpp>

BOOST_AUTO_TEST_SUITE(HeadersTest)

using namespace bight::http;

BOOST_AUTO_TEST_CASE(fields_keep_their_order_and_compare_without_case) {
  Headers headers{{"Content-Type", "text/plain"}, {"Set-Cookie", "a=1"}};
  headers.add("set-cookie", "  b=2\t").add("X-Empty", "");
  BOOST_TEST(headers.size() == 4);
  BOOST_TEST(headers.get("CONTENT-TYPE").value() == "text/plain");
  BOOST_TEST(headers.getAll("Set-Cookie").size() == 2);
  BOOST_TEST(headers.getAll("Set-Cookie")[1] == "b=2");
  BOOST_TEST(headers.get("x-empty").value() == "");
  BOOST_TEST(!headers.get("X"));
  BOOST_TEST(headers.wire() == "Content-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Empty: \r\n");
}

BOOST_AUTO_TEST_CASE(setting_replaces_all_of_that_name) {
  Headers headers{{"A", "1"}, {"B", "2"}, {"a", "3"}};
  headers.set("A", *headers.get("b"));
  BOOST_TEST(headers.wire() == "B: 2\r\nA: 2\r\n");
  BOOST_TEST(headers.remove("a") == 1U);
  BOOST_TEST(headers.remove("a") == 0U);
  headers.add("C", *headers.get("B"));
  BOOST_TEST(headers.wire() == "B: 2\r\nC: 2\r\n");
  headers.clear();
  BOOST_TEST(headers.empty());
  BOOST_TEST((headers.begin() == headers.end()));
}

// Response splitting: a value that came from outside must not write fields or a body of its own.
BOOST_AUTO_TEST_CASE(what_would_break_out_of_its_line_does_not_get_in) {
  Headers headers;
  for (const char* name : {"", "A B", "A:", "A\r\nB", "\xc3\xa4"})
    BOOST_CHECK_THROW(headers.add(name, "1"), std::invalid_argument);
  for (const std::string& value : {std::string("1\r\nB: 2"), std::string("1\n2"), std::string("1\r2"),
                                   std::string("1\0", 2), std::string("\x7f")}) {
    BOOST_CHECK_THROW(headers.add("A", value), std::invalid_argument);
    BOOST_CHECK_THROW(headers.set("A", value), std::invalid_argument);
  }
  BOOST_TEST(headers.empty());
  headers.add("A", "\xc3\xa4");  // bytes above 127 have no meaning of their own, and are let through
}

BOOST_AUTO_TEST_CASE(list_items_are_cut_at_commas_outside_of_quotes) {
  std::string_view list = " a ,, \"b,\\\"c\" ,d=\"x,y\" ,";
  BOOST_TEST(nextListItem(list) == "a");
  BOOST_TEST(nextListItem(list) == "\"b,\\\"c\"");
  BOOST_TEST(nextListItem(list) == "d=\"x,y\"");
  BOOST_TEST(nextListItem(list) == "");
  list = "\"unclosed, to the end\\";
  BOOST_TEST(nextListItem(list) == "\"unclosed, to the end\\");
  BOOST_TEST(nextListItem(list) == "");
}

BOOST_AUTO_TEST_CASE(tokens_and_values_are_told_from_others) {
  BOOST_TEST(isToken("GET"));
  BOOST_TEST(isToken("!#$%&'*+-.^_`|~09azAZ"));
  for (const char* bad : {"", " ", "a b", "a\"", "a(", "a,", "a/", "a:", "a=", "a@", "a[", "a{", "\x7f", "\x80"})
    BOOST_TEST(!isToken(bad), bad);
  BOOST_TEST(isFieldValue(""));
  BOOST_TEST(isFieldValue("a\tb \x80"));
  BOOST_TEST(!isFieldValue(" a"));
  BOOST_TEST(!isFieldValue("a\t"));
  BOOST_TEST(!isFieldValue(std::string_view("aaaaaaaaaaaa\0", 13)));
}

BOOST_AUTO_TEST_SUITE_END()
