// The request parser: the lines of a head (RFC 9112, 3 and 5), and what they say of the message.
#include <bight/http/parser.hpp>

#include <algorithm>
#include <cstring>

#include <bight/http/syntax.hpp>

#include "characters.hpp"

namespace bight::http {

using characters::is;

namespace {

constexpr std::size_t longestMethod = 32;

// uri-host [ ":" port ] (RFC 9110, 7.2; RFC 3986, 3.2.2)
bool isHostAndPort(std::string_view text, bool needPort) noexcept {
  std::size_t hostSize;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    for (char c : text.substr(1, close - 1)) {
      if (!is(c, characters::host) || c == '[') return false;
    }
    hostSize = close + 1;
  } else {
    const char* at = text.data();
    const char* const end = at + text.size();
    while ((at = characters::skip(at, end, characters::name)) != end && *at != ':') {
      if (*at != '%' || end - at < 3 || !is(at[1], characters::hexadecimal) || !is(at[2], characters::hexadecimal)) {
        return false;
      }
      at += 3;
    }
    hostSize = static_cast<std::size_t>(at - text.data());
  }
  const std::string_view port = text.substr(hostSize);
  if (port.empty()) return !needPort;
  if (port.front() != ':' || port.size() > 6) return false;
  for (char c : port.substr(1)) {
    if (c < '0' || c > '9') return false;
  }
  return !needPort || (hostSize > 0 && port.size() > 1);
}

}  // namespace

// method SP target SP version CRLF (RFC 9112, 3)
RequestParser::Step RequestParser::parseRequestLine(const char* base, std::size_t size) {
  const std::size_t limit = std::min(options_.limits.requestLine, options_.limits.head);
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

// Reads fields up to the empty line: the rest of a head, or the trailers.
RequestParser::Step RequestParser::parseFields(const char* base, std::size_t size) {
  for (;;) {
    switch (const Step step = parseField(base, size)) {
      case Step::done:
        break;
      case Step::last:
        return Step::done;
      default:
        return step;
    }
  }
}

// name ":" OWS value OWS CRLF (RFC 9112, 5); or the empty line, which is Step::last.
RequestParser::Step RequestParser::parseField(const char* base, std::size_t size) {
  const std::size_t limit = std::min(line_ + options_.limits.fieldLine, options_.limits.head);
  const bool cut = size >= limit;
  const char* const end = base + std::min(size, limit);
  const char* const begin = base + line_;
  const auto incomplete = [&] { return cut ? refuse(431, "The header fields are too long.") : Step::more; };

  if (begin == end) return incomplete();
  if (*begin == '\r') {
    if (begin + 1 == end) return incomplete();
    if (begin[1] != '\n') return refuse(400, "A carriage return stands without a line feed.");
    line_ += 2;
    return Step::last;
  }
  if (is(*begin, characters::space))
    return refuse(400, "A line of the header begins with white space; folded lines are not accepted.");

  const char* const nameEnd = characters::skip(begin, end, characters::token);
  if (nameEnd == end) return incomplete();
  if (*nameEnd != ':') {
    return refuse(400, is(*nameEnd, characters::space)
                           ? "There is white space in or after the name of a header field."
                           : "The name of a header field holds a character that is not allowed there.");
  }
  if (nameEnd == begin) return refuse(400, "A header field has no name.");

  const char* const value = characters::skip(nameEnd + 1, end, characters::space);
  const char* const lineEnd = characters::findControl(value, end);
  if (lineEnd == end) return incomplete();
  if (*lineEnd != '\r') {
    return refuse(400, *lineEnd == '\n' ? "A line of the header ends with a line feed alone; it must be CR and LF."
                                        : "The value of a header field holds a control character.");
  }
  if (lineEnd + 1 == end) return incomplete();
  if (lineEnd[1] != '\n') return refuse(400, "A carriage return stands without a line feed.");
  const char* valueEnd = lineEnd;
  while (valueEnd > value && is(valueEnd[-1], characters::space)) --valueEnd;

  if (positions_.size() == options_.limits.fields) return refuse(431, "There are too many header fields.");
  positions_.push_back({static_cast<std::uint16_t>(line_), static_cast<std::uint16_t>(nameEnd - begin),
                        static_cast<std::uint16_t>(value - base), static_cast<std::uint16_t>(valueEnd - value)});
  line_ = static_cast<std::size_t>(lineEnd + 2 - base);
  if (stage_ == Stage::trailers) return Step::done;  // trailers never change how the message is read
  return knownField({begin, static_cast<std::size_t>(nameEnd - begin)},
                    {value, static_cast<std::size_t>(valueEnd - value)});
}

// The fields that decide how the message is read.
RequestParser::Step RequestParser::knownField(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (equalsIgnoringCase(name, "host")) {
        if (hostIndex_ >= 0) return refuse(400, "There is more than one Host field.");
        if (!isHostAndPort(value, false)) return refuse(400, "The Host field is not a host with an optional port.");
        hostIndex_ = static_cast<std::int32_t>(positions_.size()) - 1;
      }
      break;
    case 6:
      if (equalsIgnoringCase(name, "expect")) {
        if (!equalsIgnoringCase(value, "100-continue"))
          return refuse(417, "Only the expectation 100-continue can be met.");
        head_.expectContinue = head_.minorVersion >= 1;
      }
      break;
    case 7:
      if (equalsIgnoringCase(name, "upgrade")) sawUpgradeField_ = true;
      break;
    case 10:
      if (equalsIgnoringCase(name, "connection")) return connectionOptions(value);
      break;
    case 14:
      if (equalsIgnoringCase(name, "content-length")) return contentLength(value);
      break;
    case 17:
      if (equalsIgnoringCase(name, "transfer-encoding")) return transferEncoding(value);
      break;
    default:
      break;
  }
  return Step::done;
}

