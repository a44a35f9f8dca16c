// Frames into messages.
//
//   frames ──header of data──► [messageBegin] beginFrame ──► frames ──payload──► data
//                                                              │ └──compressed payload──► inflating ──► data … ──► frames
//                                                              └──end──► frameEnd ──last frame──► endMessage
//
// A compressed message ends with a tail that the sender leaves out: it is decompressed before the last frameEnd, and as
// a rule together with the last piece, so that a message that fits into one piece is known to be whole at once.
#include <bight/websocket/message_reader.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bight::websocket {

/// Room to unmask and to decompress into: borrowed from the thread while there is input.
struct MessageReader::Scratch {
  std::array<char, std::size_t{64} * 1024> plain;
  std::array<char, std::size_t{16} * 1024> deflated;

  /// The one that a thread keeps. A second one is only needed while a reader runs inside of another's callback.
  static std::unique_ptr<Scratch>& spare() {
    thread_local std::unique_ptr<Scratch> one;
    return one;
  }
};

MessageReader::MessageReader(const Options& options)
    : options_(options),
      frames_({.role = options.role, .maxFrame = options.maxFrame, .compression = options.deflate.has_value()}) {
  if (options_.deflate) inflater_ = std::make_unique<Inflater>(*options_.deflate);
}

MessageReader::~MessageReader() = default;

MessageReader::Event MessageReader::next(std::string_view& input) {
  data_ = {};
  last_ = false;
  for (;;) {
    switch (stage_) {
      case Stage::refused:
        return Event::refused;
      case Stage::beginFrame:
        stage_ = Stage::frames;
        return Event::frameBegin;
      case Stage::inflating:
        if (inflateOn()) return Event::data;
        continue;
      case Stage::endMessage:
        stage_ = Stage::frames;
        return Event::messageEnd;
      case Stage::frames:
        if (!std::exchange(frameOver_, false)) break;
        if (const Event event = endFrame(); event != Event::needMore) return event;
        continue;
    }
    const std::size_t most = compressed_ ? sizeof(Scratch::deflated) : sizeof(Scratch::plain);
    switch (frames_.next(input, most)) {
      case FrameParser::Event::needMore:
        rest();
        return Event::needMore;
      case FrameParser::Event::refused:
        refuse(frames_.violation().code, frames_.violation().sentence);
        continue;
      case FrameParser::Event::header:
        if (takeHeader()) return Event::messageBegin;
        continue;
      case FrameParser::Event::payload:
        if (const Event event = takePayload(); event != Event::needMore) return event;
        continue;
      case FrameParser::Event::end:
        if (const Event event = takeEnd(); event != Event::needMore) return event;
        continue;
    }
  }
}

void MessageReader::rest() {
  if (!scratch_) return;
  data_ = {};
  if (!deflated_.empty() && !inTail_) {
    kept_ = std::string(deflated_);
    deflated_ = kept_;
  }
  Scratch::spare() = std::move(scratch_);
}

/// @return whether a message begins
bool MessageReader::takeHeader() {
  const FrameHeader& header = frames_.header();
  controlSize_ = 0;
  if (isControl(header.opcode)) return false;
  const bool begins = header.opcode != Opcode::continuation;
  if (begins) {
    isBinary_ = header.opcode == Opcode::binary;
    compressed_ = header.rsv1;
    received_ = 0;
    inTail_ = false;
    text_.reset();
  }
  // received_ is never above the limit.
  if (!compressed_ && header.length > options_.maxMessage - received_) {
    refuse(closeCode::tooBig, "A message is larger than allowed.");
    return false;
  }
  stage_ = Stage::beginFrame;
  return begins;
}

bool MessageReader::isLastOfMessage() const noexcept {
  return frames_.header().fin && frames_.remaining() == 0;
}

