// Every operation is a plain system call in a thread of the pool. One file does one thing at a time, so that "write, then
// read" means that; file_state.hpp has the queue. A file belongs to whoever has a handle or a piece of work on it; the
// last of them closes it, in whichever thread that is.
#include <bight/files.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "file_state.hpp"
#include "socket.hpp"

namespace bight {

FileError::FileError(const std::string& operation, const std::string& path, int osError)
    : std::runtime_error(operation + " \"" + path + "\": " + std::generic_category().message(osError) + " (" +
                         std::to_string(osError) + ")"),
      path_(path),
      osError_(osError) {}

File::State::~State() {
  if (fd >= 0) ::close(fd);
}

void File::State::fail(const char* operation) const {
  throw FileError(operation, path, errno);
}

void File::State::check(const char* operation) const {
  if (fd < 0) throw FileError(operation, path, EBADF);
}

namespace {

using detail::Descriptor;
using detail::inTurn;

[[noreturn]] void refuse(const std::string& operation, const std::string& path) {
  throw FileError(operation, path, errno);
}

void needNoNul(const std::string& path) {
  if (path.empty()) throw std::invalid_argument("the name of a file is empty");
  if (path.find('\0') != std::string::npos)
    throw std::invalid_argument("there is a NUL byte in the name of a file: \"" + path.substr(0, path.find('\0')) +
                                "\"");
}

int openIt(const std::string& path, int flags, unsigned permissions) {
  int fd;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(permissions));
  while (fd < 0 && errno == EINTR);
  return fd;
}

/// Writes all of it. @return whether it could
bool writeAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t wrote = ::write(fd, data.data(), data.size());
    if (wrote < 0 && errno != EINTR) return false;
    if (wrote > 0) data.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

FileKind kindOf(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::file;
  if (S_ISDIR(mode)) return FileKind::directory;
  if (S_ISLNK(mode)) return FileKind::symlink;
  return FileKind::other;
}

FileStatus statusOf(const struct stat& found) {
  FileStatus status;
  status.kind = kindOf(found.st_mode);
  status.size = static_cast<std::uint64_t>(found.st_size);
  status.permissions = static_cast<unsigned>(found.st_mode & 07777);
  status.uid = found.st_uid;
  status.gid = found.st_gid;
  status.links = static_cast<std::uint64_t>(found.st_nlink);
  status.inode = found.st_ino;
  status.device = static_cast<std::uint64_t>(found.st_dev);
#ifdef __APPLE__
  const timespec& when = found.st_mtimespec;
#else
  const timespec& when = found.st_mtim;
#endif
  status.modified =
      std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::seconds(when.tv_sec) + std::chrono::nanoseconds(when.tv_nsec)));
  return status;
}

std::string directoryOf(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void syncIt(const std::string& directory) {
  const Descriptor fd(openIt(directory, O_RDONLY, 0));
  if (!fd || ::fsync(fd.get()) != 0) refuse("bringing to the disk the directory", directory);
}

void checkMost(std::size_t most) {
  if (most > 0 && most <= File::mostRead) return;
  throw std::invalid_argument("a read of a file is of 1 to " + std::to_string(File::mostRead) + " bytes, not " +
                              std::to_string(most));
}

std::string readWhole(const std::string& path, std::size_t most) {
  const Descriptor fd(openIt(path, O_RDONLY, 0));
  if (!fd) refuse("opening", path);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) refuse("reading", path);
  if (S_ISREG(status.st_mode) && static_cast<std::uint64_t>(status.st_size) > most)
    throw FileError("reading", path, EFBIG);
  // The size is a hint: files of /proc say 0, others grow.
  std::string text;
  std::size_t used = 0;
  text.resize(std::min(most, static_cast<std::size_t>(std::max<off_t>(status.st_size, 0)) + 1));
  for (;;) {
    if (used == text.size()) {
      char more;
      if (used == most) {  // is that all?
        const ssize_t got = ::read(fd.get(), &more, 1);
        if (got == 0) break;
        throw FileError("reading", path, EFBIG);
      }
      text.resize(std::min(most, std::max<std::size_t>(4096, 2 * used)));
    }
    const ssize_t got = ::read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse("reading", path);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  text.resize(used);
  return text;
}

/// Where a path leads in the end, through symbolic links, also to what is not there yet.
std::string followed(std::string path) {
  constexpr int mostLinks = 40;  // as the system
  for (int links = 0;; ++links) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
    if (links == mostLinks) throw FileError("following the links of", path, ELOOP);
    std::string target(static_cast<std::size_t>(std::max<off_t>(status.st_size, 255)) + 1, '\0');
    const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size < 0) refuse("following the link", path);
    target.resize(static_cast<std::size_t>(size));
    path = target.starts_with('/') ? target : directoryOf(path).append("/").append(target);
  }
}

