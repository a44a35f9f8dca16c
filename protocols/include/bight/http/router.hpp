/// @file
/// `Router`: methods and paths with parameters, and the function that answers each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/http/middleware.hpp>
#include <bight/http/resource.hpp>

namespace bight::http {

/// Finds the function for a request by its path and its method.
///
///     auto router = std::make_shared<http::Router>();
///     router->on("GET", "/rooms/{room}/messages/{id}", [&](http::Request& request) {
///       return show(request.parameter("room"), request.parameter("id"));
///     });
///     router->on("POST", "/rooms/{room}/messages", post);          // a coroutine that returns Deferred<Response>
///     router->on("GET", "/files/{path...}", [&](http::Request& request) { return file(request.parameter("path")); });
///     router->mount("/static", std::make_shared<http::StaticFiles>(*reactor, "/srv/www"));
///     auto site = std::make_shared<http::Site>(*reactor, router);
///
/// | part of a pattern | matches |
/// |---|---|
/// | `rooms` | just that |
/// | `{room}` | one part that is not empty, decoded |
/// | `{path...}` | at the end: all that is left, decoded part by part; at least one part, which may be empty ("/files/") |
///
/// Where several match, what is written out goes before `{room}`, and that before `{path...}`; the order in which they
/// were added does not matter. Paths are compared part by part after percent-decoding, with case; "/rooms" and "/rooms/"
/// are two. A decoded part never holds a slash that was a separator, but may hold one that was written "%2F".
///
/// Methods are answered as by `Methods`: HEAD by the function for GET, OPTIONS by itself, others with 405. A Router is
/// a Resource: it may be the root of a Site or be put anywhere in a tree, where its patterns begin.
class BIGHT_API Router : public Resource {
 public:
  using Render = Methods::Render;

  Router();
  ~Router() override;

  /// Throws std::invalid_argument if the pattern does not begin with a slash or a brace is misplaced, std::logic_error
  /// if there is a function for these already, or the same place has parameters of other names.
  Router& on(std::string method, std::string_view pattern, Render render);
  /// For a function that reads contents of up to `limit` bytes as they arrive, see `Methods::onStream`.
  Router& onStream(std::string method, std::string_view pattern, std::uint64_t limit, Render render);
  /// Everything below `prefix`, and itself, is for `resource` and its tree. What is written out below it goes before.
  Router& mount(std::string_view prefix, std::shared_ptr<Resource> resource);
  /// Puts a middleware before all that this router answers, 404 and 405 included; the first is outermost.
  Router& use(Middleware middleware);

  bool isLeaf() const noexcept override { return true; }
  std::uint64_t streamedBody(const Request& request) const override;
  Answer render(Request& request) override;

 private:
  struct Node;
  class Table;

  Node& place(std::string_view pattern);
  Methods& methodsAt(std::string_view pattern);

  std::shared_ptr<Table> table_;
};

}  // namespace bight::http
