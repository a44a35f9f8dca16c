/// @file
/// `Request` and `Response`: what a Resource is given, and what it gives back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <bight/export.hpp>
#include <bight/http/body_reader.hpp>
#include <bight/http/form.hpp>
#include <bight/http/headers.hpp>
#include <bight/http/status.hpp>
#include <bight/http/syntax.hpp>
#include <bight/ref.hpp>

namespace bight::http {

class ResponseStream;
struct RequestHead;

namespace detail {
class BodyPipe;
class Connection;
struct RequestAccess;
struct RequestExtras;
}  // namespace detail

/// A request: its head, and its content if that was received whole. Where a resource reads contents as they arrive
/// (`Resource::streamedBody`), it comes before its content, which `reader()` gives. (Trailer fields are checked and
/// dropped, as RFC 9110, 6.5.1 allows.)
///
/// It lies still in memory, and with it everything that its views point at, from the call of `Resource::render` until
/// it is answered; if it is answered by a Deferred, until that has fired. So a coroutine may use its `Request&` up to
/// its `co_return`, also after the client has gone.
class BIGHT_API Request {
 public:
  /// A request without a connection, for tests of resources. A Host field is added if there is none, and Content-Length
  /// for a body.
  ///
  ///     auto request = http::Request::make("GET", "/wait?since=3");
  ///     waitResource.render(*request).response().addCallback([](const http::Response& r) { … });
  ///
  /// Throws StatusError if a server would refuse that request.
  static std::unique_ptr<Request> make(std::string_view method, std::string_view target, const Headers& headers = {},
                                       std::string_view body = {});

  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request();
  /// Gives the memory back to where `make` took it from: a request and its head are one piece.
  static void operator delete(Request* request, std::destroying_delete_t) noexcept;

  /// "GET", "POST", …: any token, compares with case.
  std::string_view method() const noexcept { return view(0, methodSize_); }
  /// As it was sent: "/a%20b?c=d", "http://host/a", or "*".
  std::string_view target() const noexcept { return view(targetAt_, targetSize_); }
  /// The path of the target, undecoded: "/a%20b".
  std::string_view path() const noexcept { return pathSize_ ? view(pathAt_, pathSize_) : std::string_view("/"); }
  /// What follows the '?' in the target, undecoded, without a fragment: "c=d".
  std::string_view query() const noexcept { return view(queryAt_, querySize_); }
  /// Host and port the request was sent to, such as "example.org:8000"; may be empty.
  std::string_view host() const noexcept { return view(hostAt_, hostSize_); }
  /// 1 for HTTP/1.1, 0 for HTTP/1.0.
  int minorVersion() const noexcept { return minorVersion_; }

  /// The header fields in the order they came.
  Fields headers() const noexcept { return {raw(), {positions(), fieldCount_}}; }
  /// The value of the first header field of that name. Twisted: `getHeader`.
  std::optional<std::string_view> header(std::string_view name) const noexcept { return headers().get(name); }
  /// The content; empty if there is none, or if it is streamed. Twisted: `content`.
  std::string_view body() const noexcept { return body_; }
  /// The content, to be read as it arrives; also one that was received whole, which is moved into it. A client that
  /// waits for "100 Continue" is told to go on. When the request is answered before all has been read, the rest is
  /// dropped (a little of it is read, else the connection is closed), and who still reads fails with IncompleteBody.
  /// So does who reads when the client goes away. What is wrong with the content itself fails the reading with a
  /// StatusError, which may be left to answer the request.
  /// @throws std::logic_error if it has been taken already
  BodyReader reader();

  /// The decoded value of the first part of the query of that name; null if there is none, or if the query is
  /// malformed.
  std::optional<std::string> queryValue(std::string_view name) const;
  /// The whole query, decoded. Throws StatusError(400) if it is malformed.
  Form queryForm() const;
  /// The content as a form. Throws StatusError(415) if its Content-Type is another, StatusError(400) if it is
  /// malformed.
  Form form() const;
  /// Whether the content is of this media type: "application/json" (parameters are ignored, case too).
  bool contentTypeIs(std::string_view mediaType) const noexcept;

  /// The part of the path below the resource that renders, undecoded, without a slash before it: for a leaf at "/files"
  /// and a request for "/files/a/b" it is "a/b". Twisted: `postpath`.
  std::string_view pathBelow() const noexcept;

  /// What a Router's pattern calls `name` in the path, decoded: "7" for "/rooms/{room}" and "/rooms/7". Empty if there
  /// is none.
  std::string_view parameter(std::string_view name) const noexcept;
  /// The value of the cookie of that name, as it was sent. cookie.hpp has more.
  std::optional<std::string_view> cookie(std::string_view name) const noexcept;
  /// Who asks, if something that has checked it said so by `setUser`: for the access log, and whoever wants to know.
  std::string_view user() const noexcept;
  void setUser(std::string name);

