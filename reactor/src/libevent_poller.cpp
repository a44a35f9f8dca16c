// Descriptors on one event_base with one chosen method. Decisions, each measured (docs/design/02-loop.md):
//
// - Events are persistent and stay added: one-shot events cost 1.75 times. Each registration holds its read event; the
//   write event is a second one, from its own slab, that exists only while writing is watched. So an idle connection
//   costs one event; and what the event knows (its descriptor, whether it is watched) is asked of it, not kept twice.
// - The timers are the reactor's own. All that libevent has to know is when to come back at the latest: one alarm,
//   which is set only when the next moment is earlier than the one it is set to. Timers that are pushed back again and
//   again, as timeouts are, so cost no call here; the price is a turn without work now and then.
// - Where there is epoll, it is used without libevent: epoll_poller.cpp.
// - No locks (the base is used by one thread), no environment variables, no signals, no bufferevents.
#include "libevent_poller.hpp"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <bight/log.hpp>

namespace bight::detail {
namespace {

/// Objects of one kind from blocks that are kept for the next ones.
template <class T>
class Slab {
 public:
  template <class... A>
  T* make(A&&... arguments) {
    if (!free_) addBlock();
    Cell* cell = free_;
    free_ = cell->next;
    return ::new (static_cast<void*>(cell)) T(std::forward<A>(arguments)...);
  }
  void recycle(T* object) noexcept {
    object->~T();
    Cell* cell = ::new (static_cast<void*>(object)) Cell;
    cell->next = free_;
    free_ = cell;
  }

 private:
  static constexpr std::size_t blockCells = 32;
  union Cell {
    Cell() noexcept : next(nullptr) {}
    ~Cell() {}
    Cell* next;
    T object;
  };
  void addBlock() {
    blocks_.push_back(std::make_unique<Cell[]>(blockCells));
    Cell* cells = blocks_.back().get();
    for (std::size_t i = 0; i < blockCells; ++i) cells[i].next = i + 1 < blockCells ? &cells[i + 1] : free_;
    free_ = cells;
  }

  Cell* free_ = nullptr;
  std::vector<std::unique_ptr<Cell[]>> blocks_;
};

struct ConfigFree {
  void operator()(event_config* config) const noexcept { event_config_free(config); }
};
struct BaseFree {
  void operator()(event_base* base) const noexcept { event_base_free(base); }
};

/// All methods of this libevent. Asked once: `event_get_supported_methods` gives out a static array that the next call
/// frees, also that of another thread.
const std::vector<std::string>& supportedMethods() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const char** each = event_get_supported_methods(); *each; ++each) names.emplace_back(*each);
    return names;
  }();
  return all;
}

void logFromLibevent(int severity, const char* text) {
  static constexpr LogLevel levels[] = {LogLevel::debug, LogLevel::debug, LogLevel::warn, LogLevel::error};
  Logger("bight.libevent").log(severity >= 0 && severity <= 3 ? levels[severity] : LogLevel::error, text);
}

void sendLogsToUs() {
  static std::once_flag once;
  std::call_once(once, [] { event_set_log_callback(logFromLibevent); });
}

class LibeventPoller final : public Poller {
 public:
  explicit LibeventPoller(const std::string& method);
  ~LibeventPoller() override;

  std::string_view name() const noexcept override { return name_; }
  PollHandle* add(int fd, unsigned interest, PollTarget& target) override;
  void change(PollHandle* handle, unsigned interest) override;
  void remove(PollHandle* handle) noexcept override;
  void poll(Duration until) override;

 private:
  struct Slot : PollHandle {
    Slot(LibeventPoller& owner, int fd, PollTarget& who) : target(&who), poller(&owner) {
      event_assign(&readEvent, owner.base_.get(), fd, EV_READ | EV_PERSIST, onReadable, this);
    }
    int fd() const noexcept { return event_get_fd(&readEvent); }
    bool reads() const noexcept { return event_pending(&readEvent, EV_READ, nullptr) != 0; }
    bool writes() const noexcept { return writeEvent != nullptr; }

    event readEvent{};
    event* writeEvent = nullptr;  // while writing is watched
    PollTarget* target;
    LibeventPoller* poller;
  };
  struct WriteEvent {
    event it{};
  };

  static void onReadable(evutil_socket_t, short, void* slot) noexcept {
    const Slot* it = static_cast<const Slot*>(slot);
    it->poller->dispatch(*it->target, pollRead);
  }
  static void onWritable(evutil_socket_t, short, void* slot) noexcept {
    const Slot* it = static_cast<const Slot*>(slot);
    it->poller->dispatch(*it->target, pollWrite);
  }
  static void onAlarm(evutil_socket_t, short, void* poller) noexcept {
    static_cast<LibeventPoller*>(poller)->alarmRang_ = true;
  }

  void watchRead(Slot& slot);
  void watchWrite(Slot& slot);
  void unwatchWrite(Slot& slot) noexcept;
  int prepareAlarm(Duration until);
  void setAlarm(Duration until);

  std::string name_;
  std::unique_ptr<event_base, BaseFree> base_;
  event alarm_{};
  Duration alarmAt_ = Poller::forever;  // what the alarm is set to
  bool alarmRang_ = false;
  bool limited_ = false;  // select: descriptors below FD_SETSIZE only
  Slab<Slot> slots_;
  Slab<WriteEvent> writeEvents_;
};

