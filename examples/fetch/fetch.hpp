// Getting many URLs at once, each to a place of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/http/client.hpp>

#include "progress.hpp"

namespace fetch {

struct Task {
  std::string url;
  std::string file;  // empty: standard output, in the order of the tasks
};

struct Options {
  std::string method;  // empty: GET, or POST with data
  bight::http::Headers headers;
  std::string data;
  bool hasData = false;
  bool json = false;  // a line of JSON for each, in the place of the contents
  std::uint64_t limit = ~std::uint64_t{0};
  bight::Duration timeout{};
};

// Fires with how many of them came whole. `progress` and the client must outlive it.
bight::Deferred<std::size_t> fetchAll(bight::http::Client client, std::vector<Task> tasks, Options options,
                                      Progress& progress);

}  // namespace fetch
