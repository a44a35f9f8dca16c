// The system's descriptor is in the reactor's set of descriptors; what it says goes to the gatherer, and a timer tells it
// all. Only public interfaces of a reactor are used, so a watcher works with any.
//
// How changes of one path are joined (the last one of it, and the new one):
//
//   created  + modified, attributes = created        modified + modified, attributes = modified
//   created  + removed = nothing                     attributes + modified = modified
//   modified, attributes + removed = removed         anything else: both are told
//
//   created a + renamed to b = created b: so that a file which is written beside and then put in the place of another, as
//   writeFile does, is one change of one name
//
// An overflow makes all that was gathered before it worthless: it is told alone.
#include <bight/file_watcher.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <iterator>
#include <map>
#include <stdexcept>
#include <system_error>

#include <bight/log.hpp>

#include "change_gatherer.hpp"
#include "socket.hpp"

#if defined(__linux__)
#include <limits.h>
#include <sys/inotify.h>
#elif defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || defined(__DragonFly__) || \
    defined(__APPLE__)
#define BIGHT_HAS_KQUEUE 1
#include <fcntl.h>
#include <sys/event.h>
#include <sys/stat.h>
#endif

namespace bight {

using Kind = FileChange::Kind;

namespace detail {

void ChangeGatherer::add(FileChange change) {
  if (change.kind == Kind::overflow) {
    entries_.clear();
    latest_.clear();
  }
  if (change.kind == Kind::renamed) {
    const auto made = latest_.find(change.from);
    if (made != latest_.end() && entries_[made->second].change.kind == Kind::created &&
        entries_[made->second].change.path == change.from) {
      entries_[made->second].dropped = true;
      latest_.erase(made);
      change = {Kind::created, std::move(change.path)};
    }
  }
  const auto found = latest_.find(change.path);
  if (found != latest_.end() && entries_[found->second].change.path == change.path) {
    Entry& last = entries_[found->second];
    const Kind before = last.change.kind;
    const bool touched = change.kind == Kind::modified || change.kind == Kind::attributes;
    if (change.kind == before && before != Kind::renamed) return;
    if (touched && (before == Kind::created || before == Kind::modified)) return;
    if (touched && before == Kind::attributes) {
      last.change.kind = change.kind;
      return;
    }
    if (change.kind == Kind::removed && before == Kind::created) {
      last.dropped = true;
      latest_.erase(found);
      return;
    }
    if (change.kind == Kind::removed && (before == Kind::modified || before == Kind::attributes)) {
      last.change.kind = Kind::removed;
      return;
    }
  }
  latest_[change.path] = entries_.size();
  if (!change.from.empty()) latest_[change.from] = entries_.size();
  entries_.push_back({std::move(change)});
}

namespace {
/// Whether a change is about a watched path, or about what lies in it.
bool concerns(const FileChange& change, const std::string& path) {
  const std::string& about = change.path;
  if (!about.starts_with(path)) return false;
  return about.size() == path.size() || about[path.size()] == '/' || path.ends_with('/');
}
}  // namespace

void ChangeGatherer::forget(const std::string& path) {
  for (Entry& each : entries_) {
    if (!concerns(each.change, path)) continue;
    each.dropped = true;
    latest_.erase(each.change.path);
    latest_.erase(each.change.from);
  }
}

std::vector<FileChange> ChangeGatherer::take() {
  std::vector<FileChange> changes;
  for (Entry& each : entries_)
    if (!each.dropped) changes.push_back(std::move(each.change));
  entries_.clear();
  latest_.clear();
  return changes;
}

}  // namespace detail

class FileWatcher::Source final : public Selectable, public std::enable_shared_from_this<FileWatcher::Source> {
 public:
  Source(ReactorFDSet& descriptors, ReactorTime& clock, Function<void(const FileChange&)> told, Duration gather)
      : descriptors_(descriptors), clock_(clock), told_(std::move(told)), gather_(gather), fd_(open()) {
    if (!told_) throw std::invalid_argument("FileWatcher: the function is empty");
    if (gather < Duration::zero()) throw std::invalid_argument("FileWatcher: the time to gather is negative");
    if (!fd_) refuse("opening a watcher of files");
  }
  ~Source() override;

  void start() { descriptors_.addReader(shared_from_this()); }
  void stop() {
    if (fd_) descriptors_.removeReader(shared_from_this());
    end();
  }

  void watch(const std::string& path);
  void unwatch(const std::string& path);
  bool watches(const std::string& path) const { return byPath_.count(path) != 0; }

