// Basic (RFC 7617), Bearer (RFC 6750) and Digest (RFC 7616).
#include <bight/http/auth.hpp>

#include <cstdio>
#include <stdexcept>

#include <bight/http/syntax.hpp>

#include "../../tls/hash.hpp"
#include "pool.hpp"

namespace bight::http {

namespace {

using tls::detail::Hash;
using tls::detail::hexHash;

std::string base64(std::string_view text) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += 3) {
    const auto byte = [&](std::size_t i) {
      return at + i < text.size() ? std::uint32_t{static_cast<unsigned char>(text[at + i])} : 0u;
    };
    const std::uint32_t three = byte(0) << 16 | byte(1) << 8 | byte(2);
    out += letters[three >> 18];
    out += letters[(three >> 12) & 63];
    out += at + 1 < text.size() ? letters[(three >> 6) & 63] : '=';
    out += at + 2 < text.size() ? letters[three & 63] : '=';
  }
  return out;
}

struct Challenge {
  std::string realm, nonce, opaque, algorithm;
  bool qopAuth = false;
  bool qopGiven = false;
  Hash hash = Hash::md5;
  bool session = false;
  int rank = -1;  // the higher, the better
};

// Takes `name "=" ( token / quoted-string )` off the front; false if there is none.
bool takeParameter(std::string_view& rest, std::string_view& name, std::string& value) {
  while (!rest.empty() && (rest.front() == ',' || rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos || !isToken(trimWhitespace(rest.substr(0, equals)))) return false;
  name = trimWhitespace(rest.substr(0, equals));
  rest = rest.substr(equals + 1);
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  value.clear();
  if (!rest.starts_with('"')) {
    const std::size_t end = std::min(rest.find_first_of(", \t"), rest.size());
    value = rest.substr(0, end);
    rest.remove_prefix(end);
    return true;
  }
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != '"') {
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    value += rest.front();
    rest.remove_prefix(1);
  }
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return true;
}

// The best digest challenge in these fields. A field may hold several challenges, of other schemes too.
Challenge bestOf(const std::vector<std::string_view>& fields) {
  Challenge best;
  for (std::string_view field : fields) {
    for (std::size_t at = 0; at + 7 <= field.size(); ++at) {
      if (!equalsIgnoringCase(field.substr(at, 7), "digest ")) continue;
      if (at > 0 && field[at - 1] != ' ' && field[at - 1] != ',') continue;
      std::string_view rest = field.substr(at + 7), name;
      std::string value;
      Challenge one;
      while (takeParameter(rest, name, value)) {
        if (equalsIgnoringCase(name, "realm")) one.realm = value;
        if (equalsIgnoringCase(name, "nonce")) one.nonce = value;
        if (equalsIgnoringCase(name, "opaque")) one.opaque = value;
        if (equalsIgnoringCase(name, "algorithm")) one.algorithm = value;
        if (equalsIgnoringCase(name, "qop")) {
          one.qopGiven = true;
          std::string_view list = value;
          for (std::string_view each = nextListItem(list); !each.empty(); each = nextListItem(list))
            one.qopAuth = one.qopAuth || equalsIgnoringCase(each, "auth");
        }
      }
      std::string_view algorithm = one.algorithm;
      if (algorithm.size() > 5 && equalsIgnoringCase(algorithm.substr(algorithm.size() - 5), "-sess")) {
        one.session = true;
        algorithm.remove_suffix(5);
      }
      if (algorithm.empty() || equalsIgnoringCase(algorithm, "MD5")) {
        one.rank = 0;
      } else if (equalsIgnoringCase(algorithm, "SHA-256")) {
        one.rank = 2;
        one.hash = Hash::sha256;
      } else if (equalsIgnoringCase(algorithm, "SHA-512-256")) {
        one.rank = 1;
        one.hash = Hash::sha512_256;
      }
      if (one.qopGiven && !one.qopAuth) continue;  // auth-int alone
      if (one.nonce.empty() || one.rank <= best.rank) continue;
      best = one;
    }
  }
  return best;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

namespace detail {

std::string basicCredentials(std::string_view user, std::string_view password) {
  if (user.find(':') != std::string_view::npos)
    throw std::invalid_argument("bight::http::Auth: a user's name in Basic has no ':'");
  return "Basic " + base64(std::string(user) + ":" + std::string(password));
}

}  // namespace detail

Auth Auth::bearer(std::string token) {
  if (token.empty() || !isFieldValue(token) || token.find(' ') != std::string::npos)
    throw std::invalid_argument("bight::http::Auth: this token cannot stand in a field");
  return Auth(Kind::bearer, {}, std::move(token));
}

std::string Auth::unasked() const {
  if (kind_ == Kind::basic) return detail::basicCredentials(user_, secret_);
  return kind_ == Kind::bearer ? "Bearer " + secret_ : std::string();
}

std::optional<std::string> Auth::answer(const std::vector<std::string_view>& challenges, std::string_view method,
                                        std::string_view target, std::uint32_t count, std::string cnonce) const {
  if (kind_ != Kind::digest) return std::nullopt;
  const Challenge challenge = bestOf(challenges);
  if (challenge.rank < 0) return std::nullopt;
  if (cnonce.empty()) cnonce = tls::detail::randomHex(16);
  const auto hash = [&challenge](const std::string& text) { return hexHash(challenge.hash, text); };

  std::string a1 = hash(user_ + ":" + challenge.realm + ":" + secret_);
  if (challenge.session) a1 = hash(a1 + ":" + challenge.nonce + ":" + cnonce);
  const std::string a2 = hash(std::string(method) + ":" + std::string(target));
  char nc[9];
  std::snprintf(nc, sizeof nc, "%08x", count);
  const std::string response = challenge.qopAuth
                                   ? hash(a1 + ":" + challenge.nonce + ":" + nc + ":" + cnonce + ":auth:" + a2)
                                   : hash(a1 + ":" + challenge.nonce + ":" + a2);
  std::string out = "Digest username=" + quoted(user_) + ", realm=" + quoted(challenge.realm) +
                    ", nonce=" + quoted(challenge.nonce) + ", uri=" + quoted(target) + ", response=\"" + response + '"';
  if (!challenge.algorithm.empty()) out += ", algorithm=" + challenge.algorithm;
  if (challenge.qopAuth) out += std::string(", qop=auth, nc=") + nc + ", cnonce=\"" + cnonce + '"';
  if (!challenge.opaque.empty()) out += ", opaque=" + quoted(challenge.opaque);
  if (!isFieldValue(out)) return std::nullopt;
  return out;
}

}  // namespace bight::http
