/// @file
/// The two resolvers that a reactor begins with: the system's, in threads, and a cache before it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <bight/export.hpp>
#include <bight/resolver.hpp>
#include <bight/threads.hpp>
#include <bight/time.hpp>

namespace bight {

/// A function that finds the addresses of a name and may block. It is called in several threads at once; it throws
/// DNSLookupError.
using NameLookup = std::function<std::vector<Address>(const NameQuery&)>;

/// getaddrinfo(3): whatever the system knows, by /etc/hosts, DNS, or otherwise. Blocks.
BIGHT_API std::vector<Address> systemLookup(const NameQuery& query);

/// The limits of a `ThreadedNameResolver`.
struct ThreadedResolverOptions {
  /// How long one lookup may take, waiting for its turn included. Zero or less: no limit.
  Duration timeout = std::chrono::seconds(60);
  /// How many are made at once; others wait. It leaves threads of the pool (10, at first) to those who have other work
  /// while name servers are slow.
  std::size_t maxLookups = 5;
};

/// Runs a blocking lookup in the reactor's thread pool.
///
/// A lookup that is cancelled while it waits is never made; one that is under way in its thread runs on, and its result
/// is dropped. (Twisted: GAIResolver)
class BIGHT_API ThreadedNameResolver final : public NameResolver {
 public:
  /// @param clock for the timeout; usually the same reactor
  /// @throws std::invalid_argument if `lookup` is empty or `maxLookups` is 0
  ThreadedNameResolver(ReactorThreads& reactor, ReactorTime& clock, NameLookup lookup = systemLookup,
                       const ThreadedResolverOptions& options = {});
  ~ThreadedNameResolver() override;

  Deferred<std::vector<Address>> resolveHostName(const NameQuery& query) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// What a `CachingNameResolver` keeps.
struct NameCacheOptions {
  /// How long an answer is used. The system does not tell how long it is valid; so this is short.
  Duration keep = std::chrono::seconds(10);
  /// How long it is remembered that a name was not found. Timeouts are not remembered.
  Duration keepFailures = std::chrono::seconds(1);
  /// How many answers at most; the oldest goes.
  std::size_t maxEntries = 256;
};

/// Remembers answers for a moment, and makes one lookup of many that want the same at the same time. The lookup is
/// cancelled when the last of those who wait for it has cancelled.
class BIGHT_API CachingNameResolver final : public NameResolver {
 public:
  /// @throws std::invalid_argument if `below` is null
  CachingNameResolver(std::shared_ptr<NameResolver> below, ReactorTime& clock, const NameCacheOptions& options = {});
  ~CachingNameResolver() override;

  Deferred<std::vector<Address>> resolveHostName(const NameQuery& query) override;

  /// Forgets all answers.
  void clear() noexcept;
  /// How many are kept.
  std::size_t size() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bight
