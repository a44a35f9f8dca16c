/// @file
/// Protocols as a walk through states: each state is a member function, and names its successor.
///
/// ```cpp
/// class Login : public bight::StatefulStringProtocol<Login, bight::NetstringReceiver> {
///  public:
///   Login() : StatefulStringProtocol(&Login::name) {}
///   Next name(std::string_view s) { name_ = s; return &Login::password; }
///   Next password(std::string_view s) { return check(name_, s) ? &Login::command : refuse(); }
///   ...
/// ```
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <bight/protocol.hpp>

namespace bight {

/// Cuts what arrives into portions whose sizes the protocol itself chooses: a state says how many bytes it wants, and
/// is called with exactly so many. (Twisted: protocols.stateful.StatefulProtocol)
///
/// ```cpp
/// class Packets : public bight::StatefulProtocol<Packets> {
///   State getInitialState() override { return {&Packets::header, 4}; }
///   State header(std::string_view four) { return {&Packets::body, sizeIn(four)}; }
///   State body(std::string_view bytes) { use(bytes); return {&Packets::header, 4}; }
/// };
/// ```
/// @tparam Self  the class that derives from it
template <class Self>
class StatefulProtocol : public Protocol {
 public:
  /// What comes next: a member function, and how many bytes it is to be given (0 to `maxPortion()`; a state of 0 bytes
  /// is called at once). `stay()` is the same state again, with the same number. A null function ends the reading: what
  /// comes later is dropped.
  struct State {
    State (Self::*function)(std::string_view) = nullptr;
    std::size_t bytes = 0;
  };

  /// Where it begins; called when the first byte arrives.
  virtual State getInitialState() = 0;
  /// A state wants more than `maxPortion()`: what the peer announced is more than we keep. Closes the connection unless
  /// overridden; nothing more is read in any case.
  virtual void portionLimitExceeded([[maybe_unused]] std::size_t bytes) { transport().loseConnection(); }

  /// How many bytes a state may want; 1 MiB at first.
  std::size_t maxPortion() const noexcept { return maxPortion_; }
  void setMaxPortion(std::size_t bytes) noexcept { maxPortion_ = bytes; }

  /// @throws std::logic_error after 10,000 states in a row that want no bytes: they lead nowhere
  void dataReceived(std::string_view data) override {
    if (!begun_) {
      begun_ = true;
      enter(getInitialState());
    }
    int empty = 0;
    while (state_.function && !(data.empty() && state_.bytes > 0)) {
      std::string whole;
      std::string_view portion;
      const std::size_t missing = state_.bytes - buffer_.size();
      if (buffer_.empty() && data.size() >= missing) {
        portion = data.substr(0, missing);
        data.remove_prefix(missing);
      } else {
        buffer_.append(data.substr(0, missing));
        if (data.size() < missing) return;
        data.remove_prefix(missing);
        whole.swap(buffer_);
        portion = whole;
      }
      empty = portion.empty() ? empty + 1 : 0;
      if (empty > 10000)
        throw std::logic_error("StatefulProtocol: 10,000 states in a row want no bytes; let one of them want some");
      unread_ = data.size();
      enter((static_cast<Self&>(*this).*state_.function)(portion));
      unread_ = 0;
      if (transport().disconnecting()) state_ = {};
    }
  }
  std::size_t unreadInput() const noexcept override { return unread_ + buffer_.size(); }

 protected:
  StatefulProtocol() = default;
  /// For a state to return: the same again.
  State stay() const noexcept { return state_; }

 private:
  void enter(State state) {
    state_ = state;
    if (!state.function || state.bytes <= maxPortion_) return;
    state_ = {};
    portionLimitExceeded(state.bytes);
  }

  State state_;
  std::string buffer_;  // the beginning of a portion
  std::size_t maxPortion_ = std::size_t{1} << 20;
  std::size_t unread_ = 0;  // bytes of the packet behind the present portion
  bool begun_ = false;
};

/// States over strings: each string goes to the present state, which returns the next. (Twisted:
/// basic.StatefulStringProtocol)
/// @tparam Self  the class that derives from it
/// @tparam Receiver  `NetstringReceiver`, `Int16StringReceiver`, …: has a virtual `stringReceived()`
template <class Self, class Receiver>
class StatefulStringProtocol : public Receiver {
 public:
  /// A pointer to the member function that gets the next string; null: no string is expected any more, and those that
  /// come are dropped.
  struct Next {
    Next(std::nullptr_t = nullptr) noexcept {}                                 // NOLINT: converts
    Next(Next (Self::*state)(std::string_view)) noexcept : function(state) {}  // NOLINT: converts
    Next (Self::*function)(std::string_view) = nullptr;
  };

  void stringReceived(std::string_view string) override {
    if (state_.function) state_ = (static_cast<Self&>(*this).*state_.function)(string);
  }

 private:
  friend Self;  // alone: whoever derives names itself
  explicit StatefulStringProtocol(Next initial) noexcept : state_(initial) {}

  Next state_;
};

}  // namespace bight
