/// @file
/// Middleware: what stands before resources, and sees requests on their way in and answers on their way out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/http/resource.hpp>

namespace bight::http {

class Next;

/// Answers a request itself, or asks what stands behind it by `next(request)`, now or later:
///
///     http::Middleware timed = [](http::Request& request, const http::Next& next) -> http::Answer {
///       if (closedForToday()) return http::Response::error(503, "Come back tomorrow.");
///       request.responseHeaders().add("X-Served-By", "me");     // goes out with whatever the answer is
///       return next(request);
///     };
///
/// One that has to wait is a coroutine (it takes `Next` by value then: the frame outlives the call):
///
///     http::Middleware known = [](http::Request& request, http::Next next) -> Deferred<http::Answer> {
///       if (!co_await lookUp(request)) throw http::StatusError(403, "You are not known here.");
///       co_return next(request);
///     };
using Middleware = Function<Answer(Request&, const Next&)>;

namespace detail {
class MiddlewareChain;
}

/// What stands behind a middleware. Copies do the same; may be kept and called later, while the request is not answered.
class BIGHT_API Next {
 public:
  Answer operator()(Request& request) const;

 private:
  friend class detail::MiddlewareChain;
  Next(std::shared_ptr<detail::MiddlewareChain> chain, std::size_t index) noexcept;

  std::shared_ptr<detail::MiddlewareChain> chain_;
  std::size_t index_;
};

/// A resource, and all that is below it, behind middlewares, of which the first is outermost. Contents are streamed if
/// the resource wants that. Throws std::invalid_argument if any of them is null.
BIGHT_API std::shared_ptr<Resource> behind(std::vector<Middleware> middlewares, std::shared_ptr<Resource> resource);
/// The same with one.
BIGHT_API std::shared_ptr<Resource> behind(Middleware middleware, std::shared_ptr<Resource> resource);

}  // namespace bight::http