/// Links stay: what they lead to is replaced.
void replaceWhole(const std::string& name, std::string_view data, unsigned permissions) {
  static std::atomic<unsigned> count{0};
  const std::string path = followed(name);
  const std::string beside = path + ".new-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
  Descriptor fd(openIt(beside, O_WRONLY | O_CREAT | O_EXCL, permissions));
  if (!fd) refuse("making a new file beside", path);
  try {
    struct stat old{};
    if (::stat(path.c_str(), &old) == 0 && ::fchmod(fd.get(), old.st_mode & 07777) != 0)
      refuse("setting the permissions of", beside);
    if (!writeAll(fd.get(), data)) refuse("writing", beside);
    if (::fsync(fd.get()) != 0) refuse("bringing to the disk", beside);
    if (::close(fd.release()) != 0) refuse("closing", beside);
    if (::rename(beside.c_str(), path.c_str()) != 0) refuse("replacing", path);
  } catch (...) {
    ::unlink(beside.c_str());
    throw;
  }
  syncIt(directoryOf(path));
}

void makeIt(const std::string& path, bool parents, unsigned permissions) {
  if (::mkdir(path.c_str(), static_cast<mode_t>(permissions)) == 0) return;
  if (parents && errno == ENOENT) {
    makeIt(directoryOf(path), true, permissions);
    if (::mkdir(path.c_str(), static_cast<mode_t>(permissions)) == 0) return;
  }
  struct stat there{};
  if (parents && errno == EEXIST && ::stat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode)) return;
  if (parents && errno == 0) errno = EEXIST;
  refuse("making the directory", path);
}

std::vector<DirectoryEntry> listIt(const std::string& path) {
  struct Closing {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Closing> directory(::opendir(path.c_str()));
  if (!directory) refuse("listing", path);
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* each = ::readdir(directory.get());
    if (!each) break;
    const std::string name = each->d_name;
    if (name == "." || name == "..") continue;
    FileKind kind = FileKind::other;
    struct stat status{};
    if (each->d_type == DT_REG)
      kind = FileKind::file;
    else if (each->d_type == DT_DIR)
      kind = FileKind::directory;
    else if (each->d_type == DT_LNK)
      kind = FileKind::symlink;
    else if (each->d_type == DT_UNKNOWN &&
             ::fstatat(::dirfd(directory.get()), each->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
      kind = kindOf(status.st_mode);
    entries.push_back({name, kind});
  }
  if (errno != 0) refuse("listing", path);
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

int flagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::write:
      return O_WRONLY | O_CREAT | O_TRUNC;
    case OpenMode::append:
      return O_WRONLY | O_CREAT | O_APPEND;
    case OpenMode::update:
      return O_RDWR | O_CREAT;
    case OpenMode::createNew:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  throw std::invalid_argument("openFile: this is no OpenMode");
}

}  // namespace

// ---- an open file ----

const std::string& File::path() const noexcept {
  return state_->path;
}

Deferred<std::string> File::read(std::size_t most) {
  checkMost(most);
  return inTurn(state_, [most](State& file) {
    file.check("reading");
    std::string data(most, '\0');
    ssize_t got;
    do got = ::read(file.fd, data.data(), data.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) file.fail("reading");
    data.resize(static_cast<std::size_t>(got));
    return data;
  });
}

Deferred<std::string> File::readAt(std::uint64_t offset, std::size_t most) {
  checkMost(most);
  return inTurn(state_, [offset, most](State& file) {
    file.check("reading");
    std::string data(most, '\0');
    std::size_t used = 0;
    while (used < most) {
      const ssize_t got = ::pread(file.fd, data.data() + used, most - used, static_cast<off_t>(offset + used));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) file.fail("reading");
      if (got == 0) break;
      used += static_cast<std::size_t>(got);
    }
    data.resize(used);
    return data;
  });
}

Deferred<void> File::write(std::string data) {
  return inTurn(state_, [data = std::move(data)](State& file) {
    file.check("writing");
    if (!writeAll(file.fd, data)) file.fail("writing");
  });
}

Deferred<void> File::writeAt(std::uint64_t offset, std::string data) {
  return inTurn(state_, [offset, data = std::move(data)](State& file) {
    file.check("writing");
    std::size_t used = 0;
    while (used < data.size()) {
      const ssize_t wrote =
          ::pwrite(file.fd, data.data() + used, data.size() - used, static_cast<off_t>(offset + used));
      if (wrote < 0 && errno != EINTR) file.fail("writing");
      if (wrote > 0) used += static_cast<std::size_t>(wrote);
    }
  });
}

