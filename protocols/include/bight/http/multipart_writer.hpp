/// @file
/// `MultipartWriter`: a form with files, as browsers send it (RFC 7578).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/http/request_body.hpp>

namespace bight::http {

/// A file in a form.
struct FormFile {
  std::string field;     ///< the name of the form's field
  std::string filename;  ///< what the server is told; without a path
  RequestBody content;   ///< a text, or a stream
  std::string type = "application/octet-stream";
};

/// Puts a multipart/form-data content together. If all the files are texts or have lengths, so does the whole.
///
///     MultipartWriter form;
///     form.add("user", "ada").addFile({"picture", "ada.png", bytes, "image/png"});
///     http::post(reactor, url, {.headers = {{"Content-Type", form.contentType()}}, .data = form.body()});
///
/// `RequestOptions::files` does this.
class BIGHT_API MultipartWriter {
 public:
  /// @param boundary  for tests; empty: a random one
  explicit MultipartWriter(std::string boundary = {});

  /// Names, file names and values are taken as UTF-8; quotes and line ends in names are percent-encoded, as browsers do
  /// it.
  MultipartWriter& add(std::string_view name, std::string_view value);
  /// @throws std::invalid_argument if the type cannot stand in a field
  MultipartWriter& addFile(FormFile file);

  /// "multipart/form-data; boundary=…"
  std::string contentType() const;
  /// The whole; to be called once.
  RequestBody body();

 private:
  void begin(std::string_view name);
  void text(std::string_view text);

  std::string boundary_;
  std::vector<RequestBody> parts_;
  std::string pending_;
  bool streamed_ = false;
  std::optional<std::uint64_t> length_ = 0;
};

}  // namespace bight::http
