// Descriptors on an epoll set of our own. Where there is epoll, libevent is not asked (docs/design/02-loop.md has the figures):
//
// - A registration is 24 bytes; libevent's event, and what its map has for a descriptor, are 197.
// - One event in one turn costs a tenth of the instructions.
//
// What the system hands back with an event is the number of a slot and its generation, not an address: a descriptor that was closed before it was
// removed may live on in another process, and go on reporting; by then its slot is somebody else's, or nobody's.
//
// All that epoll has to know of timers is when to come back at the latest: one alarm, a timerfd, which is set only when the next moment is earlier
// than the one it is set to. (epoll_wait counts in milliseconds, and epoll_pwait2 from now, so that each turn would read the clock.)
#include "epoll_poller.hpp"

#ifdef __linux__

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "socket.hpp"

namespace bight::detail {
namespace {

class EpollPoller final : public Poller {
 public:
  EpollPoller();

  std::string_view name() const noexcept override { return "epoll"; }
  PollHandle* add(int fd, unsigned interest, PollTarget& target) override;
  void change(PollHandle* handle, unsigned interest) override;
  void remove(PollHandle* handle) noexcept override;
  void poll(Duration until) override;

 private:
  struct Slot : PollHandle {
    PollTarget* target = nullptr;
    int fd = -1;
    std::uint32_t number = 0;
    std::uint32_t generation = 0;  // how often it has been used before
    std::uint32_t interest = 0;    // free: the next free one
  };
  static constexpr std::uint32_t chunkSize = 128;
  static constexpr std::uint32_t noSlot = UINT32_MAX;
  static constexpr std::uint64_t alarmKey = UINT64_MAX;
  static constexpr std::size_t mostEvents = 4096;  // taken in one wait

  Slot& slot(std::uint32_t number) noexcept { return chunks_[number / chunkSize][number % chunkSize]; }
  void addChunk();
  void recycle(Slot& slot) noexcept;
  bool control(int operation, const Slot& slot, unsigned interest) noexcept;
  void setAlarm(Duration until) noexcept;
  void alarmRang() noexcept;

  Descriptor epoll_;
  Descriptor alarm_;
  Duration alarmAt_ = forever;  // what the alarm is set to
  bool alarmRings_ = false;     // it has rung and is still set: it would wake every wait
  std::uint32_t free_ = noSlot;
  std::vector<std::unique_ptr<Slot[]>> chunks_;
  std::vector<epoll_event> events_{64};
};

EpollPoller::EpollPoller()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), alarm_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = alarmKey;
  if (!epoll_ || !alarm_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, alarm_.get(), &event) != 0)
    throw std::system_error(errno, std::generic_category(), "opening epoll and a timerfd for the reactor");
  tellsRemovals();
}

void EpollPoller::addChunk() {
  chunks_.push_back(std::make_unique<Slot[]>(chunkSize));
  const auto first = static_cast<std::uint32_t>((chunks_.size() - 1) * chunkSize);
  for (std::uint32_t number = first + chunkSize; number-- > first;) {
    slot(number).number = number;
    recycle(slot(number));
  }
}

void EpollPoller::recycle(Slot& slot) noexcept {
  slot.target = nullptr;
  slot.interest = std::exchange(free_, slot.number);
}

bool EpollPoller::control(int operation, const Slot& slot, unsigned interest) noexcept {
  epoll_event event{};
  event.events = ((interest & pollRead) ? EPOLLIN : 0U) | ((interest & pollWrite) ? EPOLLOUT : 0U);
  event.data.u64 = std::uint64_t{slot.generation} << 32 | slot.number;
  return ::epoll_ctl(epoll_.get(), operation, slot.fd, &event) == 0;
}

PollHandle* EpollPoller::add(int fd, unsigned interest, PollTarget& target) {
  if (fd < 0) throw std::system_error(EBADF, std::generic_category(), "watching descriptor " + std::to_string(fd));
  if (free_ == noSlot) addChunk();
  Slot& made = slot(free_);
  free_ = made.interest;
  made.target = &target;
  made.fd = fd;
  made.interest = 0;
  try {
    change(&made, interest);
  } catch (...) {
    remove(&made);
    throw;
  }
  return &made;
}

void EpollPoller::change(PollHandle* handle, unsigned interest) {
  Slot& slot = *static_cast<Slot*>(handle);
  interest &= pollRead | pollWrite;
  if (interest == slot.interest) return;
  if (interest == 0) {
    control(EPOLL_CTL_DEL, slot, 0);
  } else {
    const int operation = slot.interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    bool done = control(operation, slot, interest);
    // The number has been closed and opened again meanwhile, or duplicated onto itself: then it is the other way round.
    if (!done && errno == EEXIST) done = control(EPOLL_CTL_MOD, slot, interest);
    if (!done && errno == ENOENT) done = control(EPOLL_CTL_ADD, slot, interest);
    if (!done)
      throw std::system_error(errno, std::generic_category(),
                              "epoll cannot watch descriptor " + std::to_string(slot.fd));
  }
  slot.interest = interest;
}

void EpollPoller::remove(PollHandle* handle) noexcept {
  Slot& slot = *static_cast<Slot*>(handle);
  removed(*slot.target);
  if (slot.interest != 0) control(EPOLL_CTL_DEL, slot, 0);
  ++slot.generation;
  recycle(slot);
}

/// Setting it also takes back what it has rung; all zeros switch it off.
void EpollPoller::setAlarm(Duration until) noexcept {
  alarmAt_ = until;
  alarmRings_ = false;
  itimerspec moment{};
  if (until != forever) {
    const auto nanos = std::max<Duration::rep>(until.count(), 1);
    moment.it_value.tv_sec = static_cast<time_t>(nanos / 1000000000);
    moment.it_value.tv_nsec = static_cast<long>(nanos % 1000000000);
  }
  ::timerfd_settime(alarm_.get(), TFD_TIMER_ABSTIME, &moment, nullptr);
}

void EpollPoller::poll(Duration until) {
  int wait = 0;
  if (until != dontWait) {
    wait = -1;
    if (until < alarmAt_ || alarmRings_) setAlarm(until);
  }
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), wait);
  if (count < 0) {
    if (errno == EINTR) return;
    throw std::system_error(errno, std::generic_category(), "waiting with epoll");
  }
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.u64 == alarmKey) [[unlikely]] {
      alarmRings_ = true;
      continue;
    }
    const Slot& it = slot(static_cast<std::uint32_t>(event.data.u64));
    if (it.generation != event.data.u64 >> 32) continue;  // removed by one of those before it
    unsigned found = ((event.events & EPOLLIN) ? pollRead : 0U) | ((event.events & EPOLLOUT) ? pollWrite : 0U);
    // Reading or writing tells what it is.
    if (event.events & (EPOLLERR | EPOLLHUP)) [[unlikely]]
      found = pollRead | pollWrite;
    found &= it.interest;
    if (found != 0) [[likely]]
      dispatch(*it.target, found);
  }
  if (static_cast<std::size_t>(count) == events_.size() && events_.size() < mostEvents)
    events_.resize(2 * events_.size());
}

}  // namespace

std::unique_ptr<Poller> makeEpollPoller() {
  return std::make_unique<EpollPoller>();
}

}  // namespace bight::detail

#endif
