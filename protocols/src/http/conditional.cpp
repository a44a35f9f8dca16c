#include <bight/http/conditional.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <stdexcept>

#include <bight/http/serializer.hpp>
#include <bight/http/syntax.hpp>

namespace bight::http {

namespace {

constexpr std::size_t mostRanges = 32;

// Takes an entity tag off the front of `text`; empty if there is none.
std::string_view takeTag(std::string_view& text) noexcept {
  std::size_t at = text.starts_with("W/") ? 2 : 0;
  if (at >= text.size() || text[at] != '"') return {};
  const std::size_t end = text.find('"', at + 1);
  if (end == std::string_view::npos) return {};
  for (char c : text.substr(at + 1, end - at - 1)) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return {};
  }
  const std::string_view tag = text.substr(0, end + 1);
  text.remove_prefix(end + 1);
  return tag;
}

std::string_view opaque(std::string_view tag) noexcept {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

// Whether one of the tags in the fields of that name is `tag`, or "*" and there is something.
bool matches(const Request& request, std::string_view field, std::string_view tag, bool strong, bool exists) {
  for (const Field& one : request.headers()) {
    if (!equalsIgnoringCase(one.name, field)) continue;
    std::string_view rest = trimWhitespace(one.value);
    if (rest == "*") return exists;
    while (!rest.empty()) {
      const std::string_view found = takeTag(rest);
      if (found.empty()) break;  // what follows cannot be read: as if it were not there
      if (exists && !tag.empty() && opaque(found) == opaque(tag) &&
          (!strong || (!found.starts_with("W/") && !tag.starts_with("W/"))))
        return true;
      while (!rest.empty() && (rest.front() == ',' || rest.front() == ' ' || rest.front() == '\t'))
        rest.remove_prefix(1);
    }
  }
  return false;
}

bool isGetOrHead(const Request& request) noexcept {
  return request.method() == "GET" || request.method() == "HEAD";
}

std::optional<std::uint64_t> number(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  return error == std::errc::result_out_of_range ? UINT64_MAX : value;
}

// RFC 9110, 13.1.5: the range is meant for one version only.
bool ifRangeHolds(const Request& request, const Validators& now) {
  const std::optional<std::string_view> field = request.header("If-Range");
  if (!field) return true;
  if (field->starts_with('"')) return *field == now.etag;  // a weak tag never is one
  const std::optional<std::int64_t> date = parseDate(*field);
  // A date is a strong validator only when nothing can have changed in its second.
  const std::int64_t present =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  return date && now.modified && *date == *now.modified && present - *date > 1;
}

}  // namespace

bool isEntityTag(std::string_view text) noexcept {
  return !takeTag(text).empty() && text.empty();
}

Condition evaluate(const Request& request, const Validators& now, bool exists) {
  if (request.header("If-Match")) {
    if (!matches(request, "If-Match", now.etag, true, exists)) return Condition::failed;
  } else if (const auto field = request.header("If-Unmodified-Since")) {
    const std::optional<std::int64_t> since = parseDate(*field);
    if (since && now.modified && *now.modified > *since) return Condition::failed;
  }
  if (request.header("If-None-Match")) {
    if (matches(request, "If-None-Match", now.etag, false, exists))
      return isGetOrHead(request) ? Condition::notModified : Condition::failed;
  } else if (const auto field = request.header("If-Modified-Since"); field && isGetOrHead(request)) {
    const std::optional<std::int64_t> since = parseDate(*field);
    if (since && now.modified && *now.modified <= *since) return Condition::notModified;
  }
  return Condition::holds;
}

Response conditional(const Request& request, const Validators& now, Response response) {
  if (!now.etag.empty() && !isEntityTag(now.etag))
    throw std::invalid_argument("bight::http::Validators: " + now.etag + " is no entity tag: it needs quotes");
  if (response.status < 200 || response.status > 299) return response;
  switch (evaluate(request, now)) {
    case Condition::failed:
      return Response::error(412, "What this request is about has changed.");
    case Condition::notModified:
      response.status = 304;
      response.type = {};
      response.headers.remove("Content-Type");
      response.body.clear();
      break;
    case Condition::holds:
      break;
  }
  if (!now.etag.empty()) response.headers.set("ETag", now.etag);
  if (now.modified) response.headers.set("Last-Modified", formatDate(*now.modified));
  return response;
}

std::optional<std::vector<ByteRange>> requestedRanges(const Request& request, std::uint64_t size,
                                                      const Validators& now) {
  const std::optional<std::string_view> field = request.header("Range");
  if (!field || request.method() != "GET" || request.headers().getAll("Range").size() > 1) return std::nullopt;
  const std::size_t equals = field->find('=');
  if (equals == std::string_view::npos || !equalsIgnoringCase(field->substr(0, equals), "bytes")) return std::nullopt;
  std::vector<ByteRange> ranges;
  std::uint64_t together = 0;
  std::size_t asked = 0;
  std::string_view rest = field->substr(equals + 1);
  for (std::string_view item = nextListItem(rest); !item.empty(); item = nextListItem(rest)) {
    if (++asked > mostRanges) return std::nullopt;
    const std::size_t dash = item.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const std::string_view from = item.substr(0, dash), to = item.substr(dash + 1);
    std::uint64_t first = 0, last = UINT64_MAX;
    if (from.empty()) {  // the last so many
      const std::optional<std::uint64_t> count = number(to);
      if (!count) return std::nullopt;
      if (*count == 0 || size == 0) continue;
      first = size - std::min(size, *count);
    } else {
      const std::optional<std::uint64_t> begin = number(from);
      if (!begin) return std::nullopt;
      first = *begin;
      if (!to.empty()) {
        const std::optional<std::uint64_t> end = number(to);
        if (!end || *end < first) return std::nullopt;
        last = *end;
      }
    }
    if (first >= size) continue;
    const std::uint64_t length = std::min(last, size - 1) - first + 1;
    together += length;
    if (together > size) return std::nullopt;  // more than the whole: send that
    ranges.push_back({first, length});
  }
  if (asked == 0 || !ifRangeHolds(request, now)) return std::nullopt;
  return ranges;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"
std::optional<std::int64_t> parseDate(std::string_view text) noexcept {
  using namespace std::chrono;
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto digits = [&text](std::size_t at, std::size_t count) {
    int value = 0;
    for (char c : text.substr(std::min(at, text.size()), count)) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + c - '0';
    }
    return at + count <= text.size() ? value : -1;
  };
  std::string_view monthName, time;
  int year = -1, day = -1;
  if (const std::size_t comma = text.find(','); comma == 3 && text.size() == 29 && text.ends_with(" GMT")) {
    if (text[4] != ' ' || text[7] != ' ' || text[11] != ' ' || text[16] != ' ') return std::nullopt;
    day = digits(5, 2);
    monthName = text.substr(8, 3);
    year = digits(12, 4);
    time = text.substr(17, 8);
  } else if (comma != std::string_view::npos) {
    const std::string_view weekday = text.substr(0, comma);
    if (weekday.size() < 6 || weekday.size() > 9 || text.size() != comma + 24 || !text.ends_with(" GMT") ||
        text[comma + 1] != ' ' || text[comma + 4] != '-' || text[comma + 8] != '-' || text[comma + 11] != ' ')
      return std::nullopt;
    day = digits(comma + 2, 2);
    monthName = text.substr(comma + 5, 3);
    year = digits(comma + 9, 2);
    if (year < 0) return std::nullopt;
    const auto present = int(year_month_day(floor<days>(system_clock::now())).year());
    year += present / 100 * 100;
    if (year > present + 50) year -= 100;  // RFC 9110: not more than fifty years ahead
    time = text.substr(comma + 12, 8);
  } else {
    if (text.size() != 24 || text[3] != ' ' || text[7] != ' ' || text[10] != ' ' || text[19] != ' ')
      return std::nullopt;
    monthName = text.substr(4, 3);
    day = text[8] == ' ' ? digits(9, 1) : digits(8, 2);
    time = text.substr(11, 8);
    year = digits(20, 4);
  }
  const std::size_t month = months.find(monthName);
  if (month == std::string_view::npos || month % 3 != 0 || year < 0 || day < 1) return std::nullopt;
  if (time.size() != 8 || time[2] != ':' || time[5] != ':') return std::nullopt;
  const std::string_view whole = text;
  text = time;
  const int hour = digits(0, 2), minute = digits(3, 2), second = digits(6, 2);
  text = whole;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
  const year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) return std::nullopt;
  return duration_cast<seconds>(sys_days(date).time_since_epoch()).count() + hour * 3600 + minute * 60 + second;
}

}  // namespace bight::http
