// Fuzzing entry points for what a client reads: responses, URLs, cookies; the first byte says which. Whatever the bytes,
// every cut of a response is read alike; a URL that is read is read alike when it is written, and so is what resolves
// against it; a cookie goes back only to where it belongs and within its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include <bight/http/cookie_jar.hpp>
#include <bight/http/syntax.hpp>
#include <bight/url.hpp>

#include "../protocols/http/response_transcript.hpp"

using namespace bight;

namespace {

void demand(bool holds, const char* what, std::string_view bytes) {
  if (holds) return;
  std::cerr << what << "\nof\n" << bytes << std::endl;
  std::abort();
}

void responses(std::uint8_t choice, std::string_view bytes) {
  http::Limits limits = http::ResponseParser::defaultLimits();
  if (choice & 4) {
    limits.requestLine = 64;
    limits.fieldLine = 48;
    limits.head = 160;
    limits.fields = 4;
    limits.body = 40;
    limits.chunkExtensions = 16;
  }
  const auto request = static_cast<http::ResponseParser::Request>(choice % 3);
  const auto whole = http::testcases::readResponses(bytes, {}, request, limits);
  const std::size_t stride = 1 + choice % 61;
  std::vector<std::size_t> every, some;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    every.push_back(i);
    if (i % stride == 0) some.push_back(i);
  }
  demand(http::testcases::readResponses(bytes, some, request, limits) == whole, "two cuts are read differently", bytes);
  if (bytes.size() <= 2048)
    demand(http::testcases::readResponses(bytes, every, request, limits) == whole, "bytewise is read differently",
           bytes);
  for (const auto& message : whole.messages) {
    demand(message.body.size() <= limits.body && message.fields.size() <= limits.fields, "a limit is passed", bytes);
  }
}

void urls(std::string_view bytes) {
  const auto url = Url::parse(bytes.substr(0, bytes.find('\0')));
  if (!url) return;
  const auto again = Url::parse(url->str());
  demand(again && again->str() == url->str() && again->host() == url->host() && again->port() == url->port(),
         "what was written is read differently", bytes);
  demand(url->host().find_first_of("/?#@\\ ") == std::string_view::npos, "a host holds what it cannot", bytes);
  for (char c : url->str()) demand(c > ' ' && c < 0x7f, "a URL holds what it cannot", bytes);
  const std::size_t zero = bytes.find('\0');
  if (zero == std::string_view::npos) return;
  try {
    const Url resolved = url->resolve(bytes.substr(zero + 1));
    demand(Url::parse(resolved.str()).has_value(), "what was resolved cannot be read", bytes);
    demand(resolved.withoutUserinfo().userinfo().empty(), "a user is left", bytes);
  } catch (const UrlError&) {
  }
}

void cookies(std::string_view bytes) {
  http::CookieJar jar([]() -> std::int64_t { return 1000; });
  const Url url("https://www.site.example/a/b");
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    jar.set(url, bytes.substr(0, end));
    bytes.remove_prefix(end < bytes.size() ? end + 1 : end);
  }
  demand(http::isFieldValue(jar.header(url)), "a cookie breaks out of its field", bytes);
  demand(jar.header("https://other.example/a/b").empty(), "a cookie goes where it does not belong", bytes);
  for (const auto& cookie : jar.all()) {
    demand(std::string_view("www.site.example").ends_with(cookie.domain), "a cookie is of another domain", bytes);
    demand(cookie.name.size() + cookie.value.size() <= 4096, "a cookie is too large", bytes);
  }
}

}  // namespace

extern "C" int fuzzHttpClient(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 3) {
    case 0:
      responses(data[1], bytes);
      break;
    case 1:
      urls(bytes);
      break;
    default:
      cookies(bytes);
      break;
  }
  return 0;
}

#ifdef BIGHT_FUZZING
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzzHttpClient(data, size);
}
#endif
