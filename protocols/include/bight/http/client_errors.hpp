/// @file
/// What can go wrong with a request that a client makes. All of them say which request it was, where it was sent, what
/// happened, and after how long.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include <bight/export.hpp>
#include <bight/failure.hpp>

namespace bight::http {

/// The base of them all: "GET http://a.example/: …". A request that was cancelled fails with CancelledError instead.
class BIGHT_API RequestError : public std::runtime_error {
 public:
  /// How far the request had come.
  enum class Stage : std::uint8_t { queued, connecting, sending, waiting, receiving };

  RequestError(Stage stage, const std::string& what) : std::runtime_error(what), stage_(stage) {}
  Stage stage() const noexcept { return stage_; }

 private:
  Stage stage_;
};

/// One of the limits of time ran out: "GET http://a.example/: no answer from 192.0.2.1:80 within 5 s (connected after
/// 0.01 s)".
class BIGHT_API RequestTimeout : public RequestError {
 public:
  using RequestError::RequestError;
};

/// There is no connection: the name has no address, nobody listens, the certificate is not trusted, the proxy refuses.
class BIGHT_API ConnectionFailed : public RequestError {
 public:
  ConnectionFailed(const std::string& what, Failure reason)
      : RequestError(Stage::connecting, what), reason_(std::move(reason)) {}
  /// What the endpoint said: `reason().check<ConnectionRefusedError>()`.
  const Failure& reason() const noexcept { return reason_; }

 private:
  Failure reason_;
};

/// The connection was lost before there was a whole head of an answer. Whether the request was acted upon is not known.
/// Twisted: `ResponseNeverReceived`.
class BIGHT_API ResponseNeverReceived : public RequestError {
 public:
  ResponseNeverReceived(Stage stage, const std::string& what, Failure reason)
      : RequestError(stage, what), reason_(std::move(reason)) {}
  /// Why the connection was lost.
  const Failure& reason() const noexcept { return reason_; }

 private:
  Failure reason_;
};

/// What came is not HTTP, or not unambiguously so. Twisted: `ResponseFailed`, `ParseError`.
class BIGHT_API MalformedResponse : public RequestError {
 public:
  using RequestError::RequestError;
};

/// A redirect that is not followed: there were too many, or its Location is no place to go to.
class BIGHT_API RedirectError : public RequestError {
 public:
  RedirectError(int status, const std::string& location, const std::string& what)
      : RequestError(Stage::receiving, what), status_(status), location_(location) {}
  int status() const noexcept { return status_; }
  /// The Location field as it came.
  const std::string& location() const noexcept { return location_; }

 private:
  int status_;
  std::string location_;
};

/// The content cannot be decoded, or expands beyond what is allowed.
class BIGHT_API DecodingError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `ClientResponse::raiseForStatus`: the answer is 4xx or 5xx. Requests: `HTTPError`.
class BIGHT_API BadStatus : public RequestError {
 public:
  BadStatus(int status, const std::string& what) : RequestError(Stage::receiving, what), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

}  // namespace bight::http
