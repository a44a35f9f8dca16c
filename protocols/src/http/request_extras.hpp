// What only some requests have: allocated when it is first asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <bight/http/headers.hpp>
#include <bight/time.hpp>

namespace bight::http::detail {

struct RequestExtras {
  std::vector<std::pair<std::string, std::string>> parameters;
  Headers responseHeaders;
  std::string user;
  // For the encoding of the answer: what a Compressed resource has found out. 0: none.
  std::size_t gzipFrom = 0;
  int gzipLevel = 0;
  // For the access log:
  Duration begun{};
  std::string client;
  std::uint64_t sent = 0;
  int status = 0;
};

}  // namespace bight::http::detail
