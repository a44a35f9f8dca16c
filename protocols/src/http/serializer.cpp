#include <bight/http/serializer.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <stdexcept>

#include <bight/http/status.hpp>
#include <bight/http/syntax.hpp>

#include "characters.hpp"

namespace bight::http {

namespace {

// What the user's own fields say about the message.
struct OwnFields {
  bool date = false;
  bool contentType = false;
  bool connection = false;
  bool close = false;  // one of the Connection fields is just that

  void look(const Headers& headers) {
    for (const Field& field : headers) {
      switch (field.name.size()) {
        case 4:
          date = date || equalsIgnoringCase(field.name, "date");
          break;
        case 10:
          if (equalsIgnoringCase(field.name, "connection")) {
            connection = true;
            close = close || equalsIgnoringCase(field.value, "close");
          }
          break;
        case 12:
          contentType = contentType || equalsIgnoringCase(field.name, "content-type");
          break;
        case 14:
          refuse(field.name, "content-length");
          break;
        case 17:
          refuse(field.name, "transfer-encoding");
          break;
        default:
          break;
      }
    }
  }

 private:
  static void refuse(std::string_view name, std::string_view reserved) {
    if (!equalsIgnoringCase(name, reserved)) return;
    throw std::logic_error(
        "bight::http: " + std::string(name) +
        " is set by the server; leave it out of the headers (for a content of unknown length use ResponseStream)");
  }
};

// Writes into room that was measured beforehand.
class Pen {
 public:
  explicit Pen(char* at) noexcept : at_(at) {}
  void text(std::string_view text) noexcept { at_ = std::copy(text.begin(), text.end(), at_); }
  void field(std::string_view name, std::string_view value) noexcept {
    text(name);
    text(value);
    text("\r\n");
  }
  void number(std::uint64_t value) noexcept { at_ = std::to_chars(at_, at_ + 20, value).ptr; }
  char* at() const noexcept { return at_; }

 private:
  char* at_;
};

}  // namespace

void appendResponseHead(std::string& out, const ResponseHead& head) {
  if (head.status < 100 || head.status > 599) {
    throw std::logic_error("bight::http: a response's status is between 100 and 599, not " +
                           std::to_string(head.status));
  }
  const bool hasHeaders = head.headers && !head.headers->empty();
  const bool hasMore = head.more && !head.more->empty();
  OwnFields own;
  if (hasHeaders) own.look(*head.headers);
  if (hasMore) own.look(*head.more);
  const std::string_view phrase = reasonPhrase(head.status);
  const std::string_view wire = hasHeaders ? head.headers->wire() : std::string_view();
  const std::string_view more = hasMore ? head.more->wire() : std::string_view();

  constexpr std::size_t fixed = 192;  // the names of the fields below, a number, and the line ends, with room to spare
  const std::size_t before = out.size();
  out.resize(before + fixed + phrase.size() + head.date.size() + head.contentType.size() + wire.size() + more.size());
  Pen pen(out.data() + before);
  if (head.status == 200) {
    pen.text("HTTP/1.1 200 OK\r\n");
  } else {
    pen.text("HTTP/1.1 ");
    pen.number(static_cast<std::uint64_t>(head.status));
    pen.field(" ", phrase);
  }
  if (!head.date.empty() && !own.date) pen.field("Date: ", head.date);
  if (!head.contentType.empty() && !own.contentType) pen.field("Content-Type: ", head.contentType);
  if (head.contentLength) {
    pen.text("Content-Length: ");
    pen.number(*head.contentLength);
    pen.text("\r\n");
  } else if (head.chunked) {
    pen.text("Transfer-Encoding: chunked\r\n");
  }
  if (head.close && !own.close) {
    pen.text("Connection: close\r\n");
  } else if (head.keepAlive && !own.connection) {
    pen.text("Connection: keep-alive\r\n");
  }
  pen.text(wire);
  pen.text(more);
  pen.text("\r\n");
  out.resize(static_cast<std::size_t>(pen.at() - out.data()));
}

void appendChunkSize(std::string& out, std::size_t size) {
  char digits[18];
  char* end = std::to_chars(digits, digits + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(digits, end);
}

void appendChunk(std::string& out, std::string_view piece) {
  if (piece.empty()) return;
  appendChunkSize(out, piece.size());
  out.append(piece).append("\r\n");
}

void appendLastChunk(std::string& out) {
  out += "0\r\n\r\n";
}

void appendRequest(std::string& out, std::string_view method, std::string_view target, const Headers& headers,
                   std::string_view body) {
  if (!isToken(method))
    throw std::invalid_argument("bight::http: a method is a token, not \"" + std::string(method) + "\"");
  const char* const targetEnd = target.data() + target.size();
  if (target.empty() || characters::skip(target.data(), targetEnd, characters::target) != targetEnd) {
    throw std::invalid_argument("bight::http: \"" + std::string(target) + "\" cannot be a target; percent-encode it");
  }
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  if (!headers.contains("Host")) out += "Host: localhost\r\n";
  if (!body.empty() && !headers.contains("Content-Length"))
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  out.append(headers.wire()).append("\r\n").append(body);
}

std::string formatDate(std::int64_t seconds) {
  using namespace std::chrono;
  static constexpr char dayNames[] = "SunMonTueWedThuFriSat";
  static constexpr char monthNames[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const sys_seconds moment{std::chrono::seconds(seconds)};
  const auto day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss time(moment - day);

  std::string text = "Day, 00 Mon 0000 00:00:00 GMT";
  const auto digits = [&text](std::size_t at, int count, long value) {
    for (int i = count - 1; i >= 0; --i, value /= 10)
      text[at + static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
  };
  text.replace(0, 3, dayNames + 3 * weekday(day).c_encoding(), 3);
  digits(5, 2, static_cast<long>(unsigned(date.day())));
  text.replace(8, 3, monthNames + 3 * (unsigned(date.month()) - 1), 3);
  digits(12, 4, int(date.year()));
  digits(17, 2, time.hours().count());
  digits(20, 2, time.minutes().count());
  digits(23, 2, time.seconds().count());
  return text;
}

}  // namespace bight::http
