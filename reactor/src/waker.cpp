#include "waker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#ifdef __linux__
#include <sys/eventfd.h>
#endif

namespace bight::detail {

void openPipe(int (&ends)[2]) {
#ifdef __linux__
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "opening a pipe for the reactor");
  }
#else
  if (::pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "opening a pipe for the reactor");
  for (const int fd : ends) {
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
#endif
}

Waker::Waker(Poller& poller) : poller_(poller) {
#ifdef __linux__
  readEnd_ = writeEnd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (readEnd_ < 0) throw std::system_error(errno, std::generic_category(), "opening an eventfd for the reactor");
#else
  int ends[2];
  openPipe(ends);
  readEnd_ = ends[0];
  writeEnd_ = ends[1];
#endif
  try {
    handle_ = poller_.add(readEnd_, pollRead, *this);
  } catch (...) {
    ::close(readEnd_);
    if (writeEnd_ != readEnd_) ::close(writeEnd_);
    throw;
  }
}

Waker::~Waker() {
  poller_.remove(handle_);
  ::close(readEnd_);
  if (writeEnd_ != readEnd_) ::close(writeEnd_);
}

void Waker::wake() noexcept {
  const std::uint64_t one = 1;
  // A full pipe or counter means that a wake-up is pending already.
  while (::write(writeEnd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Waker::ready(unsigned) noexcept {
  std::uint64_t counts[64];
  while (::read(readEnd_, counts, readEnd_ == writeEnd_ ? sizeof counts[0] : sizeof counts) == sizeof counts) {
  }
}

}  // namespace bight::detail
