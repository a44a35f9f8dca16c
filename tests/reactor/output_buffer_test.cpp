#include "output_buffer.hpp"

#include <sys/uio.h>

#include <boost/test/unit_test.hpp>
#include <random>
#include <string>

BOOST_AUTO_TEST_SUITE(output_buffer)

using bight::detail::OutputBuffer;

namespace output_buffer_test {

std::string contents(const OutputBuffer& buffer) {
  std::vector<iovec> pieces(10000);
  const std::size_t count = buffer.front(pieces.data(), pieces.size());
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return all;
}

}  // namespace output_buffer_test

using namespace output_buffer_test;

BOOST_AUTO_TEST_CASE(it_is_a_queue_of_bytes) {
  std::mt19937 random(20261121);
  OutputBuffer buffer;
  std::string model;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 2 == 0) {
      const std::string data(1 + random() % (random() % 10 == 0 ? 100'000 : 300), static_cast<char>('a' + i % 26));
      buffer.append(data);
      model += data;
    } else if (!model.empty()) {
      const std::size_t n =
          random() % 20 == 0 ? model.size() : random() % std::min<std::size_t>(model.size() + 1, 3000);
      buffer.consume(n);
      model.erase(0, n);
    }
    BOOST_REQUIRE(buffer.size() == model.size());
    BOOST_REQUIRE(buffer.empty() == model.empty());
    if (i % 97 == 0) BOOST_REQUIRE((contents(buffer) == model));
    if (model.size() > 3'000'000) {
      buffer.clear();
      model.clear();
    }
  }
}

// A peer that lags a little costs little, one that lags a lot needs few chunks.
BOOST_AUTO_TEST_CASE(chunks_grow) {
  OutputBuffer buffer;
  for (int i = 0; i < 10000; ++i) buffer.append(std::string(100, 'x'));
  std::vector<iovec> pieces(100);
  BOOST_TEST(buffer.front(pieces.data(), pieces.size()) <= 25U);
  BOOST_TEST(pieces[0].iov_len == 1024U);
}

BOOST_AUTO_TEST_SUITE_END()
