// A form with files, from a BodyReader through a MultipartParser to the disk.
#include <unistd.h>

#include <optional>
#include <random>
#include <utility>

#include <bight/files.hpp>
#include <bight/http/multipart.hpp>
#include <bight/http/status.hpp>

namespace bight::http {

UploadedFile::UploadedFile(UploadedFile&& other) noexcept
    : head_(std::move(other.head_)), path_(std::exchange(other.path_, {})), size_(other.size_) {}

UploadedFile& UploadedFile::operator=(UploadedFile&& other) noexcept {
  std::swap(head_, other.head_);
  std::swap(path_, other.path_);
  std::swap(size_, other.size_);
  return *this;
}

UploadedFile::~UploadedFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Deferred<void> UploadedFile::moveTo(ReactorThreads& reactor, std::string path) {
  const std::string from = std::exchange(path_, {});
  return renameFile(reactor, from, std::move(path)).addErrback([from](const Failure& failure) {
    ::unlink(from.c_str());
    failure.raise();
  });
}

namespace {

std::string newName(const std::string& directory) {
  static thread_local std::mt19937_64 random{(std::uint64_t{std::random_device()()} << 32) ^ std::random_device()()};
  static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
  std::string name = directory + "/upload-";
  for (int i = 0; i < 2; ++i) {
    for (std::uint64_t bits = random(), n = 0; n < 12; ++n, bits >>= 5) name += digits[bits & 31];
  }
  return name;
}

[[noreturn]] void refuse(const Refusal& refusal) {
  throw StatusError(refusal.status, refusal.sentence);
}

Deferred<Upload> receive(ReactorThreads& reactor, BodyReader body, std::string boundary, UploadOptions options) {
  MultipartParser parser(boundary, options.limits);
  Upload upload;
  std::optional<File> file;
  std::string value;
  bool ended = false;
  for (;;) {
    const std::string piece = co_await body.read();
    if (piece.empty()) break;
    std::string_view input = piece;
    for (bool more = true; more;) {
      const MultipartParser::Event event = parser.next(input);
      more = event != MultipartParser::Event::needMore && event != MultipartParser::Event::end;
      if (event == MultipartParser::Event::refused) refuse(parser.refusal());
      if (event == MultipartParser::Event::end) ended = true;
      if (event == MultipartParser::Event::part && parser.part().fileName) {
        std::string path = newName(options.directory);
        Deferred<File> opening = openFile(reactor, path, OpenMode::createNew, 0600);
        File opened = co_await std::move(opening);
        upload.files.emplace_back(parser.part(), std::move(path));
        file.emplace(std::move(opened));
      }
      if (event == MultipartParser::Event::data) {
        if (file) {
          upload.files.back().grow(parser.data().size());
          std::string data(parser.data());
          Deferred<void> writing = file->write(std::move(data));
          co_await std::move(writing);
        } else {
          value += parser.data();
        }
      }
      if (event == MultipartParser::Event::partEnd) {
        if (file) {
          Deferred<void> closing = file->close();
          co_await std::move(closing);
          file.reset();
        } else {
          upload.fields.add(parser.part().name, std::exchange(value, {}));
        }
      }
    }
  }
  if (!ended) throw StatusError(400, "The form ends before its end.");
  co_return upload;
}

}  // namespace

Deferred<Upload> receiveUpload(ReactorThreads& reactor, Request& request, UploadOptions options) {
  std::optional<std::string> boundary = multipartBoundary(request.header("Content-Type").value_or(""));
  if (!boundary)
    return fail<Upload>(StatusError(415, "The content must be a form (multipart/form-data) with a boundary."));
  return receive(reactor, request.reader(), *std::move(boundary), std::move(options));
}

}  // namespace bight::http
