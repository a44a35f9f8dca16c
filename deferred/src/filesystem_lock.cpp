#include <bight/filesystem_lock.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace bight {

namespace {

// A descriptor that closes itself unless it is taken.
struct Opened {
  int descriptor;
  ~Opened() {
    if (descriptor >= 0) ::close(descriptor);
  }
  int take() noexcept { return std::exchange(descriptor, -1); }
};

// Whoever had the lock may have removed the file between our open and our flock: then we hold one that nobody else can see.
bool isStillThere(int descriptor, const std::string& path) {
  struct stat ours;
  struct stat there;
  return ::fstat(descriptor, &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

[[noreturn]] void failed(const char* what, const std::string& path) {
  throw std::system_error(errno, std::generic_category(), std::string("bight: cannot ") + what + " the lock " + path);
}

}  // namespace

AlreadyTryingToLockError::AlreadyTryingToLockError(const std::string& path)
    : std::logic_error("bight: the lock " + path + " is being tried for already: wait for that Deferred") {}

FilesystemLock::~FilesystemLock() {
  if (locked()) unlock();
}

bool FilesystemLock::lock() {
  if (locked()) throw std::logic_error("bight: the lock " + path_ + " is locked by this object already");
  for (;;) {
    Opened file{::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)};
    if (file.descriptor < 0) failed("open", path_);
    if (::flock(file.descriptor, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return false;
      if (errno == EINTR) continue;
      failed("take", path_);
    }
    if (!isStillThere(file.descriptor, path_)) continue;
    struct stat found;
    clean_ = ::fstat(file.descriptor, &found) == 0 && found.st_size == 0;  // who died left its number
    const std::string number = std::to_string(::getpid()) + '\n';
    if (::ftruncate(file.descriptor, 0) != 0 ||
        ::pwrite(file.descriptor, number.data(), number.size(), 0) != static_cast<ssize_t>(number.size())) {
      failed("write to", path_);
    }
    descriptor_ = file.take();
    return true;
  }
}

void FilesystemLock::unlock() {
  if (!locked()) throw std::logic_error("bight: the lock " + path_ + " is not locked by this object");
  ::unlink(path_.c_str());  // first: nobody else has it until it is closed
  ::close(std::exchange(descriptor_, -1));
}

}  // namespace bight
