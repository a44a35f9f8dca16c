/// @file
/// Input cut in every way, because a network cuts where it likes.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace bight::testing {

/// Calls `f` with one way after the other to cut `bytes` into pieces (a `const std::vector<std::string_view>&`): whole,
/// in two at every offset, and byte by byte. A protocol that is right does the same each time.
///
/// ```cpp
/// testing::eachFeeding("GET / HTTP/1.1\r\n\r\n", [](const auto& pieces) {
///   auto protocol = std::make_shared<Mine>();
///   auto transport = makeRef<testing::StringTransport>();
///   protocol->makeConnection(*transport);
///   for (auto piece : pieces) protocol->dataReceived(piece);
///   BOOST_TEST(transport->value() == "...");
/// });
/// ```
template <class F>
void eachFeeding(std::string_view bytes, F&& f) {
  std::vector<std::string_view> pieces;
  if (!bytes.empty()) pieces.push_back(bytes);
  f(std::as_const(pieces));
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    pieces = {bytes.substr(0, at), bytes.substr(at)};
    f(std::as_const(pieces));
  }
  pieces.clear();
  for (std::size_t at = 0; at < bytes.size(); ++at) pieces.push_back(bytes.substr(at, 1));
  f(std::as_const(pieces));
}

}  // namespace bight::testing