  // Selectable
  int fileno() const override { return fd_.get(); }
  void doRead() override;
  void connectionLost(const Failure&) override { end(); }
  std::string logPrefix() const override { return "FileWatcher"; }

 private:
  static detail::Descriptor open();
  [[noreturn]] static void refuse(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
  }

  void end() {
    stopped_ = true;
    if (call_.active()) call_.cancel();
    fd_.reset();
  }

  void add(FileChange change) {
    changes_.add(std::move(change));
    if (changes_.empty() || call_.active()) return;
    call_ = clock_.callLater(gather_, [self = shared_from_this()] { self->tell(); });
  }

  /// What was gathered for a path is not told any more, be it that its turn has come.
  void forget(const std::string& path) {
    changes_.forget(path);
    taken_.erase(std::remove_if(taken_.begin(), taken_.end(),
                                [&](const FileChange& each) { return detail::concerns(each, path); }),
                 taken_.end());
  }

  void tell() {
    auto changes = changes_.take();
    std::move(changes.begin(), changes.end(), std::back_inserter(taken_));
    while (!taken_.empty() && !stopped_) {
      const FileChange each = std::move(taken_.front());
      taken_.pop_front();
      try {
        told_(each);
      } catch (...) {
        Logger("bight.files").failure("Unhandled Error in a FileWatcher's function", Failure());
      }
    }
  }

  ReactorFDSet& descriptors_;
  ReactorTime& clock_;
  Function<void(const FileChange&)> told_;
  Duration gather_;
  detail::Descriptor fd_;
  detail::ChangeGatherer changes_;
  std::deque<FileChange> taken_;  // being told
  DelayedCall call_;
  std::map<std::string, int> byPath_;
  std::map<int, std::string> byNumber_;
  bool stopped_ = false;
#ifdef __linux__
  void told(const inotify_event& event, std::string_view name);
  void movedAway();

