#include "room.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <utility>

namespace chat {
namespace {

std::string newRoomName() {
  std::array<char, 9> name{};
  std::snprintf(name.data(), name.size(), "%08x", static_cast<unsigned>(std::random_device{}()));
  return name.data();
}

}  // namespace

Room::Room(bight::ReactorTime& clock, std::size_t history)
    : clock_(clock), kept_(history), name_(newRoomName()), presence_(clock, [this] { tellWaiters(); }) {
  if (history == 0) throw std::invalid_argument("a room keeps at least one message");
}

Room::~Room() {
  close();
}

std::shared_ptr<const Message> Room::say(const Words& spoken, std::chrono::system_clock::time_point now) {
  Words words = checked(spoken);
  const auto saidBefore = [&](const std::shared_ptr<const Message>& message) {
    return message->key == words.key && message->user == words.user && message->text == words.text;
  };
  if (!words.key.empty()) {
    const auto found = std::find_if(history_.begin(), history_.end(), saidBefore);
    if (found != history_.end()) return *found;
  }

  auto message = std::make_shared<const Message>(
      Message{++last_, std::move(words.user), std::move(words.text), std::move(words.key), now});
  history_.push_back(message);
  if (history_.size() > kept_) history_.pop_front();
  tellWaiters();
  return message;
}

// region: wait
bight::Deferred<NewsPtr> Room::wait(Cursor seen, bight::Duration patience, const std::string& user) {
  Presence::Seat seat = presence_.sit(user);
  if (NewsPtr news = newerThan(seen)) return bight::succeed(std::move(news));
  if (patience <= bight::Duration::zero()) return bight::succeed(newsSince(last_, false));

  const std::uint64_t ticket = nextTicket_++;
  bight::Deferred<NewsPtr> answer([this, ticket] { waiters_.erase(ticket); });  // when it is cancelled
  waiters_.emplace(ticket, Waiter{std::move(seen), std::move(seat), answer.promise()});
  answer.addTimeout(patience, clock_);
  answer.addErrback([this](const bight::Failure& failure) {
    failure.trap<bight::TimeoutError>();
    return newsSince(last_, false);
  });
  return answer;
}
// endregion: wait

void Room::close() {
  closed_ = true;
  tellWaiters();
}

/// What is new to a reader, or null: it has seen everything.
NewsPtr Room::newerThan(const Cursor& seen) {
  const bool knowsUs = (seen.room.empty() || seen.room == name_) && seen.id <= last_;
  if (!knowsUs) return newsSince(0, true);
  const bool newMessages = seen.id < last_;
  const bool newPeople = seen.people && *seen.people != presence_.list()->version;
  if (!newMessages && !newPeople && !closed_) return nullptr;
  return newsSince(seen.id, false);
}

NewsPtr Room::newsSince(std::uint64_t id, bool missed) {
  const std::uint64_t firstKept = last_ - history_.size() + 1;
  missed = missed || id + 1 < firstKept;
  if (latest_ && latestSince_ == id && latest_->last == last_ && latest_->missed == missed &&
      latest_->people == presence_.list()) {
    return latest_;
  }
  News news{.messages = {}, .last = last_, .missed = missed, .room = name_, .people = presence_.list()};
  const std::uint64_t skipped = id < firstKept ? 0 : id + 1 - firstKept;
  news.messages.assign(history_.begin() + static_cast<std::ptrdiff_t>(skipped), history_.end());
  latest_ = std::make_shared<const News>(std::move(news));
  latestSince_ = id;
  return latest_;
}

// region: tell
/// Answers all for whom there is something new. An answer runs the waiter's callbacks at once, and they may do
/// anything: cancel other waiters, wait again, even say something. So each step looks up afresh who is next, and who
/// comes meanwhile is left out.
void Room::tellWaiters() {
  const std::uint64_t newcomers = nextTicket_;
  for (auto next = waiters_.begin(); next != waiters_.end() && next->first < newcomers;) {
    const std::uint64_t ticket = next->first;
    if (NewsPtr news = newerThan(next->second.seen)) {
      auto waiter = waiters_.extract(next);
      waiter.mapped().promise.callback(std::move(news));
    }
    next = waiters_.upper_bound(ticket);
  }
}
// endregion: tell

}  // namespace chat
