/// @file
/// Internal: connecting to whichever address of a host answers first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/tcp_endpoints.hpp>

namespace bight::detail {

/// The order of RFC 8305, section 4: as given, but the families take turns, beginning with the first address's.
std::vector<Address> interleaved(std::vector<Address> addresses);

/// One `HostnameEndpoint::connect()`. What it waits for keeps it alive; see hostname_race.cpp.
class HostnameRace : public std::enable_shared_from_this<HostnameRace> {
 public:
  HostnameRace(const HostReactor& reactor, std::string host, std::uint16_t port, HostnameOptions options,
               std::shared_ptr<Factory> factory, std::string where);

  Deferred<std::shared_ptr<Protocol>> start();

 private:
  void lookedUp(Result<std::vector<Address>> found);
  void startNext();
  void attemptFailed(std::size_t index, const Failure& reason);
  void finish(Result<std::shared_ptr<Protocol>> result);
  Failure allFailed() const;
  std::string story() const;

  const HostReactor reactor_;
  const std::string host_;
  const std::uint16_t port_;
  const HostnameOptions options_;
  const std::shared_ptr<Factory> factory_;
  const std::string where_;

  std::optional<Promise<std::shared_ptr<Protocol>>> promise_;  // until it is over
  std::optional<Deferred<void>> lookup_;
  bool lookedUp_ = false;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;                                // the address to try next
  std::vector<std::optional<Deferred<void>>> running_;  // by address
  std::vector<FailedAttempts::Attempt> failures_;
  DelayedCall nextCall_;
  DelayedCall timeoutCall_;
};

}  // namespace bight::detail
