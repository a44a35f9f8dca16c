#include <bight/http/cookie_jar.hpp>

#include <string>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(CookieJarTest)

using bight::http::Cookie;
using bight::http::CookieJar;
using bight::http::parseCookieDate;

namespace {

std::int64_t moment = 0;
std::int64_t theMoment() {
  return moment;
}

}  // namespace

BOOST_AUTO_TEST_CASE(cookies_go_back_to_where_they_belong) {
  moment = 1000;
  CookieJar jar(theMoment);
  BOOST_TEST(jar.set("http://www.a.example/dir/page", "host=1"));
  BOOST_TEST(jar.header("http://www.a.example/dir/other") == "host=1");
  BOOST_TEST(jar.header("http://www.a.example/dir") == "host=1");
  BOOST_TEST(jar.header("http://www.a.example/directory").empty());
  BOOST_TEST(jar.header("http://sub.www.a.example/dir/").empty());
  BOOST_TEST(jar.set("http://www.a.example/", "root=2; path=/"));
  BOOST_TEST(jar.header("http://www.a.example/dir/x") == "host=1; root=2");  // the longer path first
  BOOST_TEST(jar.set("http://www.a.example/", "root=3; Path=/; unknown; =; Max-Age=x"));
  BOOST_TEST(jar.header("http://www.a.example/") == "root=3");
  BOOST_TEST(jar.set("http://www.a.example/", "root=; path=/; max-age=0"));
  BOOST_TEST(jar.header("http://www.a.example/").empty());
  BOOST_TEST(!jar.set("http://a.example/", "x=1; domain=b.example"));
  BOOST_TEST(!jar.set("http://a.example/", "x=1; domain=sub.a.example"));
  BOOST_TEST(!jar.set("http://127.0.0.1/", "x=1; domain=0.0.1"));
  BOOST_TEST(!jar.set("http://a.example/", "nonsense"));
  BOOST_TEST(!jar.set("http://a.example/", "=x"));
  BOOST_TEST(!jar.set("http://a.example/", "a=b\rc"));
  BOOST_TEST(!jar.set("http://a.example/", "a=" + std::string(5000, 'x')));
  // Without the list of public suffixes nothing is shared.
  if (jar.set("http://www.site.co.uk/", "shared=1; domain=.site.co.uk; path=/"))
    BOOST_TEST(jar.header("http://other.site.co.uk/") == "shared=1");
  BOOST_TEST(!jar.set("http://www.site.co.uk/", "evil=1; domain=co.uk"));
  BOOST_TEST(!jar.set("http://a.github.io/", "evil=1; domain=github.io"));
}

BOOST_AUTO_TEST_CASE(they_expire_and_secure_ones_stay_secure) {
  moment = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
  CookieJar jar(theMoment);
  jar.set("http://a.example/", "age=1; max-age=10; expires=Thu, 01 Jan 1970 00:00:00 GMT");
  jar.set("http://a.example/", "date=1; expires=Sun, 06-Nov-94 08:50:00 GMT");
  jar.set("http://a.example/", "session=1");
  BOOST_TEST(jar.header("http://a.example/") == "age=1; date=1; session=1");
  moment += 10;
  BOOST_TEST(jar.header("http://a.example/") == "date=1; session=1");
  moment += 60;
  BOOST_TEST(jar.header("http://a.example/") == "session=1");
  BOOST_TEST(jar.all().size() == 1u);

  BOOST_TEST(!jar.set("http://a.example/", "s=1; secure"));
  BOOST_TEST(jar.set("https://a.example/", "s=1; Secure; HttpOnly"));
  BOOST_TEST(!jar.set("http://a.example/", "s=evil"));
  BOOST_TEST(jar.header("http://a.example/") == "session=1");
  BOOST_TEST(jar.header("https://a.example/") == "session=1; s=1");
  BOOST_TEST(!jar.set("http://a.example/", "__Secure-x=1"));
  BOOST_TEST(!jar.set("https://a.example/d/", "__Host-x=1; secure"));
  BOOST_TEST(jar.set("https://a.example/d/", "__Host-x=1; secure; path=/"));
  jar.clear();
  BOOST_TEST(jar.header("https://a.example/").empty());
}

BOOST_AUTO_TEST_CASE(there_is_room_for_so_many_and_the_ones_longest_unused_go) {
  moment = 1000;
  CookieJar jar(theMoment);
  for (int i = 0; i < 180; ++i)
    jar.set("http://a.example/", "c" + std::to_string(i) + "=x; path=/" + std::to_string(i));
  BOOST_TEST(jar.header("http://a.example/0") == "c0=x");
  jar.set("http://a.example/", "more=x; path=/more");
  BOOST_TEST(jar.all().size() == 180u);
  BOOST_TEST(jar.header("http://a.example/0") == "c0=x");
  BOOST_TEST(jar.header("http://a.example/1").empty());
  BOOST_TEST(jar.header("http://a.example/more") == "more=x");
  for (int i = 0; i < 3100; ++i) jar.set("http://h" + std::to_string(i) + ".example/", "x=y");
  BOOST_TEST(jar.all().size() == 3000u);
  jar.put({.name = "own", .value = "v", .domain = "B.example"});
  BOOST_TEST(jar.header("http://b.example/") == "own=v");
  BOOST_CHECK_THROW(jar.put({.name = "a;b", .value = "v", .domain = "b.example"}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(dates_are_read_as_rfc_6265_has_them) {
  BOOST_TEST(parseCookieDate("Sun, 06 Nov 1994 08:49:37 GMT").value() == 784111777);
  BOOST_TEST(parseCookieDate("Sunday, 06-Nov-94 08:49:37 GMT").value() == 784111777);
  BOOST_TEST(parseCookieDate("Sun Nov  6 08:49:37 1994").value() == 784111777);
  BOOST_TEST(parseCookieDate("6 NOVEMBER 1994 8:49:37").value() == 784111777);
  for (const char* bad : {"", "Sun", "06 Nov 1994", "32 Nov 1994 00:00:00", "31 Feb 1994 00:00:00",
                          "06 Nov 1600 00:00:00", "06 Nov 1994 24:00:00", "06 Nov 1994 00:60:00"}) {
    BOOST_TEST(!parseCookieDate(bad), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()
