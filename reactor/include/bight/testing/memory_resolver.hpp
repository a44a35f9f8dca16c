/// @file
/// A resolver that asks nobody: the test says which names there are.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <bight/export.hpp>
#include <bight/resolver.hpp>

namespace bight::testing {

/// Knows the names that were added to it. (Twisted: deterministicResolvingReactor)
///
/// ```cpp
/// reactor.names().add("chat.example", {"2001:db8::1", "192.0.2.1"});
/// ```
class BIGHT_API MemoryNameResolver final : public NameResolver {
 public:
  MemoryNameResolver();
  ~MemoryNameResolver() override;

  /// From now on `name` has these addresses, in this order. None: it is not known any more.
  /// @throws std::invalid_argument if one of them is not a literal
  void add(const std::string& name, const std::vector<std::string>& literals);

  /// Lookups wait from now on, until `release()`.
  void hold() noexcept { holding_ = true; }
  /// Answers those that wait and have not been cancelled, and those to come at once.
  void release();
  /// Those that wait and have not been cancelled.
  std::size_t waiting() const;
  /// Every lookup there was, in order.
  const std::vector<NameQuery>& queries() const noexcept { return queries_; }

  Deferred<std::vector<Address>> resolveHostName(const NameQuery& query) override;

 private:
  struct Waiter {
    NameQuery query;
    Promise<std::vector<Address>> promise;
  };
  Result<std::vector<Address>> find(const NameQuery& query) const;

  std::map<std::string, std::vector<Address>> table_;
  std::vector<NameQuery> queries_;
  std::vector<Waiter> waiters_;
  bool holding_ = false;
};

}  // namespace bight::testing
