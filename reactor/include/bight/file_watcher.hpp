/// @file
/// `FileWatcher`: be told when files change.
///
/// ```cpp
/// FileWatcher watcher(*reactor, [](const FileChange& change) { std::cout << change.path << '\n'; });
/// watcher.watch("/etc/app.conf");
/// watcher.watch("templates");        // a directory: what is in it (not what is in directories in it)
/// ```
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <bight/export.hpp>
#include <bight/fdset.hpp>
#include <bight/function.hpp>
#include <bight/time.hpp>

namespace bight {

/// What has happened to a file.
struct FileChange {
  enum class Kind : std::uint8_t {
    created,     ///< it is there now, made or moved in from elsewhere
    modified,    ///< its contents have changed
    attributes,  ///< its permissions, owner or times have changed
    removed,     ///< it is not there any more, or has been moved out of sight
    renamed,     ///< it had the name `from`, in a watched directory
    unwatched,   ///< what is watched has itself been removed or moved away: nothing more will be told of it
    overflow,    ///< more has happened than the system could keep: look at everything anew. `path` is empty
  };
  Kind kind;
  /// The path given to `watch()`, and behind it, for what is in a directory, the name.
  std::string path;
  std::string from = {};
  bool operator==(const FileChange&) const = default;
};

/// Watches files and directories by the system's own means: inotify, or kqueue where that is (there, for a directory,
/// it is only told that something in it has changed: `modified`, with the directory's path).
///
/// Changes are gathered for a moment and told together, in order. Those of one path are joined: any number of writes
/// are one `modified`; a file that was made and written is `created`; one that was made and removed again in that
/// moment is not told at all, and one that was made and then renamed is `created` under its last name. That is what
/// `writeFile` looks like, also when it replaces a file; if it takes longer than the moment (a slow disk), there is a
/// `created` of its new file, `NAME.new-…`, before a `renamed`: pass over names that are not yours. Editors replace files by others of the same name: watch the directory to go on hearing of
/// a name.
class BIGHT_API FileWatcher {
 public:
  /// How long changes are gathered.
  static constexpr Duration gatherTime = std::chrono::milliseconds(20);

  /// @param reactor watches the descriptor, and has the clock
  /// @param told may do anything, also destroy the watcher; what it throws is logged
  /// @throws std::system_error if the system refuses (too many watchers of this user), or has no such means
  template <class R>
  FileWatcher(R& reactor, Function<void(const FileChange&)> told, Duration gather = gatherTime)
      : FileWatcher(static_cast<ReactorFDSet&>(reactor), static_cast<ReactorTime&>(reactor), std::move(told), gather) {}
  FileWatcher(ReactorFDSet& descriptors, ReactorTime& clock, Function<void(const FileChange&)> told, Duration gather);
  /// Ends it: nothing is told any more.
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  /// Watches a file, or a directory and what is in it. Watching what is watched does nothing.
  /// @throws std::system_error if it is not there, may not be read, or the system's limit is reached (the message says
  /// which)
  void watch(const std::string& path);
  /// Ends the watch of a path. Nothing happens if there is none. What was gathered for it is not told.
  void unwatch(const std::string& path);
  bool watches(const std::string& path) const;

 private:
  class Source;
  std::shared_ptr<Source> source_;
};

}  // namespace bight
