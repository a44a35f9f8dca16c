// Fuzzing entry points for the pieces of HTTP: responses, chunked contents, cookies, encoded contents, URLs. Each is a program of its own
// (`ninja -C build tests/fuzz/chunked_fuzz`, with BIGHT_FUZZ naming the function); the tests replay all of them by `fuzzHttpPieces`.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <bight/http/client_errors.hpp>
#include <bight/http/cookie.hpp>
#include <bight/http/cookie_jar.hpp>
#include <bight/http/decoding.hpp>
#include <bight/http/syntax.hpp>
#include <bight/url.hpp>

#include "../../protocols/src/http/gzip_encoder.hpp"
#include "../protocols/http/response_transcript.hpp"
#include "../protocols/http/transcript.hpp"

using namespace bight;

namespace {

void demand(bool holds, const char* what, std::string_view bytes) {
  if (holds) return;
  std::cerr << what << "\nof\n" << bytes << std::endl;
  std::abort();
}

// Every byte apart, and every so many bytes.
struct Cuts {
  std::vector<std::size_t> every, some;

  Cuts(std::size_t size, std::size_t stride) {
    for (std::size_t i = 1; i < size; ++i) {
      if (size <= 2048) every.push_back(i);
      if (i % stride == 0) some.push_back(i);
    }
  }
};

http::Limits tight(http::Limits limits) {
  limits.requestLine = 64;
  limits.fieldLine = 48;
  limits.head = 160;
  limits.fields = 4;
  limits.body = 40;
  limits.chunkExtensions = 16;
  return limits;
}

// Every cut of a response is read alike, and within its limits.
[[maybe_unused]] void responses(std::uint8_t choice, std::string_view bytes) {
  http::Limits limits = http::ResponseParser::defaultLimits();
  if (choice & 4) limits = tight(limits);
  const auto request = static_cast<http::ResponseParser::Request>(choice % 3);
  const auto whole = http::testcases::readResponses(bytes, {}, request, limits);
  const Cuts cuts(bytes.size(), 1 + choice % 61);
  demand(http::testcases::readResponses(bytes, cuts.some, request, limits) == whole, "two cuts are read differently",
         bytes);
  if (!cuts.every.empty())
    demand(http::testcases::readResponses(bytes, cuts.every, request, limits) == whole, "bytewise is read differently",
           bytes);
  for (const auto& message : whole.messages) {
    demand(message.body.size() <= limits.body && message.fields.size() <= limits.fields, "a limit is passed", bytes);
  }
}

// RFC 9112, 7.1, written down once more, as slowly as it likes: the chunks until the last one.
struct Chunks {
  enum class End { more, wrong, last } end = End::more;
  std::string body;

  Chunks(std::string_view in, const http::Limits& limits) { read(in, limits); }

 private:
  void read(std::string_view in, const http::Limits& limits) {
    std::size_t extensions = 0;
    const auto skip = [&in](std::string_view set) {
      const std::size_t n = std::min(in.find_first_not_of(set), in.size());
      const std::string_view skipped = in.substr(0, n);
      in.remove_prefix(n);
      return skipped.size();
    };
    const auto wrong = [this] { end = End::wrong; };
    const std::string_view token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (;;) {
      std::uint64_t size = 0;
      const std::string_view digits = in;
      const std::size_t count = skip("0123456789abcdefABCDEF");
      if (count > 16) return wrong();
      if (in.empty()) return;
      if (count == 0) return wrong();
      for (char c : digits.substr(0, count))
        size = size * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
      const std::size_t before = in.size();
      for (;;) {
        // BWS ";" BWS name [ BWS "=" BWS value ]
        const std::size_t blanks = skip(" \t");
        if (in.empty()) return tooLong(extensions, before, limits);
        if (in.front() != ';') {
          if (blanks != 0) return wrong();
          break;
        }
        in.remove_prefix(1);
        skip(" \t");
        if (in.empty()) return tooLong(extensions, before, limits);
        if (skip(token) == 0) return wrong();
        const std::string_view behindName = in;
        skip(" \t");
        if (in.empty()) return tooLong(extensions, before, limits);
        if (in.front() != '=') {
          in = behindName;
          continue;
        }
        in.remove_prefix(1);
        skip(" \t");
        if (in.empty()) return tooLong(extensions, before, limits);
        if (in.front() != '"') {
          if (skip(token) == 0) return wrong();
          continue;
        }
        in.remove_prefix(1);
        for (bool open = true; open;) {
          if (in.empty()) return tooLong(extensions, before, limits);
          const char c = in.front();
          in.remove_prefix(1);
          if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return wrong();
          open = c != '"';
          if (c != '\\') continue;
          if (in.empty()) return tooLong(extensions, before, limits);
          const auto escaped = static_cast<unsigned char>(in.front());
          if ((escaped < 0x20 && escaped != '\t') || escaped == 0x7f) return wrong();
          in.remove_prefix(1);
        }
      }
      if (in.front() != '\r') return wrong();
      // What is measured reaches from the ';' (or the white space before it) to the CR; without extensions, nothing.
      if (before != in.size()) extensions += before - in.size();
      if (extensions > limits.chunkExtensions) return wrong();
      in.remove_prefix(1);
      if (in.empty()) return;
      if (in.front() != '\n') return wrong();
      in.remove_prefix(1);
      if (size == 0) {
        end = End::last;
        return;
      }
      if (size > limits.body - announced) return wrong();
      announced += size;
      body += in.substr(0, size);
      if (in.size() < size) return;
      in.remove_prefix(size);
      if (in.empty()) return;
      if (in.front() != '\r') return wrong();
      in.remove_prefix(1);
      if (in.empty()) return;
      if (in.front() != '\n') return wrong();
      in.remove_prefix(1);
    }
  }

