/// @file
/// Status codes, and the exception that carries one.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <bight/export.hpp>

namespace bight::http {

/// The standard phrase for a status code ("Not Found" for 404), or an empty string for a code that nobody has
/// registered.
BIGHT_API std::string_view reasonPhrase(int status) noexcept;

/// "This request is to be answered with that status." What the parser reports about a malformed request, and what a
/// Resource may throw:
///
///     if (text.empty()) throw http::StatusError(400, "A message needs a text.");
///
/// `what()` is one sentence for the person at the other end. It goes out on the wire: put nothing into it that is to
/// stay here.
class BIGHT_API StatusError : public std::runtime_error {
 public:
  /// Throws std::invalid_argument unless `status` is between 400 and 599.
  StatusError(int status, const std::string& sentence);

  /// The suggested status, 400 to 599.
  int status() const noexcept { return status_; }

 private:
  int status_;
};

}  // namespace bight::http
