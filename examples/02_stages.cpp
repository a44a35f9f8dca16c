// A chain of four stages. What a stage does decides which side of the next one runs: eight functions, of which four do. (A107)
#include <exception>
#include <iostream>
#include <string>

#include <bight/deferred.hpp>

using namespace bight;
using std::string;

// region: stages
string stage0_cb(string) {
  std::cout << "What is love?\n";
  throw std::exception();
}
string stage0_eb(Failure) {
  std::cout << "guh\n";
  return "";
}
string stage1_cb(string) {
  std::cout << "blablabla\n";
  return "";
}
string stage1_eb(Failure) {
  std::cout << "Baby don't hurt me\n";
  throw std::exception();
}
string stage2_cb(string) {
  std::cout << "Eeeeh Macarena!\n";
  return "";
}
string stage2_eb(Failure) {
  std::cout << "Don't hurt me\n";
  return "No more";
}
void stage3_cb(string result) {
  std::cout << result << '\n';
}
void stage3_eb(Failure) {
  std::cout << "I'm blue dabadi dabada\n";
}
// endregion: stages

int main() {
  // region: chain
  Deferred<string> d;
  d.addCallbacks(stage0_cb, stage0_eb);
  d.addCallbacks(stage1_cb, stage1_eb);
  d.addCallbacks(stage2_cb, stage2_eb);
  d.addCallbacks(stage3_cb, stage3_eb);
  d.callback("");
  // endregion: chain
}
