#include <bight/testing/memory_resolver.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace bight::testing {

MemoryNameResolver::MemoryNameResolver() = default;
MemoryNameResolver::~MemoryNameResolver() = default;

void MemoryNameResolver::add(const std::string& name, const std::vector<std::string>& literals) {
  std::vector<Address> addresses;
  for (const auto& text : literals) {
    auto address = Address::parse(text, 0);
    if (!address) throw std::invalid_argument("MemoryNameResolver::add: \"" + text + "\" is not an address");
    addresses.push_back(*std::move(address));
  }
  if (addresses.empty())
    table_.erase(name);
  else
    table_[name] = std::move(addresses);
}

Result<std::vector<Address>> MemoryNameResolver::find(const NameQuery& query) const {
  const auto found = table_.find(query.name);
  if (found == table_.end()) return Failure(DNSLookupError(0, query.name + ": not a name of this MemoryNameResolver"));
  auto addresses = found->second;
  std::erase_if(addresses, [&](const Address& each) {
    return (query.family == AddressFamily::ipv4 && !each.get<IPv4Address>()) ||
           (query.family == AddressFamily::ipv6 && !each.get<IPv6Address>());
  });
  if (addresses.empty()) return Failure(DNSLookupError(0, query.name + ": it has no address of that family"));
  return addresses;
}

void MemoryNameResolver::release() {
  holding_ = false;
  for (const auto& waiter : std::exchange(waiters_, {}))
    if (!waiter.promise.called()) waiter.promise.callback(find(waiter.query));
}

std::size_t MemoryNameResolver::waiting() const {
  return static_cast<std::size_t>(
      std::count_if(waiters_.begin(), waiters_.end(), [](const Waiter& each) { return !each.promise.called(); }));
}

Deferred<std::vector<Address>> MemoryNameResolver::resolveHostName(const NameQuery& query) {
  queries_.push_back(query);
  Deferred<std::vector<Address>> answer([] {});
  if (holding_)
    waiters_.push_back({query, answer.promise()});
  else
    answer.promise().callback(find(query));
  return answer;
}

}  // namespace bight::testing
