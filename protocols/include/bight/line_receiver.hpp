/// @file
/// Protocols of lines: `LineReceiver`, which can also switch to raw bytes, and the simpler `LineOnlyReceiver`.
///
/// ```cpp
/// class Shout : public bight::LineOnlyReceiver {
///   void lineReceived(std::string_view line) override { sendLine(upperCase(line)); }
/// };
/// ```
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/protocol.hpp>

namespace bight {

/// Splits what arrives into lines, and nothing else. (Twisted: basic.LineOnlyReceiver)
class BIGHT_API LineOnlyReceiver : public Protocol {
 public:
  /// A line, without its delimiter. Valid until the call returns.
  virtual void lineReceived(std::string_view line) = 0;
  /// `line` is longer than `maxLength()`, or what came so far of it is. Closes the connection unless overridden; if it
  /// does not close, what follows is taken for a new line.
  virtual void lineLengthExceeded(std::string_view line);

  /// Writes `line` and the delimiter.
  void sendLine(std::string_view line) { transport().writeSequence({line, delimiter_}); }

  /// What ends a line; "\r\n" at first.
  const std::string& delimiter() const noexcept { return delimiter_; }
  /// @throws std::invalid_argument if it is empty
  void setDelimiter(std::string delimiter);
  /// How long a line may be, without its delimiter; 16384 bytes at first.
  std::size_t maxLength() const noexcept { return maxLength_; }
  void setMaxLength(std::size_t bytes) noexcept { maxLength_ = bytes; }

  void dataReceived(std::string_view data) override;
  std::size_t unreadInput() const noexcept override { return buffer_.size() + behind_; }

 private:
  void split(std::string_view& rest);

  std::string buffer_;      // the beginning of a line
  std::size_t behind_ = 0;  // while a line is delivered: how many bytes have come behind it
  std::string delimiter_ = "\r\n";
  std::size_t maxLength_ = 16384;
};

/// Splits what arrives into lines, and can switch to raw bytes and back at any byte. (Twisted: basic.LineReceiver)
///
/// **Re-entrancy.** Every function here may be called from inside `lineReceived()` and `rawDataReceived()`; what has
/// arrived already is then treated in the new way. After `loseConnection()` no more lines of the same packet are
/// delivered.
class BIGHT_API LineReceiver : public Protocol {
 public:
  /// A line, without its delimiter. Valid until the call returns.
  virtual void lineReceived(std::string_view line) = 0;
  /// Bytes, in raw mode. Must be overridden by who uses `setRawMode()`.
  virtual void rawDataReceived(std::string_view data);
  /// A line is longer than `maxLength()`: `rest` is that line and everything behind it that has arrived. Closes the
  /// connection unless overridden. An incomplete line is too long as soon as it is as long as the longest line and its
  /// delimiter together.
  virtual void lineLengthExceeded(std::string_view rest);

  /// Writes `line` and the delimiter.
  void sendLine(std::string_view line) { transport().writeSequence({line, delimiter_}); }

  /// From here on, bytes go to `rawDataReceived()`, beginning with the one behind the present line.
  void setRawMode() noexcept { raw_ = true; }
  /// Back to lines. `extra` is what `rawDataReceived()` was given and does not want: it is split into lines.
  void setLineMode(std::string_view extra = {});
  /// Takes away what has arrived and was not delivered.
  std::string clearLineBuffer();

  /// No more calls, not even for lines that have arrived already, until `resumeProducing()`. Use these instead of the
  /// transport's own.
  void pauseProducing();
  void resumeProducing();
  void stopProducing() { transport().loseConnection(); }

  /// What ends a line; "\r\n" at first. May be changed between any two lines.
  const std::string& delimiter() const noexcept { return delimiter_; }
  /// @throws std::invalid_argument if it is empty
  void setDelimiter(std::string delimiter);
  /// How long a line may be, without its delimiter; 16384 bytes at first.
  std::size_t maxLength() const noexcept { return maxLength_; }
  void setMaxLength(std::size_t bytes) noexcept { maxLength_ = bytes; }

  void dataReceived(std::string_view data) override;
  std::size_t unreadInput() const noexcept override { return rest_.size() + buffer_.size() - begin_; }

 private:
  std::string_view deliver(std::string_view data);
  void deliverBuffer();
  bool step();

  // Between calls, what waits is buffer_ from begin_ on. During a call, it is rest_ (a view of the packet, or of the
  // buffer taken out), and behind that, buffer_ has what was added meanwhile.
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;  // so many bytes from begin_ on hold no delimiter
  std::string_view rest_;
  std::string_view given_;  // what rawDataReceived() is being given
  std::string delimiter_ = "\r\n";
  std::size_t maxLength_ = 16384;
  bool raw_ = false;
  bool paused_ = false;
  bool busy_ = false;
};

}  // namespace bight
