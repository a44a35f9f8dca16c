// Runs the fuzzing entry points of tests/fuzz/http_pieces_fuzz.cpp over the case file, their seeds, and what a simple mutator makes of them.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "cases_path.hpp"
#include "json_reader.hpp"

extern "C" int fuzzHttpPieces(const std::uint8_t* data, std::size_t size);

BOOST_AUTO_TEST_SUITE(HttpPiecesFuzz)

BOOST_AUTO_TEST_CASE(what_is_read_holds_its_rules_however_it_is_mutated) {
  std::ifstream file(BIGHT_CASES "/llhttp.json", std::ios::binary);
  BOOST_REQUIRE_MESSAGE(file, "cannot read " BIGHT_CASES "/llhttp.json");
  std::ostringstream text;
  text << file.rdbuf();
  // The first byte says which entry point.
  std::vector<std::string> inputs;
  const char* names[] = {"http_response", "url", "cookies", "chunked", "decoding"};
  for (char which = 0; which < 5; ++which) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(BIGHT_SEEDS "/") + names[int{which}])) {
      std::ifstream seed(entry.path(), std::ios::binary);
      inputs.push_back(which + std::string(std::istreambuf_iterator<char>(seed), {}));
    }
  }
  BOOST_REQUIRE_GE(inputs.size(), 10);
  for (const auto& one : bight::testcases::Json::parse(text.str()).array) {
    if (!one["mode"].string.starts_with("response")) continue;
    for (char options = 0; options < 6; ++options) inputs.push_back(std::string{'\0', options} + one["input"].string);
  }
  const unsigned seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  for (const std::string& input : inputs) {
    fuzzHttpPieces(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    for (int round = 0; round < (input[0] ? 1000 : 4); ++round) {
      std::string mutated = input;
      for (unsigned changes = 1 + random() % 4; changes-- && mutated.size() > 3;) {
        const std::size_t at = 2 + random() % (mutated.size() - 2);
        const char c = random() % 2 ? "\r\n :;=/?#@%[]\\.0,\t\0"[random() % 19] : static_cast<char>(random());
        if (random() % 3 == 0) {
          mutated.erase(at, 1);
        } else if (random() % 2) {
          mutated.insert(at, 1, c);
        } else {
          mutated[at] = c;
        }
      }
      fuzzHttpPieces(reinterpret_cast<const std::uint8_t*>(mutated.data()), mutated.size());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
