/// @file
/// Internal: changes of files, joined until they are told.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include <bight/file_watcher.hpp>

namespace bight::detail {

/// What has happened since the last telling, in order, without what is said by something else.
class BIGHT_API ChangeGatherer {
 public:
  bool empty() const noexcept { return latest_.empty(); }
  void add(FileChange change);
  /// Forgets what concerns a watched path.
  void forget(const std::string& path);
  std::vector<FileChange> take();

 private:
  struct Entry {
    FileChange change;
    bool dropped = false;
  };

  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> latest_;  // path: the last entry that is about it
};

}  // namespace bight::detail
