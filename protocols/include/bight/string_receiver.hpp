/// @file
/// What protocols of framed strings have in common. Subclass one of `NetstringReceiver`, `Int8StringReceiver`,
/// `Int16StringReceiver` and `Int32StringReceiver`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/frames.hpp>
#include <bight/protocol.hpp>

namespace bight {

/// Splits what arrives into strings.
///
/// **Re-entrancy.** Every function here may be called from inside `stringReceived()`. After `loseConnection()` no more
/// strings of the same packet are delivered, and none while paused.
class BIGHT_API StringReceiver : public Protocol {
 public:
  /// A string. Valid until the call returns.
  virtual void stringReceived(std::string_view string) = 0;

  /// Writes `string` with its length.
  /// @throws StringTooLongError if the prefix cannot express its length
  void sendString(std::string_view string);

  /// No more calls, not even for strings that have arrived already, until `resumeProducing()`. Use these instead of
  /// the transport's own.
  void pauseProducing();
  void resumeProducing();
  void stopProducing() { transport().loseConnection(); }

  /// How long a received string may be; 99999 bytes at first.
  std::size_t maxLength() const noexcept { return reader_.maxLength(); }
  void setMaxLength(std::size_t bytes) noexcept { reader_.setMaxLength(bytes); }

  void dataReceived(std::string_view data) override;
  std::size_t unreadInput() const noexcept override { return rest_.size() + pending_.size() - begin_ + reader_.kept(); }

 protected:
  explicit StringReceiver(Framing framing) noexcept : reader_(framing) {}

  /// The reader has stopped: what comes now is dropped. `length` is what was announced.
  virtual void unreadable(FrameReader::Step why, std::size_t length) = 0;

 private:
  std::string_view deliver(std::string_view data);
  void deliverPending();

  FrameReader reader_;
  std::string_view rest_;  // of what is being delivered
  std::string pending_;    // arrived while paused, from begin_ on
  std::size_t begin_ = 0;  // who pauses after each string does not pay for all the others each time
  bool paused_ = false;
  bool busy_ = false;
  bool broken_ = false;  // nothing can be read any more
};

}  // namespace bight