  void tooLong(std::size_t extensions, std::size_t size, const http::Limits& limits) {
    if (extensions + size - 1 > limits.chunkExtensions) end = End::wrong;
  }

  std::uint64_t announced = 0;
};

// A chunked content is read as the RFC says it, by both parsers, in every cut.
[[maybe_unused]] void chunked(std::uint8_t choice, std::string_view bytes) {
  http::RequestParser::Options options;
  if (choice & 1) options.limits.body = 40;
  if (choice & 2) options.limits.chunkExtensions = 16;
  const Chunks expected(bytes, options.limits);
  const std::string request =
      std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").append(bytes);
  const std::string response = std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").append(bytes);
  const auto compare = [&](std::size_t messages, const auto& first, bool refused) {
    demand(messages > 0, "the head is not read", bytes);
    demand(first.body == expected.body, "the content is another", bytes);
    if (expected.end == Chunks::End::wrong)
      demand(refused && !first.complete && messages == 1, "what is wrong is taken", bytes);
    if (expected.end == Chunks::End::more)
      demand(!refused && !first.complete && messages == 1, "what is right is refused, or ends too early", bytes);
  };
  const auto read = http::testcases::read(request, {}, options);
  compare(read.messages.size(), read.messages.front(), read.status != 0);
  const auto got = http::testcases::readResponses(response, {}, http::ResponseParser::Request::other, options.limits);
  compare(got.messages.size(), got.messages.front(), got.refused);
  const Cuts cuts(request.size(), 1 + choice % 61);
  demand(http::testcases::read(request, cuts.some, options) == read, "two cuts are read differently", bytes);
  if (!cuts.every.empty())
    demand(http::testcases::read(request, cuts.every, options) == read, "bytewise is read differently", bytes);
}

// A URL that is read is read alike when it is written, and so is what resolves against it.
[[maybe_unused]] void urls(std::uint8_t, std::string_view bytes) {
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

// A cookie goes back only to where it belongs and within its bounds; what our server sets, our client sends back, and
// our server reads.
[[maybe_unused]] void cookies(std::uint8_t choice, std::string_view bytes) {
  const Url url("https://www.site.example/a/b");
  http::CookieJar jar([]() -> std::int64_t { return 1000; });
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    jar.set(url, rest.substr(0, end));
    rest.remove_prefix(end < rest.size() ? end + 1 : end);
  }
  demand(http::isFieldValue(jar.header(url)), "a cookie breaks out of its field", bytes);
  demand(jar.header("https://other.example/a/b").empty(), "a cookie goes where it does not belong", bytes);
  for (const auto& cookie : jar.all()) {
    demand(std::string_view("www.site.example").ends_with(cookie.domain), "a cookie is of another domain", bytes);
    demand(cookie.name.size() + cookie.value.size() <= 4096, "a cookie is too large", bytes);
  }
  for (const auto& [name, value] : http::parseCookies(bytes)) {
    demand(!name.empty() && name.find(';') == name.npos && value.find(';') == value.npos, "a pair holds two", bytes);
    demand(name.data() >= bytes.data() && value.data() + value.size() <= bytes.data() + bytes.size(),
           "a pair lies outside", bytes);
  }
  // name NUL value NUL path NUL domain
  std::vector<std::string> parts(1);
  for (char c : bytes) {
    if (c == '\0') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  parts.resize(4);
  http::SetCookie cookie{.name = parts[0], .value = parts[1], .path = parts[2], .domain = parts[3]};
  cookie.secure = (choice & 1) != 0;
  cookie.httpOnly = (choice & 2) != 0;
  if (choice & 4) cookie.sameSite = http::SameSite::none;
  if (choice & 8) cookie.maxAge = std::chrono::seconds(static_cast<int>(choice) - 100);
  std::string text;
  try {
    text = cookie.text();
  } catch (const std::invalid_argument&) {
    return;
  }
  demand(http::isFieldValue(text), "a Set-Cookie breaks out of its field", bytes);
  http::CookieJar second([]() -> std::int64_t { return 1000; });
  if (!second.set(url, text) || second.all().empty()) return;
  const http::Cookie kept = second.all().front();
  demand(kept.name == cookie.name && kept.value == cookie.value && kept.secure == cookie.secure &&
             kept.httpOnly == cookie.httpOnly,
         "a cookie is kept as another", text);
  const std::string back = second.header("https://www.site.example/a/b");
  if (!back.empty()) demand(http::parseCookies(back).size() == 1, "one cookie comes back as others", text);
}

// What comes out of a decoder, and how it ends.
std::string decoded(const char* coding, std::string_view bytes, std::size_t piece, std::size_t room) {
  http::ContentDecoder decoder(coding);
  std::string out, space(room, '\0');
  constexpr std::size_t most = 200000;
  try {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      std::string_view input = bytes.substr(at, piece);
      for (std::size_t made = room; (!input.empty() || made == room) && out.size() < most;) {
        const std::size_t before = input.size();
        made = decoder.decode(input, space.data(), room);
        demand(made <= room && (made != 0 || input.empty() || input.size() < before), "it turns on the spot", bytes);
        out.append(space, 0, made);
      }
    }
    if (out.size() >= most) return out.substr(0, most);
    decoder.finish();
  } catch (const http::DecodingError&) {
    // How much came out before depends on the cuts.
    return "refused";
  }
  return out;
}

// Encoded contents end alike in every cut, and what our server encodes is decoded.
[[maybe_unused]] void decoding(std::uint8_t choice, std::string_view bytes) {
  static constexpr const char* codings[] = {"gzip", "deflate", "br", "zstd"};
  const char* coding = codings[choice % 4];
  if (!http::ContentDecoder::knows(coding)) return;
  const std::size_t piece = 1 + choice / 4;
  const std::string whole = decoded(coding, bytes, bytes.size() + 1, 32768);
  const std::string cut = decoded(coding, bytes, piece, 1 + choice * 7);
  if (whole.size() < 200000 && cut.size() < 200000) demand(whole == cut, "two cuts are decoded differently", bytes);
  http::detail::GzipEncoder encoder(1 + choice % 9);
  std::string encoded;
  for (std::size_t at = 0; at < bytes.size(); at += piece * 16) encoder.write(bytes.substr(at, piece * 16), encoded);
  encoder.finish(encoded);
  if (bytes.size() < 200000)
    demand(decoded("gzip", encoded, piece, 4096) == bytes, "what was encoded does not come back", bytes);
}

[[maybe_unused]] void run(void (*what)(std::uint8_t, std::string_view), const std::uint8_t* data, std::size_t size) {
  if (size < 1) return;
  what(data[0], std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1));
}

}  // namespace

#ifdef BIGHT_FUZZ
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  run(BIGHT_FUZZ, data, size);
  return 0;
}
#else
// The first byte of `data` says which.
extern "C" int fuzzHttpPieces(const std::uint8_t* data, std::size_t size) {
  static constexpr void (*all[])(std::uint8_t, std::string_view) = {responses, urls, cookies, chunked, decoding};
  if (size > 0) run(all[data[0] % std::size(all)], data + 1, size - 1);
  return 0;
}
#endif
