/// @file
/// The room: what was said in it, and the people who wait for more. It knows neither sockets nor HTTP.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include <bight/deferred.hpp>
#include <bight/time.hpp>

#include "news.hpp"
#include "presence.hpp"
#include "words.hpp"

namespace chat {

/// One room.
///
/// ```
///   say(words) ──▶ history (the last 200)          "what is newer than my cursor?"
///                     │                                        │
///                     ▼                                        ▼
///        every waiter's Deferred fires  ◀── parked ── wait(cursor, patience) ── newer? ──▶ fires at once
/// ```
///
/// A waiter is one `Deferred` and one entry in a map; no thread, no stack. It leaves the map when it is answered, when
/// its patience ends, or when its Deferred is cancelled because the client has gone away.
class Room {
 public:
  static constexpr std::size_t defaultHistory = 200;

  /// @param clock    measures the patience of the waiters: a reactor, or `testing::Clock`
  /// @param history  how many messages are kept, at least one
  explicit Room(bight::ReactorTime& clock, std::size_t history = defaultHistory);
  ~Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  /// Says something, and tells everybody who waits before this returns. If the same words were already said with the
  /// same key, that message is returned and nothing else happens.
  /// @throws http::StatusError 400 if the words may not be said, see words.hpp
  std::shared_ptr<const Message> say(const Words& words,
                                     std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

  /// What is newer than `seen`: at once if there is something, else as soon as there is, and after `patience` in any
  /// case, then without messages. Cancel the Deferred to wait no longer.
  /// @param user  who waits; is listed among the people here. May be empty.
  bight::Deferred<NewsPtr> wait(Cursor seen, bight::Duration patience, const std::string& user = {});

  /// Answers all who wait, and from now on everybody at once: the program is about to end.
  void close();
  bool closed() const { return closed_; }

  /// What its waiters' patience is measured by.
  bight::ReactorTime& clock() const { return clock_; }
  /// This start of the room, as cursors name it.
  const std::string& name() const { return name_; }
  /// The id of the last message; 0 before the first.
  std::uint64_t last() const { return last_; }
  /// Who is here.
  const People& people() const { return *presence_.list(); }
  /// How many wait.
  std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    Cursor seen;
    Presence::Seat seat;
    bight::Promise<NewsPtr> promise;
  };

  NewsPtr newerThan(const Cursor& seen);
  NewsPtr newsSince(std::uint64_t id, bool missed);
  void tellWaiters();

  bight::ReactorTime& clock_;
  std::size_t kept_;
  std::string name_;
  std::deque<std::shared_ptr<const Message>> history_;
  std::uint64_t last_ = 0;
  bool closed_ = false;
  Presence presence_;
  std::map<std::uint64_t, Waiter> waiters_;  // by ticket, so in the order in which they came
  std::uint64_t nextTicket_ = 0;
  NewsPtr latest_;                 // what was made last by newsSince(), and
  std::uint64_t latestSince_ = 0;  // for whom: most who ask want the same
};

}  // namespace chat
