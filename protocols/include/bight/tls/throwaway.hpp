/// @file
/// `tls::ThrowawayAuthority`: certificates for tests and demonstrations, made while the program runs.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <bight/export.hpp>
#include <bight/tls/options.hpp>

namespace bight::tls {

namespace detail {
struct AuthorityState;
}

/// From when until when a made certificate is valid. Any `system_clock` moment before the year 9999.
struct Validity {
  std::chrono::system_clock::time_point from = std::chrono::system_clock::now() - std::chrono::hours(1);
  std::chrono::system_clock::time_point until = std::chrono::system_clock::now() + std::chrono::hours(24 * 7);
};

/// A certificate authority that lives in memory. Its keys (EC P-256) are never written anywhere; nobody else trusts it.
///
/// ```cpp
/// tls::ThrowawayAuthority authority;
/// tls::ServerContext server({.identities = {authority.issue({"localhost", "127.0.0.1"})}});
/// tls::ClientContext client({.trust = authority.trust()});
/// ```
class BIGHT_API ThrowawayAuthority {
 public:
  /// A root. `name` is its common name; empty, it gets one that no other has. A Trust can hold several authorities, also
  /// of one name.
  explicit ThrowawayAuthority(const std::string& name = {}, const Validity& validity = {});

  /// A certificate and its key for `names`: DNS names (wildcards too) and IP addresses. The common name is the first
  /// one. If this authority is not a root, its own certificates follow, up to the root.
  /// @throws std::invalid_argument if `names` is empty
  Identity issue(const std::vector<std::string>& names, const Validity& validity = {}) const;

  /// An authority below this one.
  ThrowawayAuthority issueAuthority(const std::string& name, const Validity& validity = {}) const;

  /// Its own certificate.
  Pem certificate() const;
  /// Trust in this authority and nobody else.
  Trust trust() const { return Trust::only({certificate()}); }

 private:
  explicit ThrowawayAuthority(std::shared_ptr<const detail::AuthorityState> state) : state_(std::move(state)) {}

  std::shared_ptr<const detail::AuthorityState> state_;
};

/// A certificate for `names` that has signed itself.
BIGHT_API Identity selfSigned(const std::vector<std::string>& names, const Validity& validity = {});

}  // namespace bight::tls
