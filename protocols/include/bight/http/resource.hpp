/// @file
/// `Resource`: something that has a URL and answers requests. `Answer`: how it answers, now or later.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/http/message.hpp>
#include <bight/http/response_stream.hpp>
#include <bight/http/upgrade.hpp>

namespace bight::http {

struct FileContent;

/// What `Resource::render` returns: a Response, a stream that has been opened, a file (file_content.hpp), an Upgrade, or a
/// Deferred of a Response or of any Answer (so also what a coroutine returns).
///
/// A Deferred that fails is answered with 500 and logged; the client learns nothing about it. Except that a
/// `StatusError` is answered with its status and its sentence. When the client goes away first, the Deferred is
/// cancelled, and whatever it gives later is dropped.
class BIGHT_API Answer {
 public:
  Answer(Response response) : what_(std::move(response)) {}              // NOLINT(google-explicit-constructor)
  Answer(Deferred<Response>&& deferred) : what_(std::move(deferred)) {}  // NOLINT(google-explicit-constructor)
  Answer(ResponseStream stream) : what_(std::move(stream)) {}            // NOLINT(google-explicit-constructor)
  Answer(Upgrade upgrade) : what_(std::move(upgrade)) {}                 // NOLINT(google-explicit-constructor)
  Answer(std::shared_ptr<FileContent> file) : what_(std::move(file)) {}  // NOLINT(google-explicit-constructor)
  Answer(Deferred<Answer>&& deferred) : what_(std::move(deferred)) {}    // NOLINT(google-explicit-constructor)

  /// The same answer, which keeps `resource` (or anything else) alive until it has been given.
  Answer&& keeping(std::shared_ptr<const void> resource) &&;

  /// The response, now or when it is there: what a test of a resource looks at. That of a file has no content. Fails with
  /// std::logic_error if the answer is a stream or an upgrade, of which only a connection can show what becomes of it.
  Deferred<Response> response() &&;

 private:
  friend class detail::Connection;

  std::variant<Response, Deferred<Response>, ResponseStream, Upgrade, Deferred<Answer>, std::shared_ptr<FileContent>>
      what_;
  std::shared_ptr<const void> kept_;
};

/// A node in the tree of URLs. Twisted: `twisted.web.resource.Resource`.
///
///     class Hello : public http::Resource {
///       http::Answer render(http::Request&) override { return http::Response::text("Hello, World!"); }
///     };
///     auto root = std::make_shared<http::Directory>();
///     root->putChild("hello", std::make_shared<Hello>());
///
/// The path of a request is cut at its slashes, each part is percent-decoded, and the tree is walked from the root: at
/// each resource that is not a leaf, the child put there, or else `getChild`, gives the next. A path that ends in a
/// slash asks for the child "" first, and if there is none it is the resource itself. No child is 404. Parts named "."
/// and ".." have no meaning here: they are looked up like any other.
class BIGHT_API Resource : public std::enable_shared_from_this<Resource> {
 public:
  virtual ~Resource();

  /// Answers a request; HEAD comes here too (the server leaves out the content), and so do methods this resource may
  /// not know: answer those with 405, or let `on` do it. Whatever is thrown is answered as a failed Deferred would be.
  virtual Answer render(Request& request) = 0;

  /// How many bytes of content this resource reads itself, as they arrive (`Request::reader`): then `render` is called
  /// as soon as the head is there. 0 (as it comes): a content is received whole beforehand, within `Limits::body`.
  virtual std::uint64_t streamedBody(const Request& request) const;

  /// Whether `render` answers for all paths below this one too; it finds the rest in `Request::pathBelow`. Twisted:
  /// `isLeaf`.
  virtual bool isLeaf() const noexcept { return false; }

  /// Puts a resource below this one, in the place of one of the same name. `name` is the decoded part of the path,
  /// without slashes. Throws std::invalid_argument if `child` is null or `name` holds a slash.
  void putChild(std::string name, std::shared_ptr<Resource> child);
  /// Takes it away again; false if there was none.
  bool removeChild(std::string_view name);
  /// The child that was put there, or null.
  std::shared_ptr<Resource> findChild(std::string_view name) const;

  /// Called for a part of the path for which nothing was put: the resource for it, or null for 404. Twisted:
  /// `getChild`.
  virtual std::shared_ptr<Resource> getChild(std::string_view name, Request& request);

 private:
  friend struct detail::RequestAccess;
  std::map<std::string, std::shared_ptr<Resource>, std::less<>> children_;
};

/// A resource that is only there for its children: 404 for itself.
class BIGHT_API Directory : public Resource {
 public:
  Answer render(Request& request) override;
};

namespace detail {
template <class F>
concept Renders = std::is_convertible_v<F, Function<Answer(Request&)>>;
template <class F>
constexpr void checkRenders() {
  static_assert(Renders<F>,
                "bight: the function given to http::on takes (http::Request&) and returns what an http::Answer is made "
                "of: an http::Response, such as http::Response::text(\"…\"), or a Deferred<http::Response>");
}
}  // namespace detail

/// Answers each method by a function of its own. A function for GET answers HEAD as well. Without a function, OPTIONS
/// is answered with 204 and an Allow field, the other methods of RFC 9110 and PATCH with 405 and that field, and any
/// other token with 501. CONNECT never comes here: the server answers it with 501.
///
///     auto room = std::make_shared<http::Methods>();
///     room->on("GET", [&](http::Request&) { return page(); }).on("POST", [&](http::Request& r) { return say(r); });
class BIGHT_API Methods : public Resource {
 public:
  using Render = Function<Answer(Request&)>;

  /// Throws std::invalid_argument if `method` is no token, std::logic_error if it has a function already.
  Methods& on(std::string method, Render render);
  /// Refused: anything else.
  template <class F>
    requires(!detail::Renders<F>)
  Methods& on(std::string, F&&) {
    detail::checkRenders<F>();
    return *this;
  }
  /// The same for a function that reads contents of up to `limit` bytes itself, as they arrive (`Request::reader`).
  /// Longer ones are refused with 413. Throws std::invalid_argument also if the limit is zero.
  Methods& onStream(std::string method, std::uint64_t limit, Render render);

  Answer render(Request& request) override;
  std::uint64_t streamedBody(const Request& request) const override;

 private:
  struct One {
    std::string method;
    Render render;
    std::uint64_t streamed;
  };
  void add(One one);

  std::vector<One> renders_;
};

/// A resource for one method: `root->putChild("wait", http::on("GET", [&](http::Request& r) { return wait(r); }));`
/// The function returns anything that an Answer can be made from.
BIGHT_API std::shared_ptr<Methods> on(std::string method, Methods::Render render);
/// Refused: anything else.
template <class F>
  requires(!detail::Renders<F>)
std::shared_ptr<Methods> on(std::string, F&&) {
  detail::checkRenders<F>();
  return nullptr;
}
/// The same for a function that reads contents as they arrive, see `Methods::onStream`.
BIGHT_API std::shared_ptr<Methods> onStream(std::string method, std::uint64_t limit, Methods::Render render);

}  // namespace bight::http
