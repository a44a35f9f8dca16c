/// @file
/// Internal: the name of a UNIX socket, and its file.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace bight::detail {

/// Binds sockets to a name, and takes the name back. unix_name.cpp tells how a name that is left behind is found out.
class UnixName {
 public:
  UnixName(std::string address, unsigned mode) : address_(std::move(address)), mode_(mode) {}

  struct Trouble {
    int error;
    std::string cause;
  };

  /// Gives the socket its name, and lets it listen if `backlog` is not negative. @return what is wrong, if anything
  std::optional<Trouble> bind(int fd, int backlog);
  /// Removes the file, if it is still the one that was made.
  void remove() noexcept;

  const std::string& address() const noexcept { return address_; }

 private:
  std::optional<Trouble> bindFile(int fd, int backlog);

  const std::string address_;
  const unsigned mode_;
  bool made_ = false;
  dev_t device_ = 0;
  ino_t file_ = 0;
};

}  // namespace bight::detail
