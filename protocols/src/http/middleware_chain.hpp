// Middlewares in their order, and what they lead to.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <bight/http/middleware.hpp>

namespace bight::http::detail {

class MiddlewareChain : public std::enable_shared_from_this<MiddlewareChain> {
 public:
  virtual ~MiddlewareChain() = default;

  void add(Middleware middleware);
  Answer render(Request& request, std::size_t from = 0);

 protected:
  // What stands behind the last one.
  virtual Answer last(Request& request) = 0;

 private:
  std::vector<Middleware> middlewares_;
};

}  // namespace bight::http::detail
