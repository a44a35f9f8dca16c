// The system's resolver blocks, so it is asked in the reactor's thread pool. Lookups wait here in a queue, not in the
// pool's: so one that is cancelled before its turn costs nothing, and slow name servers leave threads to others.
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <bight/name_resolvers.hpp>

#include "duration_text.hpp"

namespace bight {

std::vector<Address> systemLookup(const NameQuery& query) {
  addrinfo hints{};
  hints.ai_family = query.family == AddressFamily::any    ? AF_UNSPEC
                    : query.family == AddressFamily::ipv4 ? AF_INET
                                                          : AF_INET6;
  hints.ai_socktype = query.type == AddressType::udp ? SOCK_DGRAM : SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(query.name.c_str(), nullptr, &hints, &found);
  if (error == EAI_SYSTEM) throw DNSLookupError(errno, query.name);
  if (error != 0) throw DNSLookupError(0, query.name + ": " + ::gai_strerror(error));
  std::vector<Address> addresses;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    auto address = Address::fromSockaddr(each->ai_addr, each->ai_addrlen, query.type);
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
      addresses.push_back(std::move(address));
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) throw DNSLookupError(0, query.name + ": the name has no address");
  return addresses;
}

struct ThreadedNameResolver::State : std::enable_shared_from_this<State> {
  struct Lookup {
    std::uint64_t id;
    NameQuery query;
    Promise<std::vector<Address>> promise;
  };

  State(ReactorThreads& r, ReactorTime& c, NameLookup f, const ThreadedResolverOptions& o)
      : reactor(r), clock(c), lookup(std::move(f)), options(o) {}

  /// Gives lookups to the pool as long as there are some and it may have more.
  void startSome() {
    while (running < options.maxLookups && !waiting.empty()) {
      Lookup next = std::move(waiting.front());
      waiting.pop_front();
      ++running;
      try {
        deferToThread(reactor, [find = lookup, query = std::move(next.query)] {
          return find(query);
        }).addBoth([self = weak_from_this(), promise = next.promise](Result<std::vector<Address>> found) {
          if (!promise.called()) promise.callback(std::move(found));
          if (const auto state = self.lock()) {
            --state->running;
            state->startSome();
          }
        });
      } catch (...) {  // the pool has been stopped
        --running;
        if (!next.promise.called()) next.promise.errback();
      }
    }
  }

  void forget(std::uint64_t id) {
    std::erase_if(waiting, [id](const Lookup& each) { return each.id == id; });
  }

  ReactorThreads& reactor;
  ReactorTime& clock;
  const NameLookup lookup;
  const ThreadedResolverOptions options;
  std::deque<Lookup> waiting;
  std::size_t running = 0;
  std::uint64_t lastId = 0;
};

ThreadedNameResolver::ThreadedNameResolver(ReactorThreads& reactor, ReactorTime& clock, NameLookup lookup,
                                           const ThreadedResolverOptions& options) {
  if (!lookup) throw std::invalid_argument("ThreadedNameResolver needs a function that looks up, and got none");
  if (options.maxLookups == 0) throw std::invalid_argument("ThreadedNameResolver: maxLookups must be at least 1");
  state_ = std::make_shared<State>(reactor, clock, std::move(lookup), options);
}

ThreadedNameResolver::~ThreadedNameResolver() = default;

Deferred<std::vector<Address>> ThreadedNameResolver::resolveHostName(const NameQuery& query) {
  const auto id = ++state_->lastId;
  Deferred<std::vector<Address>> answer([self = state_->weak_from_this(), id] {
    if (const auto state = self.lock()) state->forget(id);
  });
  state_->waiting.push_back({id, query, answer.promise()});
  const auto limit = state_->options.timeout;
  if (limit > Duration::zero()) {
    answer.addTimeout(
        limit, state_->clock,
        [name = query.name](Result<std::vector<Address>>, Duration waited) -> Result<std::vector<Address>> {
          return Failure(DNSTimeoutError(name + ": no answer within " + detail::durationText(waited)));
        });
  }
  state_->startSome();
  return answer;
}

}  // namespace bight
