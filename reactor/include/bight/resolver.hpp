/// @file
/// Names of hosts, and how they become addresses.
///
/// ```cpp
/// reactor->resolve("example.org", {.port = 80}).addCallback([](std::vector<Address> found) { ... });
/// reactor->installNameResolver(std::make_shared<MyResolver>());   // from now on connectTCP and endpoints ask it
/// ```
///
/// Every reactor begins with the system's own resolver, in its thread pool, behind a small cache: see
/// name_resolvers.hpp for these two and their limits.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/address.hpp>
#include <bight/connection_errors.hpp>
#include <bight/deferred.hpp>
#include <bight/export.hpp>

namespace bight {

/// What is to be looked up.
struct NameQuery {
  std::string name;
  AddressFamily family = AddressFamily::any;
  AddressType type = AddressType::tcp;
  auto operator<=>(const NameQuery&) const = default;
};

/// How to resolve.
struct ResolveOptions {
  /// The port that the addresses shall have.
  std::uint16_t port = 0;
  AddressFamily family = AddressFamily::any;
  AddressType type = AddressType::tcp;
};

/// No answer came in time. (Twisted: DNSTimeout)
class BIGHT_API DNSTimeoutError : public DNSLookupError {
 public:
  explicit DNSTimeoutError(const std::string& detail) : DNSLookupError(0, detail) {}
};

/// Turns names into addresses: subclass it to ask somebody else than the system. (Twisted: IHostnameResolver; ours
/// answers once, with everything)
class BIGHT_API NameResolver {
 public:
  virtual ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  /// The addresses of a name, in the order in which they should be tried, with port 0; at least one. Never asked for
  /// literals and for what cannot be a name. It may answer at once. Cancelling must let go of the work if it can; the
  /// resolver itself may be dropped while answers are outstanding.
  /// @return fails with DNSLookupError if there is no such name, or it has no address of that family
  virtual Deferred<std::vector<Address>> resolveHostName(const NameQuery& query) = 0;

 protected:
  NameResolver() = default;
};

/// Why `name` cannot be the name of a host, as the end of the sentence "… is not a host name: "; empty if it can.
/// Letters, digits, '-' and '_' in labels of 1 to 63 characters, 253 in all, a dot at the end allowed. A name whose
/// last label is a number is none: many systems would read "127.1" or "0x7f000001" as an address, and so let it pass
/// where 127.0.0.1 is not allowed. Names in other scripts are written in their ASCII form (xn--…).
BIGHT_API std::string hostNameProblem(std::string_view name);

/// The part of a reactor that knows names. (Twisted: IReactorPluggableNameResolver)
class BIGHT_API ReactorNames {
 public:
  /// The addresses of `host`: of a literal itself, without asking anybody; of "" the one that means every address
  /// (0.0.0.0, or :: if IPv6 is wanted); otherwise what the resolver says. It may fire at once. Cancelling it drops the
  /// lookup.
  /// @return fails with DNSLookupError, also for a literal of the other family and for what cannot be a name;
  /// DNSTimeoutError is one too
  /// @throws std::invalid_argument for the family `local`
  Deferred<std::vector<Address>> resolve(std::string_view host, const ResolveOptions& options = {});

  /// Who is asked now. Never null. (Twisted: the attribute nameResolver)
  virtual std::shared_ptr<NameResolver> nameResolver() = 0;
  /// Asks `resolver` from now on. Lookups under way are not disturbed.
  /// @return the one before
  /// @throws std::invalid_argument if it is null
  virtual std::shared_ptr<NameResolver> installNameResolver(std::shared_ptr<NameResolver> resolver) = 0;

 protected:
  ReactorNames() = default;
  ReactorNames(const ReactorNames&) = default;
  ReactorNames& operator=(const ReactorNames&) = default;
  virtual ~ReactorNames() = default;
};

}  // namespace bight
