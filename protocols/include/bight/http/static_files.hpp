/// @file
/// `StaticFiles`: a directory of files, served.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/export.hpp>
#include <bight/http/resource.hpp>
#include <bight/threads.hpp>

namespace bight::http {

struct StaticFileOptions {
  /// What is sent for a directory, if it is there: the first that is.
  std::vector<std::string> index = {"index.html"};
  /// Show what is in a directory that has no index.
  bool listing = false;
  /// Serve files and directories whose name begins with a dot.
  bool dotFiles = false;
  /// Follow symbolic links, wherever they lead. Without this they are not there.
  bool followLinks = false;
  /// A Cache-Control field, such as "public, max-age=3600"; empty: none.
  std::string cacheControl = {};
  /// Media types by extension, without the dot and in small letters, before those that are known: {"gmi", "text/gemini"}.
  std::map<std::string, std::string, std::less<>> types = {};
};

/// Serves the files below a directory, to GET and HEAD; other methods are answered with 405.
///
///     root->putChild("static", std::make_shared<http::StaticFiles>(*reactor, "/srv/www"));
///
/// Each answer has Content-Type (by the file's extension), ETag, Last-Modified and Accept-Ranges; conditional requests
/// are answered with 304 or 412, ranges with 206 (several as multipart/byteranges) or 416. The file system is touched in
/// the thread pool only. Small files are read, larger ones sent by the system (`sendFile`). Below `compressed`, files up
/// to 1 MiB are compressed, in the thread too.
///
/// A path never leads out of the directory: its parts are opened one after the other below it, "." and ".." are no
/// names, and a part may not hold a slash, also not as "%2F". What may not be read is 403; what is no file or directory
/// (a pipe, a device) is 404. The path of a directory without the slash at its end is sent there by 301.
class BIGHT_API StaticFiles : public Resource {
 public:
  /// `reactor` must outlive it. The directory need not be there yet. Throws std::invalid_argument if its path is empty.
  StaticFiles(ReactorThreads& reactor, std::string directory, StaticFileOptions options = {});
  ~StaticFiles() override;

  bool isLeaf() const noexcept override { return true; }
  Answer render(Request& request) override;

 private:
  struct Shared;
  std::shared_ptr<const Shared> shared_;
  ReactorThreads& reactor_;
};

/// The media type for the name of a file, by its extension; "application/octet-stream" if that is not known.
BIGHT_API std::string_view mediaTypeOf(std::string_view fileName) noexcept;

}  // namespace bight::http
