// What a chain did, as words and as pictures: 41_pictures [chain.svg | chain.html | chain.json | chain.mmd]
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/trace.hpp>

using namespace bight;

// region: chain
Recording watch() {
  Deferred<int> answer;
  const Promise<int> remote = answer.promise();

  const Tracer tracer;
  Deferred<int> d;
  d.addCallback([](int n) { return n + 1; });
  d.addErrback([](const Failure&) { return 0; });
  d.addCallback([&answer](int) { return std::move(answer); });  // the chain waits for it
  d.addCallback([](int n) {
    if (n < 10) throw std::runtime_error("too small");
    return n;
  });
  d.addCallback([](int n) { return n * 2; });
  d.addErrback([](const Failure&) { return 10; });
  d.callback(41);
  remote.callback(3);
  return tracer.recording();
}
// endregion: chain

int main(int argc, char** argv) {
  const Recording recording = watch();
  if (argc < 2) {
    std::cout << toText(recording);
    return 0;
  }
  // region: write
  const std::string_view name = argv[1];
  std::ofstream file(argv[1], std::ios::binary);
  if (name.ends_with(".html")) {
    file << toHtml(recording);  // replays it, step by step, beside the source
  } else if (name.ends_with(".json")) {
    file << toJson(recording);
  } else if (name.ends_with(".mmd")) {
    file << toMermaid(recording);
  } else {
    file << toSvg(recording);
  }
  // endregion: write
  return file.flush() ? 0 : 1;
}
