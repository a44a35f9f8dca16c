// Many Deferreds at once: all of them, each of them, or the first.
#include <iostream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <bight/deferred.hpp>

using namespace bight;

std::vector<Deferred<int>> three(std::vector<Promise<int>>& producers) {
  std::vector<Deferred<int>> all(3);
  producers.clear();
  for (const Deferred<int>& d : all) producers.push_back(d.promise());
  return all;
}

int main() {
  std::vector<Promise<int>> producers;
  {
    // region: gather
    gatherResults(three(producers)).addCallback([](const std::vector<int>& all) {
      std::cout << "all:";
      for (int n : all) std::cout << ' ' << n;
      std::cout << '\n';
    });
    producers[2].callback(30);  // in any order; the results come in the order of the input
    producers[0].callback(10);
    producers[1].callback(20);
    // endregion: gather
  }
  {
    // region: first-error
    gatherResults(three(producers), true).addErrback([](const Failure& f) {
      const FirstError& first = *f.get<FirstError>();
      std::cout << "number " << first.index() << " failed: " << first.subFailure().getErrorMessage() << '\n';
    });
    producers[1].errback(std::runtime_error("refused"));
    // endregion: first-error
  }
  {
    // region: tuple
    gatherResults(succeed(std::string("Ann")), succeed(36)).addCallback([](const std::tuple<std::string, int>& person) {
      std::cout << std::get<0>(person) << " is " << std::get<1>(person) << '\n';
    });
    // endregion: tuple
  }
  {
    // region: list
    deferredList(three(producers), {.consumeErrors = true}).addCallback([](const std::vector<Result<int>>& outcomes) {
      for (const Result<int>& r : outcomes)
        std::cout << (r ? std::to_string(*r) : r.failure().getErrorMessage()) << '\n';
    });
    producers[0].callback(1);
    producers[1].errback(std::runtime_error("refused"));
    producers[2].callback(3);
    // endregion: list
  }
  {
    // region: race
    race(three(producers)).addCallback([](std::pair<std::size_t, int> won) {
      std::cout << "number " << won.first << " won with " << won.second << '\n';
    });
    producers[2].callback(3);  // the others are cancelled
    // endregion: race
  }
}
