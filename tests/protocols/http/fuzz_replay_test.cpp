// Runs the fuzzing entry point over the case file and over what a simple mutator makes of it.
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "cases_path.hpp"
#include "json_reader.hpp"

BOOST_AUTO_TEST_SUITE(HttpParserFuzz)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::string> corpus() {
  std::ifstream file(BIGHT_CASES "/llhttp.json", std::ios::binary);
  BOOST_REQUIRE_MESSAGE(file, "cannot read " BIGHT_CASES "/llhttp.json");
  std::ostringstream text;
  text << file.rdbuf();
  std::vector<std::string> inputs;
  for (const auto& one : bight::testcases::Json::parse(text.str()).array) inputs.push_back(one["input"].string);
  return inputs;
}

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_cut_of_the_corpus_is_read_alike_with_all_options) {
  for (const std::string& input : corpus()) {
    for (char options = 0; options < 8; ++options) run(std::string{options, '\x07'} + input);
  }
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_mutated_corpus_is_read_alike) {
  const std::vector<std::string> inputs = corpus();
  const unsigned seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  static const std::string spice[] = {"\r\n",
                                      "\r",
                                      "\n",
                                      " ",
                                      "\t",
                                      ":",
                                      ";",
                                      "\"",
                                      "\\",
                                      "0",
                                      "f",
                                      ",",
                                      "chunked",
                                      "close",
                                      std::string(1, '\0'),
                                      "\x80",
                                      "Content-Length: 3\r\n",
                                      "Transfer-Encoding: chunked\r\n",
                                      "Host: a\r\n",
                                      "\r\n\r\n",
                                      "0\r\n\r\n"};
  BOOST_TEST_CONTEXT("seed " << seed) {
    for (int i = 0; i < 50000; ++i) {
      std::string input = inputs[below(inputs.size())];
      if (below(4) == 0) input += inputs[below(inputs.size())];
      for (std::size_t n = below(4); n > 0 && !input.empty(); --n) {
        const std::size_t at = below(input.size());
        switch (below(3)) {
          case 0:
            input.erase(at, 1 + below(3));
            break;
          case 1:
            input.insert(at, spice[below(std::size(spice))]);
            break;
          default:
            input[at] = static_cast<char>(random());
            break;
        }
      }
      run(std::string{static_cast<char>(below(8)), static_cast<char>(random())} + input);
    }
  }
  BOOST_TEST(true);  // a difference aborts, with the bytes on stderr
}

BOOST_AUTO_TEST_SUITE_END()
