#include "thread_binding.hpp"

#include <string>

#include <bight/log.hpp>
#include <bight/reactor_errors.hpp>

namespace bight::detail {

void ThreadBinding::wrong(const char* what) const {
  const std::string text = std::string(what) +
                           " was called in another thread than the reactor's; only callFromThread may be. "
                           "Wrap it: reactor.callFromThread([...] { ... })";
  if (throws_.load(std::memory_order_relaxed)) throw WrongThread(text);
  if (!logged_.exchange(true)) {
    Logger("bight.reactor").critical(text + " (logged once; a debug build throws here)");
  }
}

}  // namespace bight::detail