  /// Fields that go out with whatever answers this request: a Response, an error, a stream, an upgrade. For middleware,
  /// and for cookies. Twisted: `request.responseHeaders`. Once there are any, `forget` keeps the request.
  Headers& responseHeaders();

  /// Gives up the request before it is answered: a comet server that parks ten thousand of them wants the memory of
  /// their heads back. This object and all views that it gave end when `render` returns, or now if it has returned.
  ///
  ///     Deferred<http::Response> answer;
  ///     waiters_.push_back(answer.promise());
  ///     request.forget();  // nobody looks at it again
  ///     return answer;
  ///
  /// Does nothing without a connection.
  void forget() noexcept;

  /// The address of the client: "127.0.0.1", "::1"; empty for a request without a connection.
  std::string clientAddress() const;

 private:
  friend class detail::Connection;
  friend struct detail::RequestAccess;
  friend class ResponseStream;

  explicit Request(const RequestHead& head, std::size_t blockSize) noexcept;

  static std::unique_ptr<Request> make(const RequestHead& head);

  const char* raw() const noexcept { return reinterpret_cast<const char*>(positions() + fieldCount_); }
  const detail::FieldPosition* positions() const noexcept {
    return reinterpret_cast<const detail::FieldPosition*>(this + 1);
  }
  std::string_view view(std::size_t at, std::size_t size) const noexcept { return {raw() + at, size}; }

  std::string body_;
  detail::Connection* connection_ = nullptr;
  Ref<detail::BodyPipe> pipe_;  // of a content that is streamed
  std::unique_ptr<detail::RequestExtras> extras_;
  std::uint32_t blockSize_;
  std::uint16_t fieldCount_;
  std::uint16_t methodSize_;
  std::uint16_t targetAt_;
  std::uint16_t targetSize_;
  std::uint16_t pathAt_;
  std::uint16_t pathSize_;
  std::uint16_t queryAt_;
  std::uint16_t querySize_;
  std::uint16_t hostAt_;
  std::uint16_t hostSize_;
  std::uint16_t below_ = 0;  // how much of the path led to the resource that renders
  std::uint8_t minorVersion_;
  bool keepAlive_ : 1;
  bool readerTaken_ : 1 = false;
  // Then fieldCount_ positions, then the bytes of the head.
};

/// The name of a media type, such as "text/plain; charset=utf-8": a string literal, checked when it is compiled. A type
/// that is only known at run time goes into `Response::headers` as Content-Type.
class MediaType {
 public:
  constexpr MediaType() = default;
  template <std::size_t n>
  consteval MediaType(const char (&text)[n]) : text_(text, n - 1) {  // NOLINT(google-explicit-constructor)
    for (char c : text_) {
      if (c < ' ' || c > '~') throw "bight: a media type is written in printable ASCII";
    }
  }
  constexpr std::string_view text() const noexcept { return text_; }
  constexpr bool empty() const noexcept { return text_.empty(); }

 private:
  std::string_view text_;
};

/// What goes back to the client. A plain value: fill it in as you like.
///
///     return http::Response::json(R"({"id":7})");
///     return http::Response::text("No such room.", 404).with("Cache-Control", "no-store");
///
/// The server adds Date, Content-Length and Connection. Content-Length and Transfer-Encoding are its business alone: a
/// response whose headers hold one of them is a programming error and is answered with 500. "Connection: close" closes
/// after the answer.
struct BIGHT_API Response {
  int status = 200;       ///< 200 to 599
  MediaType type = {};    ///< goes out as Content-Type unless empty
  Headers headers = {};   ///< further fields
  std::string body = {};  ///< the content; not sent for HEAD, 204 and 304

  /// UTF-8 text, HTML, JSON.
  static Response text(std::string body, int status = 200) {
    return {status, "text/plain; charset=utf-8", {}, std::move(body)};
  }
  static Response html(std::string body, int status = 200) {
    return {status, "text/html; charset=utf-8", {}, std::move(body)};
  }
  static Response json(std::string body, int status = 200) { return {status, "application/json", {}, std::move(body)}; }
  /// No content: 204.
  static Response empty(int status = 204) { return {status, {}, {}, {}}; }
  /// Sends the client elsewhere. 303 makes it GET the location, whatever it did before. Throws std::invalid_argument if
  /// `location` could not stand in a header field.
  static Response redirect(std::string_view location, int status = 303);
  /// A page of one sentence: "404 Not Found", and why.
  static Response error(int status, std::string_view sentence = {});

  /// Adds a field; throws as `Headers::add`.
  Response&& with(std::string_view name, std::string_view value) && {
    headers.add(name, value);
    return std::move(*this);
  }
};

}  // namespace bight::http
