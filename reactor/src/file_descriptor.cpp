#include <bight/file_descriptor.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "system_calls.hpp"

namespace bight {

void FileDescriptor::reset() noexcept {
  if (fd_ >= 0) detail::sys::close(std::exchange(fd_, -1));
}

FileDescriptor FileDescriptor::duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "duplicating descriptor " + std::to_string(fd));
  return FileDescriptor(copy);
}

}  // namespace bight
