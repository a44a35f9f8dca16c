/// @file
/// Files, without holding up the reactor: everything is done in its thread pool, and answers are Deferreds.
///
/// ```cpp
/// std::string text = co_await readFile(*reactor, "/etc/hostname");
/// co_await writeFile(*reactor, "state.json", text);              // all of it or nothing, also if the power fails
/// File log = co_await openFile(*reactor, "log", OpenMode::append);
/// co_await log.write("started\n");
/// ```
/// docs/howto/files.md shows more. Sending a file to a connection, and a connection into a file: file_stream.hpp.
///
/// **Failures** are FileErrors, which say what was being done, to which file, and why it failed. **Cancelling** makes
/// the Deferred fail at once; what a thread has begun with is still done, and its result dropped. A disk that hangs
/// occupies a thread of the pool, never the reactor.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/file_descriptor.hpp>
#include <bight/threads.hpp>

namespace bight {

/// The system refused something about a file.
class BIGHT_API FileError : public std::runtime_error {
 public:
  /// @param operation as "opening" or "renaming to \"b\""
  FileError(const std::string& operation, const std::string& path, int osError);
  const std::string& path() const noexcept { return path_; }
  /// The system's error number: ENOENT, EACCES, ENOSPC, …
  int osError() const noexcept { return osError_; }

 private:
  std::string path_;
  int osError_ = 0;
};

/// What to open a file for.
enum class OpenMode : std::uint8_t {
  read,       ///< to read; it must be there
  write,      ///< to write; made if it is not there, emptied if it is
  append,     ///< to write at the end; made if it is not there
  update,     ///< to read and write; made if it is not there
  createNew,  ///< to read and write; it must not be there
};

/// What something in the file system is.
enum class FileKind : std::uint8_t { file, directory, symlink, other };

struct FileStatus {
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;
  /// The permission bits, as 0644.
  unsigned permissions = 0;
  unsigned uid = 0;
  unsigned gid = 0;
  std::uint64_t links = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::chrono::system_clock::time_point modified;
};

struct DirectoryEntry {
  std::string name;
  FileKind kind = FileKind::other;
  bool operator==(const DirectoryEntry&) const = default;
};

/// An open file. A handle: copies are the same file, which is closed when the last one has gone and nothing is done
/// with it any more. What is asked of one file is done in the order in which it was asked, one thing at a time;
/// different files do not wait for each other. To be used in the reactor's thread, while there is a reactor.
class BIGHT_API File {
 public:
  /// Most that one read gives.
  static constexpr std::size_t mostRead = 64 * 1024 * 1024;

  /// The next bytes, at most `most` of them; empty at the end of the file.
  /// @throws std::invalid_argument if `most` is 0 or above `mostRead`
  Deferred<std::string> read(std::size_t most = 65536);
  /// Bytes from a place, which the others do not notice. Fewer than `most` only at the end of the file.
  Deferred<std::string> readAt(std::uint64_t offset, std::size_t most);
  /// Writes all of it, at the present place (or the end, with `OpenMode::append`).
  Deferred<void> write(std::string data);
  Deferred<void> writeAt(std::uint64_t offset, std::string data);
  /// Where `read` and `write` go on.
  Deferred<void> seek(std::uint64_t offset);
  /// Cuts the file, or lengthens it with zeros.
  Deferred<void> truncate(std::uint64_t size);
  /// Fires when everything written is on the disk (fsync).
  Deferred<void> sync();
  Deferred<FileStatus> stat();
  /// Closes it when what was asked before is done, and tells what the system says to that. What is asked afterwards
  /// fails with EBADF.
  Deferred<void> close();

  const std::string& path() const noexcept;

  /// @cond internal
  struct State;
  explicit File(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
  const std::shared_ptr<State>& state() const noexcept { return state_; }
  /// @endcond

 private:
  std::shared_ptr<State> state_;
};

/// Opens a file.
/// @param permissions of a file that is made; the process's umask is taken from them
BIGHT_API Deferred<File> openFile(ReactorThreads& reactor, std::string path, OpenMode mode = OpenMode::read,
                                  unsigned permissions = 0666);

/// A file that has been opened already, by other means; `path` names it in failures.
/// @throws std::invalid_argument if there is no descriptor
BIGHT_API File adoptFile(ReactorThreads& reactor, FileDescriptor descriptor, std::string path);

/// All that is in a file. One that is longer than `most` is not read, and fails with EFBIG.
BIGHT_API Deferred<std::string> readFile(ReactorThreads& reactor, std::string path, std::size_t most = File::mostRead);

struct WriteFileOptions {
  /// Write to a new file beside it, bring that to the disk, and give it the name: others see the old contents or the
  /// new ones, never a part. False: write into the file itself. Symbolic links are followed and stay; other hard links
  /// keep the old contents. A FileWatcher of the directory sees one change of the name, if it was made and written
  /// within its time to gather; before that, a file `NAME.new-…`.
  bool atomic = true;
  /// Of a file that is made; one that is replaced hands its own on.
  unsigned permissions = 0666;
};

/// Makes `data` all that is in a file.
BIGHT_API Deferred<void> writeFile(ReactorThreads& reactor, std::string path, std::string data,
                                   WriteFileOptions options = {});

/// What there is; of the thing that a symbolic link names, or, with `followLink` false, of the link.
BIGHT_API Deferred<FileStatus> statFile(ReactorThreads& reactor, std::string path, bool followLink = true);
/// Everything in a directory but "." and "..", by name.
BIGHT_API Deferred<std::vector<DirectoryEntry>> listDirectory(ReactorThreads& reactor, std::string path);
/// Gives it another name, which it takes from whatever has it.
BIGHT_API Deferred<void> renameFile(ReactorThreads& reactor, std::string from, std::string to);
/// Removes a file or a link.
BIGHT_API Deferred<void> removeFile(ReactorThreads& reactor, std::string path);
/// Removes an empty directory.
BIGHT_API Deferred<void> removeDirectory(ReactorThreads& reactor, std::string path);
/// @param parents make those above it as well, and be content if it is there already
BIGHT_API Deferred<void> makeDirectory(ReactorThreads& reactor, std::string path, bool parents = false,
                                       unsigned permissions = 0777);
/// Fires when the entries of a directory are on the disk: after a rename or a new file that must survive.
BIGHT_API Deferred<void> syncDirectory(ReactorThreads& reactor, std::string path);

}  // namespace bight
