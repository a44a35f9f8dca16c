#include <bight/version.hpp>

#include <boost/test/unit_test.hpp>
#include <string>

BOOST_AUTO_TEST_SUITE(Version)

BOOST_AUTO_TEST_CASE(the_header_says_what_the_build_and_the_packages_say) {
  BOOST_TEST(BIGHT_VERSION == BIGHT_PROJECT_VERSION);
}

BOOST_AUTO_TEST_CASE(the_text_is_made_of_the_numbers) {
  BOOST_TEST(BIGHT_VERSION == std::to_string(BIGHT_VERSION_MAJOR) + "." + std::to_string(BIGHT_VERSION_MINOR) + "." +
                                  std::to_string(BIGHT_VERSION_PATCH));
}

BOOST_AUTO_TEST_SUITE_END()