MessageReader::Event MessageReader::takePayload() {
  const FrameHeader& header = frames_.header();
  const std::string_view raw = frames_.payload();
  if (isControl(header.opcode)) {
    frames_.unmaskTo(control_.data() + controlSize_);
    controlSize_ = static_cast<std::uint8_t>(controlSize_ + raw.size());
    return Event::needMore;
  }
  if (!scratch_ && (header.masked || compressed_)) {
    scratch_ = std::move(Scratch::spare());
    if (!scratch_) scratch_ = std::make_unique_for_overwrite<Scratch>();
  }
  if (compressed_) {
    // Also when it is not masked: it must stay while the caller's bytes may go.
    frames_.unmaskTo(scratch_->deflated.data());
    deflated_ = {scratch_->deflated.data(), raw.size()};
    if (!kept_.empty()) kept_ = std::string();
    stage_ = Stage::inflating;
    return Event::needMore;
  }
  std::string_view piece = raw;
  if (header.masked) {
    frames_.unmaskTo(scratch_->plain.data());
    piece = {scratch_->plain.data(), raw.size()};
  }
  last_ = isLastOfMessage();
  return take(piece) ? Event::data : Event::needMore;
}

/// Decompresses as much as there is room for. @return whether that gave data; if not, it is refused, or there is
/// nothing left to decompress
bool MessageReader::inflateOn() {
  if (!scratch_) {
    scratch_ = std::move(Scratch::spare());
    if (!scratch_) scratch_ = std::make_unique_for_overwrite<Scratch>();
  }
  const std::span<char> room = scratch_->plain;
  std::size_t size = 0;
  for (;;) {
    size += inflater_->inflate(deflated_, room.subspan(size));
    if (inflater_->failed() || size == room.size()) break;  // there may be more
    if (!inTail_ && isLastOfMessage()) {
      inTail_ = true;
      deflated_ = Inflater::tail();
      continue;
    }
    stage_ = Stage::frames;
    last_ = inTail_ && inflater_->atBoundary();
    break;
  }
  if (size > 0) return take({room.data(), size});
  if (inflater_->failed()) refuse(closeCode::invalidData, "A message cannot be decompressed.");
  return false;
}

/// A piece of a message: counted and checked. @return whether it may be given out
bool MessageReader::take(std::string_view piece) {
  const std::uint64_t room = options_.maxMessage - received_;
  const bool tooMuch = piece.size() > room;
  if (tooMuch) piece = piece.substr(0, static_cast<std::size_t>(room));
  // What comes first is what is told, however the bytes are cut.
  if (!isBinary_ && !text_.feed(piece)) {
    refuse(closeCode::invalidData, "A text is not UTF-8.");
    return false;
  }
  if (tooMuch) {
    refuse(closeCode::tooBig, "A message is larger than allowed.");
    return false;
  }
  received_ += piece.size();
  data_ = piece;
  last_ = last_ && (isBinary_ || text_.complete());
  return true;
}

MessageReader::Event MessageReader::takeEnd() {
  const FrameHeader& header = frames_.header();
  const std::string_view carried(control_.data(), controlSize_);
  switch (header.opcode) {
    case Opcode::ping:
      data_ = carried;
      return Event::ping;
    case Opcode::pong:
      data_ = carried;
      return Event::pong;
    case Opcode::close: {
      const Violation violation = readClosePayload(carried, close_);
      if (violation.code == 0) return Event::close;
      refuse(violation.code, violation.sentence);
      return Event::needMore;
    }
    default:
      break;
  }
  if (header.fin && compressed_ && !inTail_) {  // the last frame was empty, so nobody has thought of the tail
    inTail_ = frameOver_ = true;
    deflated_ = Inflater::tail();
    stage_ = Stage::inflating;
    return Event::needMore;
  }
  return endFrame();
}

/// The end of a data frame, when all of it has been decompressed.
MessageReader::Event MessageReader::endFrame() {
  if (!frames_.header().fin) return Event::frameEnd;
  if (compressed_ && !inflater_->endMessage()) {
    refuse(closeCode::invalidData, "A compressed message ends too early.");
    return Event::needMore;
  }
  if (!isBinary_ && !text_.complete()) {
    refuse(closeCode::invalidData, "A text ends within a character of UTF-8.");
    return Event::needMore;
  }
  stage_ = Stage::endMessage;
  return Event::frameEnd;
}

void MessageReader::refuse(std::uint16_t code, const char* sentence) noexcept {
  violation_ = {code, sentence};
  stage_ = Stage::refused;
  data_ = {};
}

}  // namespace bight::websocket
