#include <bight/http/form.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(FormTest)

using namespace bight::http;
using namespace std::string_literals;

BOOST_AUTO_TEST_CASE(percent_decoding_takes_two_hexadecimal_digits_and_nothing_less) {
  BOOST_TEST(percentDecode("a%20b%2Fc%2f").value() == "a b/c/");
  BOOST_TEST(percentDecode("%00%fF").value() == "\0\xff"s);
  BOOST_TEST(percentDecode("a+b").value() == "a+b");
  BOOST_TEST(percentDecode("").value() == "");
  for (const char* bad : {"%", "%2", "a%", "%g0", "%0g", "%%20", "% 0"}) BOOST_TEST(!percentDecode(bad), bad);
}

BOOST_AUTO_TEST_CASE(percent_encoding_leaves_only_unreserved_characters) {
  BOOST_TEST(percentEncode("aZ09-._~") == "aZ09-._~");
  BOOST_TEST(percentEncode("a b/\xc3\xa4%\n") == "a%20b%2F%C3%A4%25%0A");
}

BOOST_AUTO_TEST_CASE(every_byte_survives_encoding_and_decoding) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  BOOST_TEST(percentDecode(percentEncode(all)).value() == all);
  Form form{{all, all}, {"", "x"}};
  const auto back = Form::parse(form.encode());
  BOOST_REQUIRE(back);
  BOOST_REQUIRE(back->size() == 2);
  BOOST_TEST(back->get(all).value() == all);
  BOOST_TEST(back->get("").value() == "x");
}

BOOST_AUTO_TEST_CASE(a_form_keeps_order_and_repetition) {
  const auto form = Form::parse("a=1&b=x+y%21&a=2&&flag&c==&=v");
  BOOST_REQUIRE(form);
  BOOST_TEST(form->size() == 6);
  BOOST_TEST(form->get("a").value() == "1");
  BOOST_TEST(form->getAll("a").size() == 2);
  BOOST_TEST(form->getAll("a")[1] == "2");
  BOOST_TEST(form->get("b").value() == "x y!");
  BOOST_TEST(form->get("flag").value() == "");
  BOOST_TEST(form->get("c").value() == "=");
  BOOST_TEST(form->get("").value() == "v");
  BOOST_TEST(!form->contains("A"));
}

BOOST_AUTO_TEST_CASE(a_malformed_or_endless_form_is_refused) {
  BOOST_TEST(!Form::parse("a=%"));
  BOOST_TEST(!Form::parse("%zz=1"));
  BOOST_TEST(!Form::parse("a&b&c", 2));
  BOOST_TEST(Form::parse("a&b&c", 3).has_value());
  BOOST_TEST(Form::parse("").has_value());
}

BOOST_AUTO_TEST_CASE(utf8_is_recognised_without_overlong_forms_surrogates_and_what_lies_beyond) {
  for (const char* good :
       {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xee\x80\x80"}) {
    BOOST_TEST(isUtf8(good), good);
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe2\x82", "\xed\xa0\x80",
                          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xe2\x28\xa1"}) {
    BOOST_TEST(!isUtf8(bad), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()