RequestParser::Step RequestParser::contentLength(std::string_view value) {
  if (head_.contentLength) return refuse(400, "There is more than one Content-Length.");
  if (sawTransferEncoding_) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.");
  if (value.empty()) return refuse(400, "The Content-Length is not a number.");
  std::uint64_t length = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return refuse(400, "The Content-Length is not a number.");
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (~std::uint64_t{0} - digit) / 10) return refuse(413, "The content is too large.");
    length = length * 10 + digit;
  }
  head_.contentLength = length;
  return Step::done;
}

RequestParser::Step RequestParser::transferEncoding(std::string_view value) {
  if (head_.contentLength) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.");
  if (head_.minorVersion == 0) return refuse(400, "Transfer-Encoding does not exist in HTTP/1.0.");
  sawTransferEncoding_ = true;
  std::string_view coding = nextListItem(value);
  if (coding.empty()) return refuse(400, "The Transfer-Encoding is empty.");
  for (; !coding.empty(); coding = nextListItem(value)) {
    if (head_.chunked) return refuse(400, "The transfer coding \"chunked\" must be the last, and only once.");
    if (equalsIgnoringCase(coding, "chunked")) {
      head_.chunked = true;
    } else {
      sawOtherCoding_ = true;
    }
  }
  return Step::done;
}

RequestParser::Step RequestParser::connectionOptions(std::string_view value) {
  for (std::string_view option = nextListItem(value); !option.empty(); option = nextListItem(value)) {
    if (equalsIgnoringCase(option, "close")) {
      sawClose_ = true;
    } else if (equalsIgnoringCase(option, "keep-alive")) {
      sawKeepAlive_ = true;
    } else if (equalsIgnoringCase(option, "upgrade")) {
      sawUpgradeOption_ = true;
    }
  }
  return Step::done;
}

RequestParser::Step RequestParser::concludeHead(const char* base) {
  head_.raw = {base, line_};
  head_.method = {base, methodSize_};
  head_.target = {base + methodSize_ + 1, targetSize_};
  head_.fields = Fields(base, positions_);
  head_.host = {};
  if (hostIndex_ >= 0) {
    head_.host = head_.fields[static_cast<std::size_t>(hostIndex_)].value;
  } else if (head_.minorVersion >= 1 && options_.requireHost) {
    return refuse(400, "There is no Host field.");
  }
  if (sawTransferEncoding_) {
    if (!head_.chunked) return refuse(501, "Only the transfer coding \"chunked\" is known here.");
    if (sawOtherCoding_ && options_.onlyChunked)
      return refuse(501, "Only the transfer coding \"chunked\" is known here.");
  }
  head_.keepAlive = !sawClose_ && (head_.minorVersion >= 1 || sawKeepAlive_);
  isConnect_ = head_.method == "CONNECT";
  head_.upgrade = isConnect_ || (sawUpgradeOption_ && sawUpgradeField_ && head_.minorVersion >= 1);
  if (Step step = splitTarget(); step != Step::done) return step;
  if (head_.contentLength && *head_.contentLength > options_.limits.body && !isConnect_) {
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
