#include <bight/url.hpp>

#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(UrlTest)

using bight::Url;
using bight::UrlError;

namespace {

std::string why(std::string_view text) {
  try {
    return "read as " + Url(text).str();
  } catch (const UrlError& error) {
    const std::string said = error.what();
    return said.substr(said.find("used: ") + 6);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(parts_are_found_and_written_in_one_form) {
  const Url url("HTTPS://us%65r:p%40ss@Example.ORG:8443/a/b?c=d&e#f");
  BOOST_TEST(url.scheme() == "https");
  BOOST_TEST(url.user() == "user");
  BOOST_TEST(url.password() == "p@ss");
  BOOST_TEST(url.host() == "example.org");
  BOOST_TEST(url.port() == 8443);
  BOOST_TEST(url.authority() == "example.org:8443");
  BOOST_TEST(url.origin() == "https://example.org:8443");
  BOOST_TEST(url.path() == "/a/b");
  BOOST_TEST(url.query().value() == "c=d&e");
  BOOST_TEST(url.fragment().value() == "f");
  BOOST_TEST(url.target() == "/a/b?c=d&e");
  BOOST_TEST(url.secure());
  BOOST_TEST(url.withoutUserinfo().str() == "https://example.org:8443/a/b?c=d&e#f");
  BOOST_TEST(url.withQuery("x=1").target() == "/a/b?c=d&e&x=1");

  const Url bare("http://a");
  BOOST_TEST(bare.str() == "http://a/");
  BOOST_TEST(!bare.query());
  BOOST_TEST(!bare.fragment());
  BOOST_TEST(bare.withQuery("x=1").str() == "http://a/?x=1");
  BOOST_TEST(Url("http://a:80?q").str() == "http://a/?q");
  BOOST_TEST(Url("http://a:/").str() == "http://a/");
  BOOST_TEST(Url("https://a:80/").port() == 80);
  BOOST_TEST(Url("wss://a/chat").port() == 443);
  BOOST_TEST(Url("ws://a:80/chat").authority() == "a");
  BOOST_TEST(Url("http://a/?").query().value().empty());
  const Url six("http://[2001:DB8::1]:81/");
  BOOST_TEST(six.host() == "2001:db8::1");
  BOOST_TEST(six.authority() == "[2001:db8::1]:81");
  BOOST_TEST(six.hostIsBracketed());
}

// Copies share their text, and so does what a copy was moved from: it is never empty.
BOOST_AUTO_TEST_CASE(copies_share_and_nothing_is_moved_away) {
  Url first("http://a.example/some/longer/path?q#f");
  const Url copy = first;
  BOOST_TEST(&copy.str() == &first.str());
  const Url moved = std::move(first);
  BOOST_TEST(first.str() == moved.str());  // NOLINT(bugprone-use-after-move): that is the point
  BOOST_TEST((copy == Url("http://a.example/some/longer/path?q#f")));
  first = "http://b.example/";
  BOOST_TEST(copy.host() == "a.example");
}

BOOST_AUTO_TEST_CASE(what_is_not_ascii_is_mapped_the_host_by_idna) {
  BOOST_TEST(Url("http://München.example/ä?ö#ü").str() == "http://xn--mnchen-3ya.example/%C3%A4?%C3%B6#%C3%BC");
  BOOST_TEST(Url("http://straße.example/").host() == "xn--strae-oqa.example");  // non-transitional: not "strasse"
  BOOST_TEST(Url("http://m%C3%BCnchen.example/").host() == "xn--mnchen-3ya.example");
  BOOST_TEST(Url("http://EX%41mple.org/").host() == "example.org");
  BOOST_TEST(why("http://\xff.example/") == "it is not UTF-8.");
  // U+2100 is "a/c" after compatibility mapping: a host that would end early.
  BOOST_TEST(why("http://evil.c\xE2\x84\x80.example/").starts_with("there is a character in the host"));
  BOOST_TEST(why("http://a%2Fb/").starts_with("there is a character in the host"));
  BOOST_TEST(why("http://a%00b/").starts_with("there is a character in the host"));
  BOOST_TEST(why("http://good.example%00.\xC3\xBC.example/") == "there is a NUL in the host.");
}

BOOST_AUTO_TEST_CASE(what_two_programs_might_read_differently_is_refused) {
  BOOST_TEST(why("http://a@b@c/") == "there are two '@' before the path.");
  BOOST_TEST(why("http://a\\@b/") == "'\\' cannot be in a URL; percent-encode it.");
  BOOST_TEST(why("http://a/b c") == "there is a space in it; percent-encode it as %20.");
  BOOST_TEST(why("http://a/\r\nX: y") == "there is a control character in it.");
  BOOST_TEST(why(std::string_view("http://a\0b/", 11)).starts_with("there is a character in the host"));
  BOOST_TEST(why("http://a:b/") == "the port is not a number from 0 to 65535.");
  BOOST_TEST(why("http://a:65536/") == "the port is not a number from 0 to 65535.");
  BOOST_TEST(why("http://a:1:2/") == "the port is not a number from 0 to 65535.");
  BOOST_TEST(why("http://a:-1/") == "the port is not a number from 0 to 65535.");
  BOOST_TEST(why("http:///path") == "there is no host.");
  BOOST_TEST(why("http://:80/") == "there is no host.");
  BOOST_TEST(why("//a/b") == "there is no scheme, such as \"http:\", before it.");
  BOOST_TEST(why("a.example") == "there is no scheme, such as \"http:\", before it.");
  BOOST_TEST(why("mailto:a@b") == "there is no \"//\" and host behind the scheme.");
  BOOST_TEST(why("1http://a/").find("cannot stand where it does") != std::string::npos);
  BOOST_TEST(why("http://[::1/").find("it does") != std::string::npos);
  BOOST_TEST(why("http://[::1]x/").find("it does") != std::string::npos);
  BOOST_TEST(why("http://[::g]/").find("it does") != std::string::npos);
  BOOST_TEST(why("http://a/%zz").find("it does") != std::string::npos);
  BOOST_TEST(why("http://a/[").find("it does") != std::string::npos);
  BOOST_TEST(why("http://a/#b#c").find("it does") != std::string::npos);
  BOOST_TEST(why("http://" + std::string(70000, 'a')) == "it is longer than 64 KiB.");
  BOOST_TEST(!Url::parse("nonsense"));
  BOOST_TEST(Url::parse("http://a/").has_value());
  BOOST_CHECK_EXCEPTION(Url("x y"), UrlError, [](const UrlError& error) {
    return std::string(error.what()).starts_with("\"x y\" is not a URL that can be used: ");
  });
}

BOOST_AUTO_TEST_CASE(references_are_resolved_as_rfc_3986_section_5_4_has_them) {
  const Url base("http://a/b/c/d;p?q");
  const std::pair<const char*, const char*> table[] = {
      {"http://g", "http://g/"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"g;x", "http://a/b/c/g;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
      {"//h/../x", "http://h/x"},
  };
  for (const auto& [reference, expected] : table) {
    BOOST_TEST_CONTEXT(reference) BOOST_TEST(base.resolve(reference).str() == expected);
  }
  BOOST_TEST(Url("http://u:p@a:81/x#f").resolve("y").str() == "http://u:p@a:81/y");
  BOOST_TEST(base.resolve("über").str() == "http://a/b/c/%C3%BCber");
  BOOST_CHECK_THROW(base.resolve("mailto:a@b"), UrlError);
  BOOST_CHECK_THROW(base.resolve("http:g"), UrlError);  // strict: it is no relative reference
  BOOST_CHECK_THROW(base.resolve("a b"), UrlError);
  BOOST_CHECK_THROW(base.resolve(":80"), UrlError);
}

BOOST_AUTO_TEST_SUITE_END()
