// The walk down a tree of resources, for the connection and for resources that stand before a tree of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <bight/http/resource.hpp>

#include "request_extras.hpp"

namespace bight::http::detail {

struct RequestAccess {
  // From `root`, to whom the path up to Request::below_ has led, to the resource for the rest. Null: there is none.
  // Throws StatusError(400) if the path is not properly encoded.
  static std::shared_ptr<Resource> locate(const std::shared_ptr<Resource>& root, Request& request);
  // The same for a const request, whose place is put back.
  static std::uint64_t streamedBody(const std::shared_ptr<Resource>& root, const Request& request);
  // Locates and renders. 404 if there is none.
  static Answer render(const std::shared_ptr<Resource>& root, Request& request);

  static RequestExtras& extras(Request& request);
  static const RequestExtras* findExtras(const Request& request) noexcept { return request.extras_.get(); }
  static std::uint16_t& below(Request& request) noexcept { return request.below_; }
};

}  // namespace bight::http::detail
