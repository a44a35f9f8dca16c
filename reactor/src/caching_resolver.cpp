// An entry is either being looked up (it has waiters, and the lookup) or has an answer and the moment it goes stale.
// Whatever comes back for an entry that has been dropped or replaced finds that out by comparing pointers.
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/name_resolvers.hpp>

namespace bight {

struct CachingNameResolver::State : std::enable_shared_from_this<State> {
  using Addresses = std::vector<Address>;
  struct Waiter {
    std::uint64_t id;
    Promise<Addresses> promise;
  };
  struct Entry {
    std::vector<Waiter> waiters;
    std::optional<Deferred<void>> lookup;
    std::optional<Result<Addresses>> answer;
    Duration stale{0};
  };

  State(std::shared_ptr<NameResolver> resolver, ReactorTime& c, const NameCacheOptions& o)
      : below(std::move(resolver)), clock(c), options(o) {}

  Deferred<Addresses> wait(const NameQuery& key, Entry& entry) {
    const auto id = ++lastId;
    Deferred<Addresses> answer([self = weak_from_this(), key, id] {
      if (const auto state = self.lock()) state->leave(key, id);
    });
    entry.waiters.push_back({id, answer.promise()});
    return answer;
  }

  /// One waiter less; without any, the lookup is of no use.
  void leave(const NameQuery& key, std::uint64_t id) {
    const auto found = entries.find(key);
    if (found == entries.end()) return;
    const auto entry = found->second;
    if (std::erase_if(entry->waiters, [id](const Waiter& each) { return each.id == id; }) == 0) return;
    if (!entry->waiters.empty()) return;
    entries.erase(found);
    if (auto lookup = std::exchange(entry->lookup, std::nullopt)) lookup->cancel();
  }

  void begin(const NameQuery& key, const std::shared_ptr<Entry>& entry) {
    auto lookup = below->resolveHostName(key).addBoth([self = weak_from_this(), key, entry](Result<Addresses> found) {
      if (const auto state = self.lock()) state->answered(key, entry, found);
    });
    if (!entry->answer) entry->lookup.emplace(std::move(lookup));
  }

  void answered(const NameQuery& key, const std::shared_ptr<Entry>& entry, const Result<Addresses>& found) {
    entry->answer = found;
    entry->lookup.reset();
    if (const auto place = entries.find(key); place != entries.end() && place->second == entry) {
      const bool timedOut = !found && found.failure().check<DNSTimeoutError>();
      const bool remembered = found || (found.failure().check<DNSLookupError>() && !timedOut);
      const Duration keep = found ? options.keep : options.keepFailures;
      if (!remembered || keep <= Duration::zero() || options.maxEntries == 0) {
        entries.erase(place);
      } else {
        entry->stale = clock.seconds() + keep;
        ++kept;
        makeRoom();
      }
    }
    for (const auto& waiter : std::exchange(entry->waiters, {}))
      if (!waiter.promise.called()) waiter.promise.callback(found);
  }

  /// The answer that is stale first goes. Few entries, and only after a lookup: looking at all of them is cheap.
  void makeRoom() {
    while (kept > options.maxEntries) {
      auto oldest = entries.end();
      for (auto each = entries.begin(); each != entries.end(); ++each)
        if (each->second->answer && (oldest == entries.end() || each->second->stale < oldest->second->stale))
          oldest = each;
      entries.erase(oldest);
      --kept;
    }
  }

  const std::shared_ptr<NameResolver> below;
  ReactorTime& clock;
  const NameCacheOptions options;
  std::map<NameQuery, std::shared_ptr<Entry>> entries;
  std::size_t kept = 0;  // entries that have an answer
  std::uint64_t lastId = 0;
};

CachingNameResolver::CachingNameResolver(std::shared_ptr<NameResolver> below, ReactorTime& clock,
                                         const NameCacheOptions& options) {
  if (!below) throw std::invalid_argument("CachingNameResolver needs a resolver to ask, and got a null pointer");
  state_ = std::make_shared<State>(std::move(below), clock, options);
}

CachingNameResolver::~CachingNameResolver() = default;

Deferred<std::vector<Address>> CachingNameResolver::resolveHostName(const NameQuery& query) {
  const auto state = state_;  // what an answer calls may drop the resolver
  NameQuery key = query;
  for (char& c : key.name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  if (const auto found = state->entries.find(key); found != state->entries.end()) {
    const auto entry = found->second;
    if (!entry->answer) return state->wait(key, *entry);
    if (state->clock.seconds() < entry->stale) {
      if (*entry->answer) return succeed(**entry->answer);
      return fail<std::vector<Address>>(entry->answer->failure());
    }
    state->entries.erase(found);
    --state->kept;
  }
  const auto entry = std::make_shared<State::Entry>();
  state->entries.emplace(key, entry);
  auto answer = state->wait(key, *entry);
  state->begin(key, entry);
  return answer;
}

void CachingNameResolver::clear() noexcept {
  std::erase_if(state_->entries, [](const auto& each) { return each.second->answer.has_value(); });
  state_->kept = 0;
}

std::size_t CachingNameResolver::size() const noexcept {
  return state_->kept;
}

}  // namespace bight
