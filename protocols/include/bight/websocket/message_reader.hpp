/// @file
/// `MessageReader`: messages and control frames out of bytes, decompressed and checked. Knows no socket and no reactor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bight/export.hpp>
#include <bight/websocket/deflate.hpp>
#include <bight/websocket/frame.hpp>
#include <bight/websocket/utf8.hpp>

namespace bight::websocket {

/// Reads what the other side sends.
///
/// ```
///   messageBegin  ( frameBegin  data*  frameEnd )+  messageEnd          ping, pong and close may come in between
/// ```
///
/// Data is unmasked, decompressed, and, in a text, valid UTF-8 as far as it has come. It is given piece by piece as it
/// arrives, and nothing is kept: who wants whole messages puts them together. Refused are, besides what `FrameParser`
/// refuses: a message that becomes larger than the limit (1009), before it is decompressed any further; text that is
/// not UTF-8, at the first byte that shows it, and data that cannot be decompressed (1007); close frames with a code
/// that may not be sent, or a reason that is not UTF-8.
class BIGHT_API MessageReader {
 public:
  enum class Event { needMore, messageBegin, frameBegin, data, frameEnd, messageEnd, ping, pong, close, refused };

  struct Options {
    Role role = Role::server;                           ///< ours
    std::uint64_t maxMessage = std::uint64_t{1} << 20;  ///< bytes of a message, decompressed
    std::uint64_t maxFrame = unlimited;                 ///< bytes of a frame, as it comes
    std::optional<DeflateAgreement> deflate = {};
  };

  explicit MessageReader(const Options& options);
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;
  ~MessageReader();

  /// Reads on up to the next event, and takes what was used off the front of `input`.
  Event next(std::string_view& input);

  /// Of the present message, from messageBegin to messageEnd.
  bool isBinary() const noexcept { return isBinary_; }
  bool isCompressed() const noexcept { return compressed_; }
  /// After frameBegin: how long the frame is, as it comes (compressed).
  std::uint64_t frameLength() const noexcept { return frames_.header().length; }
  /// After data: a piece, not empty. After ping and pong: what they carry. Until `next` or `rest` is called.
  std::string_view data() const noexcept { return data_; }
  /// After data: the message has no more of it, and nothing will be refused about it.
  bool isLast() const noexcept { return last_; }
  /// After close.
  const ClosePayload& close() const noexcept { return close_; }
  /// After refused, and ever after.
  const Violation& violation() const noexcept { return violation_; }

  /// Gives back what it borrows while it reads. To be called when there will be no more input for a while and `next`
  /// has not answered needMore, which does the same.
  void rest();

 private:
  struct Scratch;
  enum class Stage : std::uint8_t { frames, beginFrame, inflating, endMessage, refused };

  static std::unique_ptr<Scratch> takeScratch();
  static void giveBack(std::unique_ptr<Scratch> scratch) noexcept;

  bool takeHeader();
  Event takePayload();
  Event takeEnd();
  Event endFrame();
  bool inflateOn();
  bool take(std::string_view piece);
  void refuse(std::uint16_t code, const char* sentence) noexcept;
  bool isLastOfMessage() const noexcept;

  Options options_;
  FrameParser frames_;
  Utf8Validator text_;
  Stage stage_ = Stage::frames;
  bool isBinary_ = false;
  bool compressed_ = false;
  bool last_ = false;
  bool inTail_ = false;     // the tail of a compressed message has been given to the inflater
  bool frameOver_ = false;  // its end waits for that tail
  std::uint8_t controlSize_ = 0;
  std::uint64_t received_ = 0;  // of the message, decompressed
  std::string_view data_;
  std::string_view deflated_;  // in scratch_ or kept_: what waits to be decompressed
  std::string kept_;
  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<Inflater> inflater_;
  ClosePayload close_;
  Violation violation_;
  std::array<char, maxControlPayload> control_;
};

}  // namespace bight::websocket
