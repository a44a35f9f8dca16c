/// @file
/// Internal: memory that is needed for the length of a call.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace bight::tls::detail {

/// A piece of memory, borrowed from this thread's pool while it lives. Usually the pool has one: a second one is made
/// when TLS runs inside TLS.
class Scratch {
 public:
  /// Room for four records, with what encryption adds to them.
  static constexpr std::size_t size = 68 * 1024;

  Scratch() {
    auto& free = pool();
    if (free.empty()) {
      memory_.reset(new char[size]);  // not make_unique: that would write zeros first
    } else {
      memory_ = std::move(free.back());
      free.pop_back();
    }
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    try {
      if (pool().size() < mostFree) pool().push_back(std::move(memory_));
    } catch (...) {
      // then it is not kept
    }
  }

  char* data() noexcept { return memory_.get(); }

 private:
  static constexpr std::size_t mostFree = 3;
  static std::vector<std::unique_ptr<char[]>>& pool() {
    static thread_local std::vector<std::unique_ptr<char[]>> free;
    return free;
  }

  std::unique_ptr<char[]> memory_;
};

/// Bytes gathered in a scratch.
struct Gathered {
  Scratch memory;
  std::size_t used = 0;
  std::string_view bytes() noexcept { return {memory.data(), used}; }
};

}  // namespace bight::tls::detail
