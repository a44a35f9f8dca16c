#include "json.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <string>

#include <bight/http/status.hpp>

BOOST_AUTO_TEST_SUITE(JsonSuite)

using namespace std::chrono_literals;

namespace {

chat::Message message(std::string text, std::string key = {}) {
  return {7, "Ada", std::move(text), std::move(key), std::chrono::system_clock::time_point(1'763'630'100'250ms)};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_tells_its_time_in_utc_with_milliseconds) {
  BOOST_TEST(chat::toJson(message("Hello")) ==
             R"({"id":7,"text":"Hello","time":"2025-11-20T09:15:00.250Z","user":"Ada"})");
}

BOOST_AUTO_TEST_CASE(a_key_is_told_if_there_is_one) {
  BOOST_TEST(chat::toJson(message("Hello", "k1")).find(R"("key":"k1")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(whatever_is_in_a_text_stays_in_its_string) {
  BOOST_TEST(chat::toJson(message("\"}\n\\")).find(R"("text":"\"}\n\\")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(news_are_told_with_all_that_the_next_cursor_needs) {
  const chat::News news{.messages = {std::make_shared<const chat::Message>(message("Hello"))},
                        .last = 7,
                        .missed = true,
                        .room = "5f3a9c01",
                        .people = std::make_shared<const chat::People>(chat::People{3, 2, {"Ada", "Grace"}})};
  BOOST_TEST(chat::toJson(news) ==
             R"({"last":7,"messages":[{"id":7,"text":"Hello","time":"2025-11-20T09:15:00.250Z","user":"Ada"}],)"
             R"("missed":true,"room":"5f3a9c01","who":{"count":2,"names":["Ada","Grace"],"version":3}})");
}

BOOST_AUTO_TEST_CASE(words_are_read) {
  const chat::Words words = chat::wordsFromJson(R"({"user":"Ada","text":"H\u00e9llo","key":"k","more":[1]})");
  BOOST_TEST(words.user == "Ada");
  BOOST_TEST(words.text == "Héllo");
  BOOST_TEST(words.key == "k");
  BOOST_TEST(chat::wordsFromJson("{}").user.empty());
}

BOOST_DATA_TEST_CASE(what_is_no_object_of_strings_is_refused_with_a_sentence,
                     boost::unit_test::data::make({"", "[]", "{", "\"Ada\"", R"({"user":1})", R"({"text":["a"]})",
                                                   "{\"user\":\"\xFF\"}", R"({"text":"\ud800"})"}),
                     text) {
  BOOST_CHECK_EXCEPTION(chat::wordsFromJson(text), bight::http::StatusError, [](const auto& error) {
    return error.status() == 400 && std::string(error.what()).size() > 20;
  });
}

BOOST_AUTO_TEST_CASE(deep_nesting_does_not_overflow_the_stack) {
  BOOST_CHECK_THROW(chat::wordsFromJson(std::string(1000000, '[')), bight::http::StatusError);
}

BOOST_AUTO_TEST_SUITE_END()
