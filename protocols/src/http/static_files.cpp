// A request is answered in two steps: a thread opens the file and looks at it (Found), and then the reactor's thread makes the answer.
// Paths are walked by openat, one part at a time from the directory that is served, so that no name and no link can lead out of it.
#include <bight/http/static_files.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>

#include <bight/file_descriptor.hpp>
#include <bight/files.hpp>
#include <bight/http/conditional.hpp>
#include <bight/http/file_content.hpp>
#include <bight/http/serializer.hpp>
#include <bight/http/syntax.hpp>
#include <bight/log.hpp>

#include "gzip_encoder.hpp"
#include "locate.hpp"

namespace bight::http {

struct StaticFiles::Shared {
  std::string directory;
  StaticFileOptions options;
};

namespace {

constexpr std::uint64_t readWhole = 64 * 1024;         // files up to this size are read at once
constexpr std::uint64_t mostCompressed = 1024 * 1024;  // and those up to this one, to be compressed
constexpr std::size_t mostListed = 10'000;

using Parts = std::vector<std::string>;

struct Listed {
  std::string name;
  bool directory;
};

// What a thread has found.
struct Found {
  int error = 0;  // what open said
  FileDescriptor fd;
  std::string name;  // of the file: an index's own
  std::uint64_t size = 0;
  std::int64_t modified = 0;
  std::string etag;
  bool directory = false;
  bool wantsSlash = false;
  std::optional<std::string> content;  // read already
  bool compressed = false;
  std::vector<Listed> entries;
};

struct Wish {
  Parts parts;
  bool slash = false;  // the path ends in one
  bool whole = false;  // GET without a Range: a small file may be read
  int gzipLevel = 0;   // 0: is not to be compressed
  std::size_t gzipFrom = 0;
};

int openBelow(int directory, const char* name, int flags, bool followLinks) noexcept {
  int fd;
  do fd = ::openat(directory, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (followLinks ? 0 : O_NOFOLLOW));
  while (fd < 0 && errno == EINTR);
  return fd;
}

std::string hexadecimal(std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  do text.insert(text.begin(), digits[value & 15]);
  while (value >>= 4);
  return text;
}

void describe(Found& found, const struct stat& status) {
  found.size = static_cast<std::uint64_t>(status.st_size);
#ifdef __APPLE__
  const timespec& when = status.st_mtimespec;
#else
  const timespec& when = status.st_mtim;
#endif
  found.modified = when.tv_sec;
  const auto moment =
      static_cast<std::uint64_t>(when.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(when.tv_nsec);
  found.etag = '"' + hexadecimal(static_cast<std::uint64_t>(status.st_ino)) + '-' + hexadecimal(found.size) + '-' +
               hexadecimal(moment) + '"';
}

void list(Found& found, bool dotFiles) {
  DIR* const directory = ::fdopendir(found.fd.get());
  if (!directory) return;
  static_cast<void>(found.fd.release());
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || (name[0] == '.' && !dotFiles) || found.entries.size() == mostListed) continue;
    found.entries.push_back({name, entry->d_type == DT_DIR});
  }
  ::closedir(directory);
  std::sort(found.entries.begin(), found.entries.end(),
            [](const Listed& a, const Listed& b) { return a.name < b.name; });
}

// In a thread.
Found look(const std::string& root, const StaticFileOptions& options, const Wish& wish) {
  Found found;
  const auto failed = [&found] {
    found.error = errno;
    found.fd.reset();
    return std::move(found);
  };
  found.fd = FileDescriptor(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!found.fd) return failed();
  for (std::size_t i = 0; i < wish.parts.size(); ++i) {
    const bool last = i + 1 == wish.parts.size();
    FileDescriptor next(
        openBelow(found.fd.get(), wish.parts[i].c_str(), O_RDONLY | (last ? 0 : O_DIRECTORY), options.followLinks));
    if (!next) return failed();
    found.fd = std::move(next);
    found.name = wish.parts[i];
  }
  struct stat status{};
  if (::fstat(found.fd.get(), &status) != 0) return failed();
  if (S_ISDIR(status.st_mode)) {
    found.directory = true;
    if (!wish.slash) {
      found.wantsSlash = true;
      return found;
    }
    for (const std::string& index : options.index) {
      FileDescriptor file(openBelow(found.fd.get(), index.c_str(), O_RDONLY, options.followLinks));
      if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
      found.fd = std::move(file);
      found.name = index;
      found.directory = false;
      break;
    }
    if (found.directory) {
      if (options.listing) list(found, options.dotFiles);
      return found;
    }
  } else if (!S_ISREG(status.st_mode) || wish.slash) {
    errno = ENOENT;
    return failed();
  }
  describe(found, status);
  const bool compress = wish.gzipLevel && found.size >= wish.gzipFrom && found.size <= mostCompressed &&
                        detail::isCompressible(mediaTypeOf(found.name));
  if (!wish.whole || (found.size > readWhole && !compress)) return found;
  std::string content(static_cast<std::size_t>(found.size), '\0');
  std::size_t used = 0;
  while (used < content.size()) {
    const ssize_t got = ::read(found.fd.get(), content.data() + used, content.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  content.resize(used);
  if (compress) {
    content = detail::gzip(content, wish.gzipLevel);
    found.compressed = true;
  }
  found.content = std::move(content);
  return found;
}

std::string escapeHtml(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out;
}

Response listing(const Found& found, bool top) {
  std::string page =
      "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Directory</title></head><body>\n<ul>\n";
  if (!top) page += "<li><a href=\"../\">..</a></li>\n";
  for (const Listed& entry : found.entries) {
    const std::string slash = entry.directory ? "/" : "";
    page.append("<li><a href=\"./").append(percentEncode(entry.name)).append(slash).append("\">");
    page.append(escapeHtml(entry.name)).append(slash).append("</a></li>\n");
  }
  return Response::html(page + "</ul>\n</body></html>\n");
}

Response errorFor(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return Response::error(403, "This may not be read.");
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENXIO:
    case ENODEV:
    case ENAMETOOLONG:
      return Response::error(404, "There is nothing at this address.");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Response::error(503, "Too many files are open here; try again.").with("Retry-After", "1");
    default:
      Logger("bight.http").error("a file cannot be served: " + std::generic_category().message(error));
      return Response::error(500, "Something went wrong here. It has been noted.");
  }
}

std::string boundary() {
  static thread_local std::mt19937_64 random{std::random_device()()};
  return "part-" + hexadecimal(random()) + hexadecimal(random());
}

std::string contentRange(const ByteRange& range, std::uint64_t size) {
  return "bytes " + std::to_string(range.offset) + "-" + std::to_string(range.offset + range.length - 1) + "/" +
         std::to_string(size);
}

// The parts of the path below the resource. Null: none that a file could have.
std::optional<Wish> wishOf(const Request& request, bool dotFiles) {
  Wish wish;
  std::string_view rest = request.pathBelow();
  // "/static" has nothing below it and no slash; "/static/" has nothing below it and one.
  wish.slash = request.path().ends_with('/');
  if (wish.slash && !rest.empty()) rest.remove_suffix(1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    std::optional<std::string> part = percentDecode(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!part) throw StatusError(400, "The path of the URL is not properly encoded.");
    if (part->empty() || *part == "." || *part == ".." || part->find('/') != std::string::npos ||
        part->find('\0') != std::string::npos || (part->front() == '.' && !dotFiles))
      return std::nullopt;
    wish.parts.push_back(*std::move(part));
  }
  return wish;
}

// Fields of all answers that are about the file.
void describeTo(Headers& headers, const StaticFileOptions& options, const Found& found) {
  headers.add("ETag", found.etag).add("Last-Modified", formatDate(found.modified)).add("Accept-Ranges", "bytes");
  if (!options.cacheControl.empty()) headers.add("Cache-Control", options.cacheControl);
}

std::string typeOf(const StaticFileOptions& options, std::string_view name) {
  std::string extension(name.substr(std::min(name.rfind('.') + 1, name.size())));
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  const auto own = options.types.find(extension);
  return own == options.types.end() ? std::string(mediaTypeOf(name)) : own->second;
}

std::shared_ptr<FileContent> partial(std::shared_ptr<FileContent> content, const std::vector<ByteRange>& ranges,
                                     std::uint64_t size, const std::string& type) {
  Response& head = content->head;
  head.status = 206;
  if (ranges.size() == 1) {
    head.headers.add("Content-Type", type).add("Content-Range", contentRange(ranges[0], size));
    content->parts.push_back({"", ranges[0].offset, ranges[0].length});
    return content;
  }
  const std::string mark = boundary();
  head.headers.add("Content-Type", "multipart/byteranges; boundary=" + mark);
  for (const ByteRange& range : ranges) {
    FileContent::Part part{"\r\n--", range.offset, range.length};
    part.before.append(mark).append("\r\nContent-Type: ").append(type).append("\r\nContent-Range: ");
    part.before.append(contentRange(range, size)).append("\r\n\r\n");
    content->parts.push_back(std::move(part));
  }
  content->parts.front().before.erase(0, 2);
  content->after = "\r\n--" + mark + "--\r\n";
  return content;
}

// In the reactor's thread.
Answer answer(const StaticFileOptions& options, ReactorThreads& reactor, const Request& request, Found& found,
              bool top) {
  if (found.error) return errorFor(found.error);
  if (found.wantsSlash) {
    std::string there(request.path());
    there += '/';
    if (!request.query().empty()) there.append("?").append(request.query());
    return Response::redirect(there, 301);
  }
  if (found.directory) {
    if (options.listing) return listing(found, top);
    return Response::error(404, "There is nothing at this address.");
  }
  const Validators now{found.etag, found.modified};
  Response head;
  describeTo(head.headers, options, found);
  switch (evaluate(request, now)) {
    case Condition::failed:
      return Response::error(412, "The file has changed.");
    case Condition::notModified:
      head.status = 304;
      return head;
    case Condition::holds:
      break;
  }
  const std::string type = typeOf(options, found.name);
  head.headers.add("X-Content-Type-Options", "nosniff");
  if (found.content) {
    head.headers.add("Content-Type", type);
    if (found.compressed) head.headers.set("Content-Encoding", "gzip").set("ETag", "W/" + found.etag);
    head.body = *std::move(found.content);
    return head;
  }
  const std::optional<std::vector<ByteRange>> ranges = requestedRanges(request, found.size, now);
  if (ranges && ranges->empty()) {
    return Response::error(416, "The file is not that long.")
        .with("Content-Range", "bytes */" + std::to_string(found.size))
        .with("Accept-Ranges", "bytes");
  }
  auto content = std::make_shared<FileContent>(std::move(head), adoptFile(reactor, std::move(found.fd), found.name));
  if (ranges) return partial(std::move(content), *ranges, found.size, type);
  content->head.headers.add("Content-Type", type);
  content->parts.push_back({"", 0, found.size});
  return content;
}

}  // namespace

StaticFiles::StaticFiles(ReactorThreads& reactor, std::string directory, StaticFileOptions options)
    : reactor_(reactor) {
  if (directory.empty()) throw std::invalid_argument("bight::http::StaticFiles: the path of the directory is empty");
  shared_ = std::make_shared<const Shared>(Shared{std::move(directory), std::move(options)});
}

StaticFiles::~StaticFiles() = default;

Answer StaticFiles::render(Request& request) {
  const bool head = request.method() == "HEAD";
  if (!head && request.method() != "GET") {
    if (request.method() == "OPTIONS") return Response::empty().with("Allow", "GET, HEAD, OPTIONS");
    return Response::error(405, "Files can only be read.").with("Allow", "GET, HEAD, OPTIONS");
  }
  std::optional<Wish> wish = wishOf(request, shared_->options.dotFiles);
  if (!wish) return Response::error(404, "There is nothing at this address.");
  const bool top = wish->parts.empty();
  if (const detail::RequestExtras* extras = detail::RequestAccess::findExtras(request)) {
    wish->gzipLevel = extras->gzipLevel;
    wish->gzipFrom = extras->gzipFrom;
  }
  wish->whole = !request.header("Range") && (!head || wish->gzipLevel);
  return deferToThread(reactor_,
                       [shared = shared_, wish = *std::move(wish)] {
                         return std::make_shared<Found>(look(shared->directory, shared->options, wish));
                       })
      .addCallback(
          [shared = shared_, &request, top, &reactor = reactor_](const std::shared_ptr<Found>& found) -> Answer {
            return answer(shared->options, reactor, request, *found, top);
          });
}

}  // namespace bight::http
