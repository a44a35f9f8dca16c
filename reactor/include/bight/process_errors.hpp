/// @file
/// How a child process ended, or why it never began.
///
/// | | reaches | when |
/// |---|---|---|
/// | `ProcessDone` | `processExited()`, `processEnded()` | it exited with code 0 |
/// | `ProcessTerminated` | the same | any other end: another code, a signal |
/// | `SpawnError` | thrown by `spawnProcess()` | it could not be started: which step failed, and why |
/// | `ProcessExitedAlready` | thrown by `signalProcess()` | there is nothing left to signal |
#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include <bight/export.hpp>

namespace bight {

/// The process has ended as it should: its exit code is 0. (Twisted: error.ProcessDone)
class BIGHT_API ProcessDone : public std::runtime_error {
 public:
  ProcessDone();
};

/// The process has ended otherwise: exactly one of `exitCode()` and `signal()` is there, or neither if somebody else in
/// this program has waited for it and so taken the answer. (Twisted: error.ProcessTerminated)
class BIGHT_API ProcessTerminated : public std::runtime_error {
 public:
  /// @param status as waitpid(2) gives it; nothing if it is not known
  explicit ProcessTerminated(std::optional<int> status);
  /// 1 to 255, if it exited by itself.
  std::optional<int> exitCode() const noexcept { return exitCode_; }
  /// The number of the signal that ended it.
  std::optional<int> signal() const noexcept { return signal_; }
  /// As waitpid(2) gives it.
  std::optional<int> status() const noexcept { return status_; }

 private:
  std::optional<int> exitCode_;
  std::optional<int> signal_;
  std::optional<int> status_;
};

/// The process has ended before: it cannot be signalled any more. (Twisted: error.ProcessExitedAlready)
class BIGHT_API ProcessExitedAlready : public std::runtime_error {
 public:
  ProcessExitedAlready();
};

/// A process could not be started. The message says which program, what was tried, and why it failed.
class BIGHT_API SpawnError : public std::runtime_error {
 public:
  /// @param step what was being done, as "running it" or "changing into the directory /x"
  SpawnError(const std::string& executable, const std::string& step, int osError, const std::string& hint = {});
  const std::string& executable() const noexcept { return executable_; }
  /// The system's error number: ENOENT, EACCES, EMFILE, …
  int osError() const noexcept { return osError_; }

 private:
  std::string executable_;
  int osError_ = 0;
};

}  // namespace bight
