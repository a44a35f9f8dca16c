// The request parser: the request line (RFC 9112, 3), and what a head says of its message.
#include <bight/http/parser.hpp>

#include <algorithm>
#include <cstring>

#include <bight/http/syntax.hpp>

#include "characters.hpp"
#include "host_syntax.hpp"

namespace bight::http {

using characters::is;

namespace {

constexpr std::size_t longestMethod = 32;

}  // namespace

// method SP target SP version CRLF (RFC 9112, 3)
RequestParser::Step RequestParser::parseFirstLine(const char* base, std::size_t size) {
  isHead_ = false;
  const std::size_t limit = std::min(limits_.requestLine, limits_.head);
  const bool cut = size >= limit;
  const char* const end = base + std::min(size, limit);
  const auto incomplete = [&] { return cut ? refuse(414, "The request line is too long.") : Step::more; };

  const char* const methodEnd = characters::skip(base, std::min(end, base + longestMethod + 1), characters::token);
  if (methodEnd - base > static_cast<std::ptrdiff_t>(longestMethod))
    return refuse(501, "The method is longer than any that is known here.");
  if (methodEnd == end) return incomplete();
  if (methodEnd == base || *methodEnd != ' ')
    return refuse(400, "The request line does not begin with a method and one space.");

  const char* const target = methodEnd + 1;
  const char* const targetEnd = characters::skip(target, end, characters::target);
  if (targetEnd == end) return incomplete();
  if (targetEnd == target) return refuse(400, "There is not exactly one space between the method and the target.");
  if (*targetEnd == '\r') return refuse(400, "The request line has no version; HTTP/0.9 is not spoken here.");
  if (*targetEnd != ' ') return refuse(400, "The target holds a character that must be percent-encoded.");
  methodSize_ = static_cast<std::uint16_t>(methodEnd - base);
  targetSize_ = static_cast<std::uint16_t>(targetEnd - target);
  isHead_ = methodSize_ == 4 && std::memcmp(base, "HEAD", 4) == 0;

  const char* const version = targetEnd + 1;
  if (Step step = parseVersion(version, end, cut); step != Step::done) return step;
  line_ = static_cast<std::size_t>(version - base) + 10;
  if (std::string_view(base, methodSize_) == "PRI") {
    return refuse(505, "This is the preface of HTTP/2, which is not spoken here without negotiation.");
  }
  return Step::done;
}

// "HTTP/" DIGIT "." DIGIT CRLF
RequestParser::Step RequestParser::parseVersion(const char* at, const char* end, bool cut) {
  constexpr char form[] = "HTTP/1.1\r\n";
  if (end - at >= 10 && std::memcmp(at, form, 10) == 0) {
    head_.minorVersion = 1;
    return Step::done;
  }
  for (int i = 0; i < 10; ++i) {
    if (at + i == end) return cut ? refuse(414, "The request line is too long.") : Step::more;
    if (i == 5 || i == 7) {
      if (at[i] < '0' || at[i] > '9') return refuse(400, "The version is not of the form HTTP/1.1.");
      if (i == 7 && at[5] != '1') return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    } else if (at[i] != form[i]) {
      return refuse(400, i < 8 ? "The request line does not end with a space and a version such as HTTP/1.1."
                               : "The request line does not end with CR and LF right after the version.");
    }
  }
  head_.minorVersion =
      at[7] == '0' ? 0 : 1;  // a later minor version is answered as the highest that is known (RFC 9110, 2.5)
  return Step::done;
}

RequestParser::Step RequestParser::concludeHead(const char* base) {
  head_.raw = {base, line_};
  head_.method = {base, methodSize_};
  head_.target = {base + methodSize_ + 1, targetSize_};
  head_.fields = Fields(base, positions_);
  head_.host = {};
  head_.expectContinue = expectContinue_;
  if (hostIndex_ >= 0) {
    head_.host = head_.fields[static_cast<std::size_t>(hostIndex_)].value;
  } else if (head_.minorVersion >= 1 && requireHost_) {
    return refuse(400, "There is no Host field.");
  }
  if (sawTransferEncoding_) {
    if (!head_.chunked) return refuse(501, "Only the transfer coding \"chunked\" is known here.");
    if (sawOtherCoding_ && onlyChunked_) return refuse(501, "Only the transfer coding \"chunked\" is known here.");
  }
  head_.keepAlive = !sawClose_ && (head_.minorVersion >= 1 || sawKeepAlive_);
  isConnect_ = head_.method == "CONNECT";
  head_.upgrade = isConnect_ || (sawUpgradeOption_ && sawUpgradeField_ && head_.minorVersion >= 1);
  if (Step step = splitTarget(); step != Step::done) return step;
  if (head_.contentLength && *head_.contentLength > limits_.body && !isConnect_) {
    return refuse(413, "The content is too large.");
  }
  return Step::done;
}

// The four forms of a target (RFC 9112, 3.2).
RequestParser::Step RequestParser::splitTarget() {
  const std::string_view target = head_.target;
  if (isConnect_) {
    if (!isHostAndPort(target, true)) return refuse(400, "The target of CONNECT is a host and a port.");
    head_.path = head_.query = {};
    head_.host = target;
  } else if (target.front() == '/') {
    splitPath(target);
  } else if (target == "*") {
    head_.path = target;
    head_.query = {};
  } else {
    return splitAbsoluteTarget();
  }
  return Step::done;
}

// scheme "://" authority path: as a proxy would be sent it. Its authority counts, not the Host field (RFC 9112, 3.2.2).
RequestParser::Step RequestParser::splitAbsoluteTarget() {
  const std::string_view target = head_.target;
  const std::size_t colon = target.find("://");
  const auto isSchemeCharacter = [](char c) { return is(c, characters::unreserved) || c == '+'; };
  if (colon == std::string_view::npos || colon == 0 || (target.front() | 0x20) < 'a' || (target.front() | 0x20) > 'z' ||
      !std::all_of(target.begin(), target.begin() + static_cast<std::ptrdiff_t>(colon), isSchemeCharacter)) {
    return refuse(400, "The target is neither a path nor a whole URL.");
  }
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  if (const std::size_t at = authority.find('@');
      at != std::string_view::npos) {  // a user's name and password: of no use
    const char* const atSign = authority.data() + at;
    if (characters::skip(authority.data(), atSign, characters::host) != atSign) {
      return refuse(400, "The part of the target before the '@' holds a character that is not allowed there.");
    }
    authority.remove_prefix(at + 1);
  }
  if (authority.empty() || authority.front() == ':' || !isHostAndPort(authority, false)) {
    return refuse(400, "The host in the target is not a host with an optional port.");
  }
  head_.host = authority;
  splitPath(rest.substr(end));
  return Step::done;
}

// Cuts "/path?query#fragment"; an empty path is "/".
void RequestParser::splitPath(std::string_view rest) noexcept {
  rest = rest.substr(0, rest.find('#'));
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  head_.path = mark ? rest.substr(0, mark) : std::string_view("/");
  head_.query = mark < rest.size() ? rest.substr(mark + 1) : std::string_view();
}

}  // namespace bight::http
