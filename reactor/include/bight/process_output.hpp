/// @file
/// Run a program, and have what it printed as a Deferred.
///
/// ```cpp
/// getProcessOutput(*reactor, "git", {"describe"}).addCallback([](std::string text) { ... });
/// auto making = getProcessOutputAndValue(*reactor, "make", {"-k"});  // no braces behind co_await: docs/pitfalls.md
/// const ProcessOutput ended = co_await std::move(making);             // ended.code != 0 is for you to look at
/// ```
/// Twisted's twisted.internet.utils. Here `args` come without the program's own name.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/process.hpp>

namespace bight {

/// How to run it.
struct OutputOptions {
  /// As in ProcessOptions; but here the parent's environment is the default.
  std::optional<ProcessOptions::Environment> env = inheritEnvironment;
  std::string path = {};
  /// What the program reads from its standard input.
  std::string input = {};
  /// `getProcessOutput` takes what comes on the standard error for output, instead of failing.
  bool errorToo = false;
  /// More output than this, of both kinds together, kills the program and fails with OutputTooLong.
  std::size_t maxOutput = 16 * 1024 * 1024;
};

/// How a program ended, and what it said until then.
struct ProcessOutput {
  std::string out;
  std::string err;
  /// Its exit code; 0 if a signal ended it.
  int code = 0;
  /// The signal that ended it.
  std::optional<int> signal = std::nullopt;
};

/// The program wrote to its standard error.
class BIGHT_API ProcessWroteErrors : public std::runtime_error {
 public:
  ProcessWroteErrors(const std::string& executable, std::string text);
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

/// A signal ended the program: what it said until then.
class BIGHT_API ProcessSignalled : public std::runtime_error {
 public:
  ProcessSignalled(const std::string& executable, ProcessOutput output);
  const ProcessOutput& output() const noexcept { return output_; }

 private:
  ProcessOutput output_;
};

/// The program said more than `OutputOptions::maxOutput`, and was killed.
class BIGHT_API OutputTooLong : public std::runtime_error {
 public:
  OutputTooLong(const std::string& executable, std::size_t limit);
};

/// Each of these fires when the program has ended and its pipes are closed. They throw nothing: if the program cannot be
/// started, they fail with SpawnError, or whatever else `spawnProcess` has thrown. Cancelling kills the program (SIGKILL) and closes its pipes at once.
/// @{

/// What it wrote to its standard output. Whatever it writes to its standard error fails this with ProcessWroteErrors at
/// once, and the program is killed, unless `errorToo`. The exit code does not matter; see `getProcessOutputAndValue`.
BIGHT_API Deferred<std::string> getProcessOutput(ReactorProcess& reactor, const std::string& executable,
                                                 std::vector<std::string> args = {},
                                                 OutputOptions options = OutputOptions());
/// All of it. Fails with ProcessSignalled, which has all of it, if a signal ended the program.
BIGHT_API Deferred<ProcessOutput> getProcessOutputAndValue(ReactorProcess& reactor, const std::string& executable,
                                                           std::vector<std::string> args = {},
                                                           OutputOptions options = OutputOptions());
/// The exit code; what it wrote is dropped. Fails with ProcessSignalled if a signal ended it.
BIGHT_API Deferred<int> getProcessValue(ReactorProcess& reactor, const std::string& executable,
                                        std::vector<std::string> args = {}, OutputOptions options = OutputOptions());
/// @}

}  // namespace bight
