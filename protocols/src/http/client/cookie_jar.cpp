#include <bight/http/cookie_jar.hpp>

#if BIGHT_HAVE_PSL
#include <libpsl.h>
#endif

#include <algorithm>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <utility>

#include <bight/address.hpp>
#include <bight/http/syntax.hpp>

namespace bight::http {

namespace {

constexpr std::size_t mostPerDomain = 180;
constexpr std::size_t mostInAll = 3000;
constexpr std::size_t mostBytes = 4096;
constexpr std::int64_t longest = 400 * 24 * 3600;  // nobody needs to be known for longer

bool isDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

bool isAddress(std::string_view host) {
  return Address::parse(host, 0).has_value();
}

// RFC 6265, 5.1.3; both in lower case.
bool domainMatches(std::string_view host, std::string_view domain) {
  if (host == domain) return true;
  return host.size() > domain.size() + 1 && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.' &&
         !isAddress(host);
}

// RFC 6265, 5.1.4.
bool pathMatches(std::string_view path, std::string_view cookie) {
  if (!path.starts_with(cookie)) return false;
  return path.size() == cookie.size() || cookie.ends_with('/') || path[cookie.size()] == '/';
}

std::string defaultPath(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return path.empty() || path.front() != '/' || slash == 0 ? "/" : std::string(path.substr(0, slash));
}

// Whether cookies for `domain` may be set by `host`, which is below it.
bool mayBeShared([[maybe_unused]] const std::string& host, [[maybe_unused]] const std::string& domain) {
#if BIGHT_HAVE_PSL
  const psl_ctx_t* list = psl_builtin();
  return list && psl_is_cookie_domain_acceptable(list, host.c_str(), domain.c_str()) == 1;
#else
  return false;
#endif
}

// Takes up to `most` digits off the front; -1 if there are none, or more.
int takeNumber(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t size = 0;
  int number = 0;
  while (size < text.size() && isDigit(text[size])) {
    if (size == most) return -1;
    number = number * 10 + (text[size++] - '0');
  }
  if (size < least) return -1;
  text.remove_prefix(size);
  return number;
}

}  // namespace

std::optional<std::int64_t> parseCookieDate(std::string_view text) {
  int hour = -1, minute = 0, second = 0, day = -1, month = -1, year = -1;
  const auto isDelimiter = [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return b == 9 || (b >= 0x20 && b <= 0x2f) || (b >= 0x3b && b <= 0x40) || (b >= 0x5b && b <= 0x60) ||
           (b >= 0x7b && b <= 0x7e);
  };
  while (!text.empty()) {
    if (isDelimiter(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    std::size_t size = 0;
    while (size < text.size() && !isDelimiter(text[size])) ++size;
    const std::string_view token = text.substr(0, size);
    text.remove_prefix(size);
    std::string_view rest = token;
    if (hour < 0 && token.find(':') != std::string_view::npos) {
      const int h = takeNumber(rest, 1, 2);
      if (h >= 0 && rest.starts_with(':')) {
        rest.remove_prefix(1);
        const int m = takeNumber(rest, 1, 2);
        if (m >= 0 && rest.starts_with(':')) {
          rest.remove_prefix(1);
          const int s = takeNumber(rest, 1, 2);
          if (s >= 0) {
            hour = h;
            minute = m;
            second = s;
            continue;
          }
        }
      }
      rest = token;
    }
    if (day < 0) {
      std::string_view number = rest;
      if (const int d = takeNumber(number, 1, 2); d >= 0) {
        day = d;
        continue;
      }
    }
    if (month < 0 && token.size() >= 3) {
      static constexpr std::string_view names = "janfebmaraprmayjunjulaugsepoctnovdec";
      const std::size_t at = names.find(lowered(token.substr(0, 3)));
      if (at != std::string_view::npos && at % 3 == 0) {
        month = static_cast<int>(at / 3) + 1;
        continue;
      }
    }
    if (year < 0) {
      std::string_view number = rest;
      if (const int y = takeNumber(number, 2, 4); y >= 0) year = y;
    }
  }
  if (year >= 70 && year <= 99) year += 1900;
  if (year >= 0 && year <= 69) year += 2000;
  if (hour < 0 || day < 1 || day > 31 || month < 0 || year < 1601 || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return duration_cast<seconds>(sys_days(date).time_since_epoch()).count() + hour * 3600 + minute * 60 + second;
}

struct CookieJar::Kept {
  Cookie cookie;
  std::uint64_t created;
  std::uint64_t used;
};

CookieJar::CookieJar(std::int64_t (*clock)()) : now_(clock) {}

CookieJar::~CookieJar() = default;

std::int64_t CookieJar::now() const {
  return now_ ? now_() : static_cast<std::int64_t>(std::time(nullptr));
}

bool CookieJar::set(const Url& url, std::string_view text) {
  std::string_view pair = text.substr(0, text.find(';'));
  if (text.size() > 2 * mostBytes) return false;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
  }
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return false;
  Cookie cookie;
  cookie.name = trimWhitespace(pair.substr(0, equals));
  cookie.value = trimWhitespace(pair.substr(equals + 1));
  if (cookie.name.empty() || cookie.name.size() + cookie.value.size() > mostBytes) return false;

  const std::string host(url.host());
  std::optional<std::int64_t> maxAge;
  std::string_view domain, path;
  bool hasPath = false;
  for (std::size_t semicolon = text.find(';'); semicolon != std::string_view::npos; semicolon = text.find(';')) {
    text.remove_prefix(semicolon + 1);
    const std::string_view attribute = text.substr(0, text.find(';'));
    const std::size_t is = attribute.find('=');
    const std::string_view name = trimWhitespace(attribute.substr(0, is));
    const std::string_view value =
        is == std::string_view::npos ? std::string_view() : trimWhitespace(attribute.substr(is + 1));
    if (equalsIgnoringCase(name, "expires")) {
      if (const auto date = parseCookieDate(value)) cookie.expires = date;
    } else if (equalsIgnoringCase(name, "max-age")) {
      std::string_view digits = value;
      const bool negative = digits.starts_with('-');
      if (negative) digits.remove_prefix(1);
      if (digits.empty() || !std::all_of(digits.begin(), digits.end(), isDigit)) continue;
      std::int64_t age = 0;
      for (char c : digits) age = std::min<std::int64_t>(age * 10 + (c - '0'), longest);
      maxAge = negative ? 0 : age;
    } else if (equalsIgnoringCase(name, "domain")) {
      domain = value;
    } else if (equalsIgnoringCase(name, "path")) {
      hasPath = value.starts_with('/');
      path = value;
    } else if (equalsIgnoringCase(name, "secure")) {
      cookie.secure = true;
    } else if (equalsIgnoringCase(name, "httponly")) {
      cookie.httpOnly = true;
    }
  }
  if (maxAge) cookie.expires = *maxAge <= 0 ? 0 : now() + *maxAge;
  if (cookie.expires) cookie.expires = std::min(*cookie.expires, now() + longest);

  if (domain.starts_with('.')) domain.remove_prefix(1);
  cookie.domain = host;
  if (!domain.empty()) {
    const std::string wanted = lowered(domain);
    if (!domainMatches(host, wanted)) return false;
    if (mayBeShared(host, wanted)) {
      cookie.domain = wanted;
      cookie.hostOnly = isAddress(host);
    } else if (wanted != host) {
      return false;  // a public suffix
    }
  }
  cookie.path = hasPath ? std::string(path) : defaultPath(url.path());
  // Over a plain connection anybody could have written it: it must not pass for one of https, nor take its place.
  if (cookie.secure && !url.secure()) return false;
  if (cookie.name.starts_with("__Secure-") && !cookie.secure) return false;
  if (cookie.name.starts_with("__Host-") && (!cookie.secure || !cookie.hostOnly || cookie.path != "/")) return false;
  if (!url.secure()) {
    for (const Kept& kept : cookies_) {
      const Cookie& other = kept.cookie;
      if (other.secure && other.name == cookie.name && pathMatches(cookie.path, other.path) &&
          (domainMatches(cookie.domain, other.domain) || domainMatches(other.domain, cookie.domain)))
        return false;
    }
  }
  add({std::move(cookie), 0, 0});
  return true;
}

void CookieJar::put(Cookie cookie) {
  const auto fits = [](std::string_view text, std::string_view banned) {
    return isFieldValue(text) && text.find_first_of(banned) == std::string_view::npos;
  };
  if (cookie.name.empty() || !fits(cookie.name, "=; \t") || !fits(cookie.value, ";"))
    throw std::invalid_argument("bight::http::CookieJar: this name or value could break out of its field");
  if (cookie.domain.empty()) throw std::invalid_argument("bight::http::CookieJar: a cookie needs a domain");
  cookie.domain = lowered(cookie.domain);
  add({std::move(cookie), 0, 0});
}

void CookieJar::add(Kept kept) {
  const auto same = [&kept](const Kept& other) {
    return other.cookie.name == kept.cookie.name && other.cookie.domain == kept.cookie.domain &&
           other.cookie.path == kept.cookie.path && other.cookie.hostOnly == kept.cookie.hostOnly;
  };
  kept.created = kept.used = ++uses_;
  const auto old = std::find_if(cookies_.begin(), cookies_.end(), same);
  const bool expired = kept.cookie.expires && *kept.cookie.expires <= now();
  if (old != cookies_.end()) {
    kept.created = old->created;
    cookies_.erase(old);
  }
  if (expired) return;
  cookies_.push_back(std::move(kept));
  evict();
}

// Those that have expired, and then those longest unused: of the domain that has too many, or of all.
void CookieJar::evict() {
  const std::string domain = cookies_.back().cookie.domain;
  const auto ofDomain = [&domain](const Kept& kept) { return kept.cookie.domain == domain; };
  const bool tooManyThere =
      cookies_.size() > mostPerDomain &&
      static_cast<std::size_t>(std::count_if(cookies_.begin(), cookies_.end(), ofDomain)) > mostPerDomain;
  if (!tooManyThere && cookies_.size() <= mostInAll) return;
  const std::int64_t moment = now();
  if (std::erase_if(cookies_, [moment](const Kept& k) { return k.cookie.expires && *k.cookie.expires <= moment; }))
    return;
  auto oldest = cookies_.end();
  for (auto at = cookies_.begin(); at != cookies_.end(); ++at) {
    if (tooManyThere && !ofDomain(*at)) continue;
    if (oldest == cookies_.end() || at->used < oldest->used) oldest = at;
  }
  cookies_.erase(oldest);
}

std::string CookieJar::header(const Url& url) {
  if (cookies_.empty()) return {};
  const std::string_view host = url.host();
  const std::int64_t moment = now();
  std::vector<Kept*> matching;
  for (Kept& kept : cookies_) {
    const Cookie& cookie = kept.cookie;
    if (cookie.expires && *cookie.expires <= moment) continue;
    if (cookie.secure && !url.secure()) continue;
    if (cookie.hostOnly ? host != cookie.domain : !domainMatches(host, cookie.domain)) continue;
    if (!pathMatches(url.path(), cookie.path)) continue;
    matching.push_back(&kept);
  }
  // The longest path first, then the oldest (RFC 6265, 5.4).
  std::sort(matching.begin(), matching.end(), [](const Kept* a, const Kept* b) {
    if (a->cookie.path.size() != b->cookie.path.size()) return a->cookie.path.size() > b->cookie.path.size();
    return a->created < b->created;
  });
  std::string out;
  for (Kept* kept : matching) {
    kept->used = ++uses_;
    if (!out.empty()) out += "; ";
    out.append(kept->cookie.name).append("=").append(kept->cookie.value);
  }
  return out;
}

std::vector<Cookie> CookieJar::all() const {
  std::vector<Cookie> out;
  const std::int64_t moment = now();
  for (const Kept& kept : cookies_) {
    if (!kept.cookie.expires || *kept.cookie.expires > moment) out.push_back(kept.cookie);
  }
  return out;
}

void CookieJar::clear() noexcept {
  cookies_.clear();
}

}  // namespace bight::http