LibeventPoller::LibeventPoller(const std::string& method) : name_(method), limited_(method == "select") {
  sendLogsToUs();
  tellsRemovals();
  const std::unique_ptr<event_config, ConfigFree> config(event_config_new());
  if (!config) throw std::bad_alloc();
  for (const std::string& each : supportedMethods()) {
    if (method != each && event_config_avoid_method(config.get(), each.c_str()) != 0) throw std::bad_alloc();
  }
  const int flags = EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_NO_CACHE_TIME |
                    EVENT_BASE_FLAG_PRECISE_TIMER;
  if (event_config_set_flag(config.get(), flags) != 0) throw std::runtime_error("libevent refuses the flags it needs");
  base_.reset(event_base_new_with_config(config.get()));
  const char* got = base_ ? event_base_get_method(base_.get()) : nullptr;
  if (!got || method != got) {
    throw std::runtime_error("libevent was asked for the method \"" + method + "\" and gave " +
                             (got ? "\"" + std::string(got) + "\"" : "nothing"));
  }
  event_assign(&alarm_, base_.get(), -1, 0, onAlarm, this);
}

LibeventPoller::~LibeventPoller() {
  event_del(&alarm_);
}

void LibeventPoller::watchRead(Slot& slot) {
  errno = 0;
  if (event_add(&slot.readEvent, nullptr) != 0) {
    throw std::system_error(errno ? errno : EBADF, std::generic_category(),
                            name_ + " cannot watch descriptor " + std::to_string(slot.fd()));
  }
}

void LibeventPoller::watchWrite(Slot& slot) {
  WriteEvent* made = writeEvents_.make();
  event_assign(&made->it, base_.get(), slot.fd(), EV_WRITE | EV_PERSIST, onWritable, &slot);
  errno = 0;
  if (event_add(&made->it, nullptr) != 0) {
    const int error = errno ? errno : EBADF;
    writeEvents_.recycle(made);
    throw std::system_error(error, std::generic_category(),
                            name_ + " cannot watch descriptor " + std::to_string(slot.fd()));
  }
  slot.writeEvent = &made->it;
}

void LibeventPoller::unwatchWrite(Slot& slot) noexcept {
  event_del(slot.writeEvent);
  writeEvents_.recycle(reinterpret_cast<WriteEvent*>(std::exchange(slot.writeEvent, nullptr)));
}

PollHandle* LibeventPoller::add(int fd, unsigned interest, PollTarget& target) {
  if (fd < 0) throw std::system_error(EBADF, std::generic_category(), "watching descriptor " + std::to_string(fd));
  if (limited_ && fd >= FD_SETSIZE) {
    throw std::length_error("the select reactor cannot watch descriptor " + std::to_string(fd) + ": it ends at " +
                            std::to_string(FD_SETSIZE - 1) + ". Use another reactor for so many connections");
  }
  Slot* slot = slots_.make(*this, fd, target);
  try {
    change(slot, interest);
  } catch (...) {
    remove(slot);
    throw;
  }
  return slot;
}

void LibeventPoller::change(PollHandle* handle, unsigned interest) {
  Slot& slot = *static_cast<Slot*>(handle);
  const bool read = (interest & pollRead) != 0;
  const bool write = (interest & pollWrite) != 0;
  if (read && !slot.reads()) watchRead(slot);
  if (write && !slot.writes()) watchWrite(slot);
  if (!read) event_del(&slot.readEvent);  // harmless if it is not watched
  if (!write && slot.writes()) unwatchWrite(slot);
}

void LibeventPoller::remove(PollHandle* handle) noexcept {
  Slot* slot = static_cast<Slot*>(handle);
  removed(*slot->target);
  event_del(&slot->readEvent);
  if (slot->writes()) unwatchWrite(*slot);
  slots_.recycle(slot);
}

void LibeventPoller::setAlarm(Duration until) {
  alarmAt_ = until;
  // A libevent timer counts from now, in microseconds: rounded up, so that it does not ring too early.
  const auto left = std::max(Duration::zero(), until - steadyNow());
  const auto micros = std::chrono::ceil<std::chrono::microseconds>(left).count();
  timeval tv{};
  tv.tv_sec = static_cast<decltype(tv.tv_sec)>(micros / 1000000);
  tv.tv_usec = static_cast<decltype(tv.tv_usec)>(micros % 1000000);
  event_add(&alarm_, &tv);
}

int LibeventPoller::prepareAlarm(Duration until) {
  const bool wait = until != dontWait;
  if (alarmRang_) {
    alarmRang_ = false;
    alarmAt_ = forever;
  }
  if (wait && until < alarmAt_) setAlarm(until);
  return wait ? 0 : EVLOOP_NONBLOCK;
}

void LibeventPoller::poll(Duration until) {
  int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
  if (until < alarmAt_ || alarmRang_) flags |= prepareAlarm(until);  // dontWait is less than any moment
  if (event_base_loop(base_.get(), flags) < 0) {
    throw std::system_error(errno, std::generic_category(), "waiting with " + name_);
  }
}

}  // namespace

std::unique_ptr<Poller> makeLibeventPoller(const std::string& method) {
  return std::make_unique<LibeventPoller>(method);
}

std::vector<std::string> libeventMethods() {
  std::vector<std::string> found;
  for (const char* known : {"kqueue", "poll", "select"}) {
    for (const std::string& each : supportedMethods()) {
      if (each == known) found.push_back(each);
    }
  }
  return found;
}

}  // namespace bight::detail
