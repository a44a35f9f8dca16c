/// @file
/// `multipart/form-data` (RFC 7578): forms with files, read as they arrive and written to disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/http/form.hpp>
#include <bight/http/message.hpp>
#include <bight/http/parser.hpp>
#include <bight/threads.hpp>

namespace bight::http {

/// What a part says of itself.
struct PartHead {
  std::string name;                     ///< of the form's field
  std::optional<std::string> fileName;  ///< as the client gave it, for files: never use it as a path
  std::string type;                     ///< its Content-Type; empty if there is none
};

/// The bounds on one form. All are finite.
struct MultipartLimits {
  std::size_t parts = 100;                       ///< fields and files together; more is 413
  std::size_t partHead = 8192;                   ///< the head of a part; more is 431
  std::size_t field = 64 * 1024;                 ///< the value of one field that is no file; more is 413
  std::uint64_t file = std::uint64_t{64} << 20;  ///< one file; more is 413
};

/// The boundary in a Content-Type of "multipart/form-data"; null if it is another type, or has none that may be one.
BIGHT_API std::optional<std::string> multipartBoundary(std::string_view contentType);

/// Reads parts from bytes that arrive in any pieces. Knows no socket and no disk.
///
///     for (;;) {
///       switch (parser.next(input)) {  // takes all of `input`
///         case MultipartParser::Event::part: begin(parser.part()); break;
///         case MultipartParser::Event::data: write(parser.data()); break;
///         case MultipartParser::Event::partEnd: finish(); break;
///         case MultipartParser::Event::needMore: return;         // feed it the next piece
///         case MultipartParser::Event::end: return done();       // what follows means nothing
///         case MultipartParser::Event::refused: return refuse(parser.refusal());
///       }
///     }
///
/// What precedes the first boundary is skipped, up to 8 KiB. Of the head of a part, Content-Disposition (with name and
/// filename, quoted or not) and Content-Type are read; a part without a name is refused.
class BIGHT_API MultipartParser {
 public:
  enum class Event { needMore, part, data, partEnd, end, refused };

  /// Throws std::invalid_argument if the boundary is empty or longer than 70 characters.
  explicit MultipartParser(std::string_view boundary, MultipartLimits limits = {});

  /// Reads on up to the next event.
  Event next(std::string_view& input);

  /// After `Event::part`, until the next one.
  const PartHead& part() const noexcept { return part_; }
  /// After `Event::data`: not empty; until `next` is called again.
  std::string_view data() const noexcept { return data_; }
  /// After `Event::refused`, and ever after.
  const Refusal& refusal() const noexcept { return refusal_; }

 private:
  enum class Stage : std::uint8_t { preamble, delimiter, head, body, end, refused };

  Event refuse(int status, const char* sentence) noexcept;
  Event readDelimiter();
  Event readHead();
  Event readBody();
  bool readField(std::string_view line);

  const std::string delimiter_;  // CR LF "--" boundary
  const MultipartLimits limits_;
  std::string buffer_ = "\r\n";  // the first boundary has no line before it
  std::size_t used_ = 0;         // of buffer_
  Stage stage_ = Stage::preamble;
  bool inPart_ = false;
  std::size_t parts_ = 0;
  std::uint64_t size_ = 0;  // of the part so far
  PartHead part_;
  std::string_view data_;
  Refusal refusal_;
};

/// A file that was uploaded. It is removed when this object dies, unless it was moved elsewhere.
class BIGHT_API UploadedFile {
 public:
  UploadedFile(UploadedFile&& other) noexcept;
  UploadedFile& operator=(UploadedFile&& other) noexcept;
  UploadedFile(const UploadedFile&) = delete;
  UploadedFile& operator=(const UploadedFile&) = delete;
  ~UploadedFile();

  const std::string& field() const noexcept { return head_.name; }
  /// What the client calls it: to show, never to open.
  const std::string& fileName() const noexcept { return *head_.fileName; }
  const std::string& type() const noexcept { return head_.type; }
  std::uint64_t size() const noexcept { return size_; }
  /// Where it lies.
  const std::string& path() const noexcept { return path_; }
  /// Gives it another name, on the same file system, and leaves it there.
  Deferred<void> moveTo(ReactorThreads& reactor, std::string path);

  /// @cond internal
  UploadedFile(PartHead head, std::string path) : head_(std::move(head)), path_(std::move(path)) {}
  void grow(std::size_t bytes) noexcept { size_ += bytes; }
  /// @endcond

 private:
  PartHead head_;
  std::string path_;  // empty: it is not ours any more
  std::uint64_t size_ = 0;
};

/// A form with its files.
struct Upload {
  Form fields;
  std::vector<UploadedFile> files;
};

struct UploadOptions {
  std::string directory = "/tmp";  ///< where the files are written, readable by their owner only
  MultipartLimits limits = {};
};

/// Reads a form of `multipart/form-data`: its fields into memory, its files to disk, in the thread pool and no faster
/// than the disk. For a resource that streams contents (`onStream`, whose limit is that of the whole form).
///
///     router->onStream("POST", "/photos", 256 << 20, [&](http::Request& request) -> Deferred<http::Response> {
///       http::UploadOptions options;
///       options.directory = "/srv/incoming";
///       http::Upload form = co_await http::receiveUpload(*reactor, request, options);
///       for (http::UploadedFile& file : form.files) co_await file.moveTo(*reactor, newName());
///       co_return http::Response::redirect("/photos");
///     });
///
/// Fails with StatusError: 415 if it is another type, 400 if it is malformed or ends early, 413 and 431 beyond the
/// limits; with FileError if the disk says no. In each case, and when it is cancelled, no file is left.
BIGHT_API Deferred<Upload> receiveUpload(ReactorThreads& reactor, Request& request,
                                         UploadOptions options = UploadOptions());

}  // namespace bight::http
