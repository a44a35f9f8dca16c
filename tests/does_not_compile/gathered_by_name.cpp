// Many Deferreds with a name, gathered without giving them away.
// error: deleted function
// shown: consumes them: write
#include <bight/deferred.hpp>

#include <utility>
#include <vector>

void gather(std::vector<bight::Deferred<int>> all) {
#if MISTAKE == 1
  bight::gatherResults(all);
#elif MISTAKE == 2
  bight::deferredList(all);
#elif MISTAKE == 3
  bight::race(all);
#elif MISTAKE == 4
  bight::deferredList(bight::fireOnOneCallback, all);
#else
  bight::gatherResults(std::move(all));
#endif
}