Deferred<void> File::seek(std::uint64_t offset) {
  return inTurn(state_, [offset](State& file) {
    file.check("seeking in");
    if (::lseek(file.fd, static_cast<off_t>(offset), SEEK_SET) < 0) file.fail("seeking in");
  });
}

Deferred<void> File::truncate(std::uint64_t size) {
  return inTurn(state_, [size](State& file) {
    file.check("cutting");
    if (::ftruncate(file.fd, static_cast<off_t>(size)) != 0) file.fail("cutting");
  });
}

Deferred<void> File::sync() {
  return inTurn(state_, [](State& file) {
    file.check("bringing to the disk");
    if (::fsync(file.fd) != 0) file.fail("bringing to the disk");
  });
}

Deferred<FileStatus> File::stat() {
  return inTurn(state_, [](State& file) {
    file.check("asking about");
    struct stat found{};
    if (::fstat(file.fd, &found) != 0) file.fail("asking about");
    return statusOf(found);
  });
}

Deferred<void> File::close() {
  return inTurn(state_, [](State& file) {
    file.check("closing");
    if (::close(std::exchange(file.fd, -1)) != 0 && errno != EINTR) file.fail("closing");
  });
}

File adoptFile(ReactorThreads& reactor, FileDescriptor descriptor, std::string path) {
  if (!descriptor) throw std::invalid_argument("adoptFile needs a descriptor, and got none");
  auto state = std::make_shared<File::State>(reactor, std::move(path), descriptor.get());
  static_cast<void>(descriptor.release());
  return File(std::move(state));
}

Deferred<File> openFile(ReactorThreads& reactor, std::string path, OpenMode mode, unsigned permissions) {
  needNoNul(path);
  return deferToThread(reactor, [&reactor, path = std::move(path), flags = flagsOf(mode), permissions] {
    const int fd = openIt(path, flags, permissions);
    if (fd < 0) refuse("opening", path);
    return File(std::make_shared<File::State>(reactor, path, fd));
  });
}

// ---- by name ----

Deferred<std::string> readFile(ReactorThreads& reactor, std::string path, std::size_t most) {
  needNoNul(path);
  checkMost(most);
  return deferToThread(reactor, [path = std::move(path), most] { return readWhole(path, most); });
}

Deferred<void> writeFile(ReactorThreads& reactor, std::string path, std::string data, WriteFileOptions options) {
  needNoNul(path);
  return deferToThread(reactor, [path = std::move(path), data = std::move(data), options] {
    if (options.atomic) return replaceWhole(path, data, options.permissions);
    const Descriptor fd(openIt(path, flagsOf(OpenMode::write), options.permissions));
    if (!fd) refuse("opening", path);
    if (!writeAll(fd.get(), data)) refuse("writing", path);
  });
}

Deferred<FileStatus> statFile(ReactorThreads& reactor, std::string path, bool followLink) {
  needNoNul(path);
  return deferToThread(reactor, [path = std::move(path), followLink] {
    struct stat found{};
    if ((followLink ? ::stat(path.c_str(), &found) : ::lstat(path.c_str(), &found)) != 0) refuse("asking about", path);
    return statusOf(found);
  });
}

Deferred<std::vector<DirectoryEntry>> listDirectory(ReactorThreads& reactor, std::string path) {
  needNoNul(path);
  return deferToThread(reactor, [path = std::move(path)] { return listIt(path); });
}

Deferred<void> renameFile(ReactorThreads& reactor, std::string from, std::string to) {
  needNoNul(from);
  needNoNul(to);
  return deferToThread(reactor, [from = std::move(from), to = std::move(to)] {
    if (::rename(from.c_str(), to.c_str()) != 0) refuse("renaming to \"" + to + "\"", from);
  });
}

Deferred<void> removeFile(ReactorThreads& reactor, std::string path) {
  needNoNul(path);
  return deferToThread(reactor, [path = std::move(path)] {
    if (::unlink(path.c_str()) != 0) refuse("removing", path);
  });
}

Deferred<void> removeDirectory(ReactorThreads& reactor, std::string path) {
  needNoNul(path);
  return deferToThread(reactor, [path = std::move(path)] {
    if (::rmdir(path.c_str()) != 0) refuse("removing the directory", path);
  });
}

Deferred<void> makeDirectory(ReactorThreads& reactor, std::string path, bool parents, unsigned permissions) {
  needNoNul(path);
  return deferToThread(reactor, [path = std::move(path), parents, permissions] { makeIt(path, parents, permissions); });
}

Deferred<void> syncDirectory(ReactorThreads& reactor, std::string path) {
  needNoNul(path);
  return deferToThread(reactor, [path = std::move(path)] { syncIt(path); });
}

}  // namespace bight
