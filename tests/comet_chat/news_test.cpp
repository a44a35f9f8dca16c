#include "news.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <bight/http/status.hpp>

BOOST_AUTO_TEST_SUITE(CursorSuite)

using chat::Cursor;

BOOST_AUTO_TEST_CASE(an_id_alone_is_a_cursor) {
  const Cursor cursor = Cursor::parse("12");
  BOOST_TEST(cursor.id == 12U);
  BOOST_TEST(cursor.room.empty());
}

BOOST_AUTO_TEST_CASE(a_cursor_may_name_its_room) {
  const Cursor cursor = Cursor::parse("5f3a9c01-12");
  BOOST_TEST(cursor.id == 12U);
  BOOST_TEST(cursor.room == "5f3a9c01");
}

BOOST_DATA_TEST_CASE(anything_else_is_refused,
                     boost::unit_test::data::make({"", "-", "-1", "a", "1a", " 1", "+1", "5f3a-",
                                                   "99999999999999999999"}),
                     text) {
  BOOST_CHECK_EXCEPTION(Cursor::parse(text), bight::http::StatusError,
                        [](const auto& error) { return error.status() == 400; });
}

BOOST_AUTO_TEST_SUITE_END()
