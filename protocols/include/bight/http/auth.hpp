/// @file
/// `Auth`: how a client says who it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/export.hpp>

namespace bight::http {

/// Credentials for a server. They are sent to the origin of the first URL only, never to where it redirects.
class BIGHT_API Auth {
 public:
  /// RFC 7617, in UTF-8. Anybody on the way can read it: over https only.
  static Auth basic(std::string user, std::string password) {
    return Auth(Kind::basic, std::move(user), std::move(password));
  }
  /// RFC 6750. @throws std::invalid_argument if `token` cannot stand in a field
  static Auth bearer(std::string token);
  /// RFC 7616: answers the challenge of a 401; with SHA-256, SHA-512-256 or MD5, the best that is offered.
  static Auth digest(std::string user, std::string password) {
    return Auth(Kind::digest, std::move(user), std::move(password));
  }

  /// What to send before anybody has asked: the value of an Authorization field; empty for digest.
  std::string unasked() const;
  /// The answer to the challenges of a 401 (the values of its WWW-Authenticate fields), or nothing if none of them can
  /// be answered.
  /// @param count  how many requests this nonce has been used for, this one included
  /// @param cnonce  for tests; empty: a random one
  std::optional<std::string> answer(const std::vector<std::string_view>& challenges, std::string_view method,
                                    std::string_view target, std::uint32_t count = 1, std::string cnonce = {}) const;

 private:
  enum class Kind : std::uint8_t { basic, bearer, digest };
  Auth(Kind kind, std::string user, std::string secret)
      : kind_(kind), user_(std::move(user)), secret_(std::move(secret)) {}

  Kind kind_;
  std::string user_;
  std::string secret_;
};

}  // namespace bight::http
