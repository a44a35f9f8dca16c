// Runs the client's fuzzing entry points over the case file, some URLs and cookies, and what a simple mutator makes of
// them.
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

extern "C" int fuzzHttpClient(const std::uint8_t* data, std::size_t size);

BOOST_AUTO_TEST_SUITE(HttpClientFuzz)

BOOST_AUTO_TEST_CASE(what_a_client_reads_holds_its_rules_however_it_is_mutated) {
  using std::string_literals::operator""s;
  std::ifstream file(BIGHT_CASES "/llhttp.json", std::ios::binary);
  BOOST_REQUIRE_MESSAGE(file, "cannot read " BIGHT_CASES "/llhttp.json");
  std::ostringstream text;
  text << file.rdbuf();
  std::vector<std::string> inputs = {
      "\1\0http://u:p@M\xC3\xBCnchen.example:81/a/../b?c#d\0../e?f"s,
      "\1\0https://[2001:db8::1]/\0//h/./x"s,
      "\2\0a=b; Path=/; Domain=site.example; Max-Age=10; Secure\n__Host-x=y; secure; path=/\nc=d; Expires=Sun, 06 Nov 2094 08:49:37 GMT"s,
  };
  for (const auto& one : bight::testcases::Json::parse(text.str()).array) {
    if (!one["mode"].string.starts_with("response")) continue;
    for (char options = 0; options < 6; ++options) inputs.push_back(std::string{'\0', options} + one["input"].string);
  }
  const unsigned seed = std::random_device{}();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::mt19937 random(seed);
  for (const std::string& input : inputs) {
    fuzzHttpClient(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    for (int round = 0; round < (input[0] ? 2000 : 4); ++round) {
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
      fuzzHttpClient(reinterpret_cast<const std::uint8_t*>(mutated.data()), mutated.size());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
