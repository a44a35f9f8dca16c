// Whose is the file? (B56)
// ------------------------
// A server that dies leaves its socket's file behind, and bind() fails for the next one. Twisted asks for a lock file with the server's number
// in it, which does not help if another process has got that number meanwhile. Here the socket itself is asked: connecting to one that nobody
// serves is refused. That answer is also given by a socket that has just been bound and does not listen yet, so between bind() and listen(),
// and while somebody finds out and replaces, the directory is locked (flock): the kernel lets go of it when its holder dies, it leaves no file
// behind, and it only takes a moment. Where the lock cannot be had, nothing is replaced.
#include "unix_name.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "socket.hpp"

namespace bight::detail {

namespace {

/// Locks the directory of a path, as long as it lives.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    directory_ = Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Others of us hold it for a moment only; somebody else may hold it for ever.
    for (int i = 0; directory_ && i < 50; ++i) {
      if (::flock(directory_.get(), LOCK_EX | LOCK_NB) == 0) return;
      if (errno != EWOULDBLOCK && errno != EINTR) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    directory_.reset();
  }
  bool held() const noexcept { return static_cast<bool>(directory_); }

 private:
  Descriptor directory_;
};

enum class Occupant { nobody, dead, alive, other };

Occupant whoIsAt(const std::string& path, const SocketAddress& address, int type) noexcept {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? Occupant::nobody : Occupant::alive;
  if (!S_ISSOCK(status.st_mode)) return Occupant::other;
  const Descriptor knock = openSocket(AF_UNIX, type);
  if (!knock || ::connect(knock.get(), address.get(), address.length) == 0) return Occupant::alive;
  if (errno == ENOENT) return Occupant::nobody;
  return errno == ECONNREFUSED ? Occupant::dead : Occupant::alive;
}

}  // namespace

std::optional<UnixName::Trouble> UnixName::bind(int fd, int backlog) {
  const SocketAddress address{UNIXAddress{address_}};
  if (address.length == 0)
    return Trouble{ENAMETOOLONG, "the name has " + std::to_string(address_.size()) +
                                     " bytes, and the system takes at most " +
                                     std::to_string(sizeof(sockaddr_un::sun_path) - 1)};
  if (address_[0] != '\0' && !sys::isSimulated(fd)) return bindFile(fd, backlog);
  if (sys::bind(fd, address.get(), address.length) != 0) return Trouble{errno, "bind"};
  if (backlog >= 0 && sys::listen(fd, backlog) != 0) return Trouble{errno, "listen"};
  return std::nullopt;
}

std::optional<UnixName::Trouble> UnixName::bindFile(int fd, int backlog) {
  const SocketAddress address{UNIXAddress{address_}};
  int type = SOCK_STREAM;
  socklen_t length = sizeof type;
  ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
  const DirectoryLock lock(address_);
  // On Linux the file gets the socket's mode, so it is never open to more than it shall be.
  ::fchmod(fd, static_cast<mode_t>(mode_));
  for (bool first = true; ::bind(fd, address.get(), address.length) != 0; first = false) {
    if (errno != EADDRINUSE || !first) return Trouble{errno, "bind"};
    switch (whoIsAt(address_, address, type)) {
      case Occupant::other:
        return Trouble{EADDRINUSE, "there is a file of that name, and it is not a socket"};
      case Occupant::alive:
        return Trouble{EADDRINUSE, "somebody serves it already"};
      case Occupant::dead:
        if (!lock.held())
          return Trouble{
              EADDRINUSE,
              "a dead server has left it behind; it is not replaced, because its directory cannot be locked"};
        if (::unlink(address_.c_str()) != 0) return Trouble{errno, "removing what a dead server has left behind"};
        break;
      case Occupant::nobody:
        break;
    }
  }
  struct stat status{};
  if (::chmod(address_.c_str(), static_cast<mode_t>(mode_)) == 0 && ::lstat(address_.c_str(), &status) == 0) {
    made_ = true;
    device_ = status.st_dev;
    file_ = status.st_ino;
    if (backlog < 0 || ::listen(fd, backlog) == 0) return std::nullopt;
  }
  Trouble trouble{errno, made_ ? "listen" : "setting its permissions"};
  if (made_)
    remove();
  else
    ::unlink(address_.c_str());
  return trouble;
}

void UnixName::remove() noexcept {
  struct stat status{};
  if (std::exchange(made_, false) && ::lstat(address_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == file_)
    ::unlink(address_.c_str());
}

}  // namespace bight::detail
