/// @file
/// `FileContent`: an answer whose content is a file, or parts of one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <bight/files.hpp>
#include <bight/http/message.hpp>

namespace bight::http {

/// An answer from a file, which the system copies to the connection where it can (`sendFile`):
///
///     auto content = std::make_shared<http::FileContent>(http::Response{200, "video/mp4"}, file);
///     content->parts.push_back({.length = size});
///     return content;
///
/// The content is the parts, one behind the other, and `after`; its length is known from them. If the file has become
/// shorter meanwhile, or cannot be read, the connection is closed, so that the client notices. `head.body` is ignored.
/// A client that does not take 256 KiB within `SiteOptions::sendTimeout` is disconnected.
struct FileContent {
  FileContent(Response h, File f) : head(std::move(h)), file(std::move(f)) {}

  struct Part {
    std::string before = {};  ///< sent before the bytes of the file
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  Response head;
  File file;
  std::vector<Part> parts;
  std::string after;
};

}  // namespace bight::http
