#include "words.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <string>

#include <bight/http/status.hpp>

#include "page.hpp"

BOOST_AUTO_TEST_SUITE(WordsSuite)

using bight::http::StatusError;
using chat::checked;
using chat::checkedName;

namespace {

std::string repeated(const std::string& piece, std::size_t times) {
  std::string all;
  for (std::size_t n = 0; n < times; ++n) all += piece;
  return all;
}

std::string complaint(const chat::Words& words) {
  try {
    checked(words);
  } catch (const StatusError& error) {
    BOOST_TEST(error.status() == 400);
    return error.what();
  }
  return "none";
}

}  // namespace

BOOST_AUTO_TEST_CASE(white_space_around_is_taken_off) {
  const chat::Words words = checked({" Ada\n", "\n Hello  there \r\n", "k"});
  BOOST_TEST(words.user == "Ada");
  BOOST_TEST(words.text == "Hello  there");
  BOOST_TEST(words.key == "k");
}

BOOST_AUTO_TEST_CASE(every_language_may_be_spoken_and_lines_may_be_broken) {
  BOOST_TEST(checked({"Ωmega 𝔘", "日本語\nعربى\té 👩‍🚀", ""}).text ==
             "日本語\nعربى\té 👩‍🚀");
}

BOOST_AUTO_TEST_CASE(limits_count_characters_not_bytes) {
  BOOST_TEST(checked({"Ada", repeated("😀", chat::textLimit), ""}).text.size() == 4 * chat::textLimit);
  BOOST_TEST(complaint({"Ada", repeated("😀", chat::textLimit + 1), ""}) ==
             "The text has 2001 characters; at most 2000 are allowed.");
  BOOST_TEST(checkedName(repeated("é", chat::nameLimit)).size() == 2 * chat::nameLimit);
  BOOST_TEST(complaint({repeated("é", 41), "Hello", ""}) == "The name has 41 characters; at most 40 are allowed.");
  BOOST_TEST(complaint({"Ada", "Hello", repeated("k", 65)}) == "The key has 65 characters; at most 64 are allowed.");
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_named) {
  BOOST_TEST(complaint({"", "Hello", ""}) == "Who are you? The name (user) is missing or empty.");
  BOOST_TEST(complaint({"Ada", " \n", ""}) == "There is nothing to say: the text is missing or empty.");
}

BOOST_DATA_TEST_CASE(what_is_not_utf8_is_refused,
                     boost::unit_test::data::make({"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82",
                                                   "a\x80"}),
                     text) {
  BOOST_TEST(complaint({"Ada", text, ""}) == "The text is not valid UTF-8.");
}

BOOST_DATA_TEST_CASE(control_characters_are_refused,
                     boost::unit_test::data::make({"a\x1b[31mred", "a\x07", "a\x7f",
                                                   "a\xC2\x9B"
                                                   "31m"}),
                     text) {
  BOOST_TEST(complaint({"Ada", text, ""}) == "The text contains a control character.");
  BOOST_TEST(complaint({text, "Hello", ""}) == "The name contains a control character.");
}

BOOST_AUTO_TEST_CASE(a_name_is_one_line) {
  BOOST_TEST(complaint({"Ada\nGrace", "Hello", ""}) == "The name contains a control character.");
}

BOOST_AUTO_TEST_CASE(a_nul_is_a_control_character) {
  BOOST_TEST(complaint({"Ada", std::string("a\0b", 3), ""}) == "The text contains a control character.");
}

BOOST_AUTO_TEST_CASE(the_page_has_the_same_limits) {
  for (const chat::PageFile& file : chat::pageFiles()) {
    if (file.name != "index.html") continue;
    BOOST_TEST((file.content.find("data-limit=\"" + std::to_string(chat::textLimit) + "\"") != std::string_view::npos));
    BOOST_TEST((file.content.find("data-limit=\"" + std::to_string(chat::nameLimit) + "\"") != std::string_view::npos));
    return;
  }
  BOOST_ERROR("the page is not there");
}

BOOST_AUTO_TEST_SUITE_END()
