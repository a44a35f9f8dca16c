// What the copies of a ClientResponse share.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/http/client_response.hpp>
#include <bight/http/response_parser.hpp>

namespace bight::http::detail {

struct ResponseState {
  explicit ResponseState(Url from) : url(std::move(from)) {}

  // Copies the head, which lies in somebody else's buffer.
  void keepHead(const ReceivedHead& head) {
    status = head.status;
    minorVersion = head.minorVersion;
    const auto from = head.fields.positions();
    memory = std::make_unique_for_overwrite<std::byte[]>(from.size_bytes() + head.raw.size());
    auto* const to = reinterpret_cast<http::detail::FieldPosition*>(memory.get());
    std::uninitialized_copy(from.begin(), from.end(), to);
    positions = {to, from.size()};
    auto* const text = reinterpret_cast<char*>(memory.get() + from.size_bytes());
    head.raw.copy(text, head.raw.size());
    raw = {text, head.raw.size()};
    reasonAt = static_cast<std::size_t>(head.reason.data() - head.raw.data());
    reasonSize = head.reason.size();
  }
  Fields fields() const noexcept { return {raw.data(), positions}; }

  int status = 0;
  int minorVersion = 1;
  bool endsWithConnection = false;
  std::size_t reasonAt = 0;
  std::size_t reasonSize = 0;
  std::unique_ptr<std::byte[]> memory;  // of both:
  std::span<const http::detail::FieldPosition> positions;
  std::string_view raw;
  std::string method;
  Url url;
  std::vector<ClientResponse> history;
  BodyReader body;

  // Of `content`: what was read, or who waits for it.
  bool reading = false;
  std::optional<std::string> content;
  std::optional<Failure> failure;
  std::vector<Promise<std::string>> waiting;
};

}  // namespace bight::http::detail
