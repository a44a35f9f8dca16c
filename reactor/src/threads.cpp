#include <bight/threads.hpp>

namespace bight {

void callMultipleInThread(ReactorThreads& reactor, std::vector<Function<void()>> calls) {
  reactor.callInThread([calls = std::move(calls)]() mutable {
    for (Function<void()>& call : calls) call();
  });
}

}  // namespace bight
