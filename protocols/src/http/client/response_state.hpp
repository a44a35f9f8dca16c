// What the copies of a ClientResponse share.
#pragma once

#include <optional>
#include <string>
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
    raw.assign(head.raw);
    positions.assign(head.fields.positions().begin(), head.fields.positions().end());
    reasonAt = static_cast<std::size_t>(head.reason.data() - head.raw.data());
    reasonSize = head.reason.size();
  }
  Fields fields() const noexcept { return {raw.data(), positions}; }

  int status = 0;
  int minorVersion = 1;
  bool endsWithConnection = false;
  std::size_t reasonAt = 0;
  std::size_t reasonSize = 0;
  std::string raw;
  std::vector<http::detail::FieldPosition> positions;
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
