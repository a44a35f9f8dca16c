/// @file
/// `FileDescriptor`: owns a descriptor of the system, and closes it.
#pragma once

#include <utility>

#include <bight/export.hpp>

namespace bight {

/// A descriptor and the duty to close it. Moves, does not copy; empty is -1.
///
/// ```cpp
/// void fileDescriptorReceived(FileDescriptor fd) override { log_ = std::move(fd); }    // kept; else closed at once
/// ```
class BIGHT_API FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  /// Takes over `fd`: nobody else may close it.
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    FileDescriptor taken(std::move(other));
    std::swap(fd_, taken.fd_);
    return *this;
  }
  ~FileDescriptor() { reset(); }

  /// A second descriptor of the same thing, closed on exec.
  /// @throws std::system_error if `fd` is not open, or there are no more descriptors
  static FileDescriptor duplicate(int fd);

  /// The number, or -1.
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  /// Gives the duty to the caller.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  /// Closes it now.
  void reset() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace bight
