/// @file
/// Who is here.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <bight/function.hpp>
#include <bight/time.hpp>

#include "news.hpp"

namespace chat {

/// Keeps the list of those who are here: everybody who holds a `Seat`, and those who left theirs so little ago that
/// they are probably just asking again. A reader that polls has no seat between two questions; without that grace the
/// list would flicker.
///
/// Changes are announced together, at most four times a second, however many come and go.
class Presence {
 public:
  class Seat;

  static constexpr bight::Duration grace = std::chrono::seconds(4);
  static constexpr bight::Duration announcePause = std::chrono::milliseconds(250);
  static constexpr std::size_t shownLimit = 100;    ///< names in the list that is sent around
  static constexpr std::size_t keptLimit = 20'000;  ///< names altogether; who comes then is served, but not listed

  /// @param changed  is called after `list()` has become another one
  Presence(bight::ReactorTime& clock, bight::Function<void()> changed);
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  /// Somebody is here as long as the seat exists. An empty name stays unnamed. Several seats of one name are one
  /// person.
  Seat sit(const std::string& name);

  /// The list as it was announced last.
  const std::shared_ptr<const People>& list() const { return list_; }

 private:
  struct Person {
    std::size_t seats = 0;
    bight::DelayedCall leaving;
  };
  using Names = std::map<std::string, Person, std::less<>>;

  void leave(Names::iterator who);
  void announceSoon();
  void announce();

  bight::ReactorTime& clock_;
  bight::Function<void()> changed_;
  Names names_;
  std::shared_ptr<const People> list_ = std::make_shared<People>();
  bight::DelayedCall announcement_;
};

/// To be here: a seat is left when it is destroyed. It must not outlive its Presence.
class Presence::Seat {
 public:
  Seat() = default;
  Seat(Seat&& other) noexcept : presence_(std::exchange(other.presence_, nullptr)), who_(other.who_) {}
  Seat& operator=(Seat other) noexcept {
    std::swap(presence_, other.presence_);
    std::swap(who_, other.who_);
    return *this;
  }
  ~Seat() {
    if (presence_) presence_->leave(who_);
  }

 private:
  friend class Presence;
  Seat(Presence& presence, Names::iterator who) : presence_(&presence), who_(who) {}

  Presence* presence_ = nullptr;
  Names::iterator who_;
};

}  // namespace chat
