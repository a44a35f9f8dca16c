// Descriptors from outside: a program shares its terminal with its shell and with others, and its pipes with whoever
// else holds that end. The mode "non-blocking" belongs to the open file, which all of them share, so setting it breaks
// programs that do not expect it. Where the system can, the file is opened a second time instead (Linux:
// /proc/self/fd/N), which gives an open file of our own. Sockets need no mode (MSG_DONTWAIT), and regular files have
// none. Only what remains is set, and set back at the end.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "pipe.hpp"

namespace bight::detail {

void PipeEnd::classify() noexcept {
  struct stat what{};
  if (::fstat(fd_.get(), &what) != 0) return;
  socket_ = S_ISSOCK(what.st_mode);
  file_ = S_ISREG(what.st_mode) || S_ISBLK(what.st_mode);
#ifdef __linux__
  constexpr unsigned memoryDevices = 1;  // /dev/null, /dev/zero, …
  if (S_ISCHR(what.st_mode) && major(what.st_rdev) == memoryDevices) file_ = true;
#endif
  pipe_ = S_ISFIFO(what.st_mode);
}

PipeEnd PipeEnd::adopt(int fd, bool forWriting) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) {
    throw std::system_error(errno, std::generic_category(),
                            "descriptor " + std::to_string(fd) + " cannot be connected to a protocol");
  }
  Descriptor ours(fd);
  PipeEnd end(std::move(ours));
  if (end.socket_ || end.file_ || (flags & O_NONBLOCK)) return end;
#ifdef __linux__
  char path[40];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  Descriptor again(::open(path, (forWriting ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (again) {
    end.original_ = std::move(end.fd_);
    end.fd_ = std::move(again);
    return end;
  }
#else
  static_cast<void>(forWriting);
#endif
  if (::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0) end.restoreFlags_ = flags;
  return end;
}

void PipeEnd::close() noexcept {
  if (restoreFlags_ >= 0 && fd_) ::fcntl(fd_.get(), F_SETFL, restoreFlags_);
  restoreFlags_ = -1;
  for (Descriptor* each : {&fd_, &original_}) {
    if (!*each) continue;
    if (each->get() > 2) {
      each->reset();
      continue;
    }
    // Whoever opens a file next must not get 0, 1 or 2, which others print to.
    const int number = each->release();
    const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null || ::dup2(null.get(), number) < 0) ::close(number);
  }
}

NoPipeSignal::NoPipeSignal() noexcept {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, &before_);
  pending_ = sigismember(&before_, SIGPIPE) == 1;  // then ours would not have been delivered either
}

NoPipeSignal::~NoPipeSignal() {
  if (pending_) return;
  const int saved = errno;
  if (saved == EPIPE) {
    sigset_t waiting;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    int number = 0;
    // It was sent to this thread, so it is here already.
    if (::sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1) ::sigwait(&pipe, &number);
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = saved;
}

}  // namespace bight::detail