  std::string moved_;  // the first half of a move, whose second one may follow
  std::uint32_t cookie_ = 0;
#endif
};

#ifdef __linux__

// ---- inotify ----

namespace {
constexpr std::uint32_t interesting =
    IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
}

detail::Descriptor FileWatcher::Source::open() {
  return detail::Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

FileWatcher::Source::~Source() = default;

void FileWatcher::Source::watch(const std::string& path) {
  if (stopped_) throw std::logic_error("FileWatcher::watch: the reactor has been stopped");
  if (watches(path)) return;
  const int number = ::inotify_add_watch(fd_.get(), path.c_str(), interesting);
  if (number < 0) {
    refuse("watching \"" + path + "\"" +
           (errno == ENOSPC ? " (the limit is in /proc/sys/fs/inotify/max_user_watches)" : ""));
  }
  // The same file by another path has the same number: what happens is told with the first.
  byNumber_.emplace(number, path);
  byPath_.emplace(path, number);
}

void FileWatcher::Source::unwatch(const std::string& path) {
  const auto found = byPath_.find(path);
  if (found == byPath_.end()) return;
  const int number = found->second;
  byPath_.erase(found);
  forget(path);
  const auto other =
      std::find_if(byPath_.begin(), byPath_.end(), [number](const auto& each) { return each.second == number; });
  if (other != byPath_.end()) {
    byNumber_[number] = other->first;
    return;
  }
  byNumber_.erase(number);
  if (fd_) ::inotify_rm_watch(fd_.get(), number);
}

void FileWatcher::Source::doRead() {
  alignas(inotify_event) char bytes[128 * (sizeof(inotify_event) + NAME_MAX + 1)];
  for (int round = 0; round < 64; ++round) {
    const ssize_t got = ::read(fd_.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(bytes + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      told(*event, event->len > 0 ? std::string_view(event->name) : std::string_view());
    }
  }
  movedAway();
}

/// The first half of a move had no second: it has gone where nobody looks.
void FileWatcher::Source::movedAway() {
  if (!moved_.empty()) add({Kind::removed, std::exchange(moved_, {})});
}

void FileWatcher::Source::told(const inotify_event& event, std::string_view name) {
  if (event.mask & IN_Q_OVERFLOW) return add({Kind::overflow, {}});
  const auto found = byNumber_.find(event.wd);
  if (found == byNumber_.end()) return;  // unwatched meanwhile
  const std::string watched = found->second;
  std::string path = watched;
  if (!name.empty()) (path += path.ends_with('/') ? "" : "/") += name;
  const bool second = (event.mask & IN_MOVED_TO) && event.cookie == cookie_ && !moved_.empty();
  if (!second) movedAway();
  if (second) return add({Kind::renamed, std::move(path), std::exchange(moved_, {})});
  if (event.mask & IN_MOVED_FROM) {
    moved_ = std::move(path);
    cookie_ = event.cookie;
  } else if (event.mask & (IN_CREATE | IN_MOVED_TO)) {
    add({Kind::created, std::move(path)});
  } else if (event.mask & IN_MODIFY) {
    add({Kind::modified, std::move(path)});
  } else if (event.mask & IN_ATTRIB) {
    add({Kind::attributes, std::move(path)});
  } else if (event.mask & IN_DELETE) {
    add({Kind::removed, std::move(path)});
  } else if (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
    for (auto each = byPath_.begin(); each != byPath_.end();)
      each = each->second == event.wd ? byPath_.erase(each) : std::next(each);
    byNumber_.erase(found);
    if (event.mask & IN_MOVE_SELF) ::inotify_rm_watch(fd_.get(), event.wd);
    add({Kind::unwatched, watched});
  }
}

#elif defined(BIGHT_HAS_KQUEUE)

// ---- kqueue: one descriptor for each watched path ----

detail::Descriptor FileWatcher::Source::open() {
  return detail::Descriptor(::kqueue());
}

FileWatcher::Source::~Source() {
  for (const auto& [number, path] : byNumber_) ::close(number);
}

void FileWatcher::Source::watch(const std::string& path) {
  if (stopped_) throw std::logic_error("FileWatcher::watch: the reactor has been stopped");
  if (watches(path)) return;
#ifdef O_EVTONLY
  detail::Descriptor file(::open(path.c_str(), O_EVTONLY | O_CLOEXEC));
#else
  detail::Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
#endif
  if (!file) refuse("watching \"" + path + "\"");
  struct kevent wanted;
  EV_SET(&wanted, file.get(), EVFILT_VNODE, EV_ADD | EV_CLEAR,
         NOTE_DELETE | NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_RENAME | NOTE_REVOKE, 0, nullptr);
  if (::kevent(fd_.get(), &wanted, 1, nullptr, 0, nullptr) < 0) refuse("watching \"" + path + "\"");
  const int number = file.release();
  byNumber_.emplace(number, path);
  byPath_.emplace(path, number);
}

void FileWatcher::Source::unwatch(const std::string& path) {
  const auto found = byPath_.find(path);
  if (found == byPath_.end()) return;
  ::close(found->second);  // its event goes with it
  byNumber_.erase(found->second);
  byPath_.erase(found);
  forget(path);
}

void FileWatcher::Source::doRead() {
  struct kevent events[64];
  const timespec now{0, 0};
  const int count = ::kevent(fd_.get(), nullptr, 0, events, 64, &now);
  for (int i = 0; i < count; ++i) {
    const auto found = byNumber_.find(static_cast<int>(events[i].ident));
    if (found == byNumber_.end()) continue;
    const std::string path = found->second;
    if (events[i].fflags & (NOTE_WRITE | NOTE_EXTEND)) add({Kind::modified, path});
    if (events[i].fflags & NOTE_ATTRIB) add({Kind::attributes, path});
    if (events[i].fflags & (NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE)) {
      ::close(found->first);
      byNumber_.erase(found);
      byPath_.erase(path);
      add({Kind::unwatched, path});
    }
  }
}

#else

detail::Descriptor FileWatcher::Source::open() {
  errno = ENOSYS;
  return detail::Descriptor();
}
FileWatcher::Source::~Source() = default;
void FileWatcher::Source::watch(const std::string&) {}
void FileWatcher::Source::unwatch(const std::string&) {}
void FileWatcher::Source::doRead() {}

#endif

FileWatcher::FileWatcher(ReactorFDSet& descriptors, ReactorTime& clock, Function<void(const FileChange&)> told,
                         Duration gather)
    : source_(std::make_shared<Source>(descriptors, clock, std::move(told), gather)) {
  source_->start();
}

FileWatcher::~FileWatcher() {
  source_->stop();
}

void FileWatcher::watch(const std::string& path) {
  source_->watch(path);
}

void FileWatcher::unwatch(const std::string& path) {
  source_->unwatch(path);
}

bool FileWatcher::watches(const std::string& path) const {
  return source_->watches(path);
}

}  // namespace bight
