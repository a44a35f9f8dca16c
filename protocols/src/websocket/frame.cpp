#include <bight/websocket/frame.hpp>

#include <algorithm>
#include <cstring>

#include <bight/websocket/utf8.hpp>

namespace bight::websocket {

// ---- reading ----

FrameParser::Event FrameParser::next(std::string_view& input, std::size_t mostPayload) {
  payload_ = {};
  switch (stage_) {
    case Stage::refused:
      return Event::refused;
    case Stage::payload:
      break;
    default:
      if (!readHeader(input)) return stage_ == Stage::refused ? Event::refused : Event::needMore;
      return Event::header;
  }
  if (remaining_ == 0) {
    if (!isControl(header_.opcode)) inMessage_ = !header_.fin;
    stage_ = Stage::first;
    return Event::end;
  }
  if (input.empty()) return Event::needMore;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, std::min(input.size(), mostPayload)));
  payload_ = input.substr(0, size);
  input.remove_prefix(size);
  remaining_ -= size;
  return Event::payload;
}

void FrameParser::unmaskTo(char* out) const noexcept {
  if (header_.masked)
    applyMask(out, payload_, header_.key, header_.length - remaining_ - payload_.size());
  else
    std::memcpy(out, payload_.data(), payload_.size());
}

/// Byte by byte: a header has at most 14, and each is refused as soon as it is there. @return whether it is complete
bool FrameParser::readHeader(std::string_view& input) {
  while (!input.empty()) {
    const auto byte = static_cast<std::uint8_t>(input.front());
    input.remove_prefix(1);
    switch (stage_) {
      case Stage::first:
        if (!takeFirst(byte)) return false;
        break;
      case Stage::second:
        if (!takeSecond(byte)) return false;
        break;
      case Stage::length:
        if (!takeLength(byte)) return false;
        break;
      default:
        header_.key[header_.key.size() - lacks_] = byte;
        if (--lacks_ == 0) stage_ = Stage::payload;
        break;
    }
    if (stage_ == Stage::payload) {
      remaining_ = header_.length;
      return true;
    }
  }
  return false;
}

bool FrameParser::takeFirst(std::uint8_t byte) {
  header_ = {};
  header_.fin = (byte & 0x80) != 0;
  header_.rsv1 = (byte & 0x40) != 0;
  const unsigned opcode = byte & 0x0F;
  header_.opcode = static_cast<Opcode>(opcode);
  if ((byte & 0x30) != 0) return refuse(closeCode::protocolError, "A frame has RSV2 or RSV3 set.");
  if ((opcode > 2 && opcode < 8) || opcode > 10)
    return refuse(closeCode::protocolError, "A frame has a reserved opcode.");
  const bool begins = header_.opcode == Opcode::text || header_.opcode == Opcode::binary;
  if (header_.rsv1 && !(begins && options_.compression))
    return refuse(closeCode::protocolError, "A frame has RSV1 set where it may not be.");
  if (isControl(header_.opcode)) {
    if (!header_.fin) return refuse(closeCode::protocolError, "A control frame is fragmented.");
  } else if (begins && inMessage_) {
    return refuse(closeCode::protocolError, "A message begins inside of another one.");
  } else if (!begins && !inMessage_) {
    return refuse(closeCode::protocolError, "A continuation without a message.");
  }
  stage_ = Stage::second;
  return true;
}

bool FrameParser::takeSecond(std::uint8_t byte) {
  header_.masked = (byte & 0x80) != 0;
  if (header_.masked != (options_.role == Role::server))
    return refuse(closeCode::protocolError,
                  header_.masked ? "A frame of a server is masked." : "A frame of a client is not masked.");
  const std::uint8_t length = byte & 0x7F;
  if (isControl(header_.opcode)) {
    if (length > maxControlPayload) return refuse(closeCode::protocolError, "A control frame has over 125 bytes.");
    if (header_.opcode == Opcode::close && length == 1)
      return refuse(closeCode::protocolError, "A close frame has half a code.");
  }
  lengthSize_ = length == 126 ? 2 : length == 127 ? 8 : 0;
  lacks_ = lengthSize_;
  if (lengthSize_ > 0) {
    stage_ = Stage::length;
    return true;
  }
  header_.length = length;
  if (length > options_.maxFrame && !isControl(header_.opcode))
    return refuse(closeCode::tooBig, "A frame is longer than allowed.");
  lacks_ = static_cast<std::uint8_t>(header_.key.size());
  stage_ = header_.masked ? Stage::key : Stage::payload;
  return true;
}

bool FrameParser::takeLength(std::uint8_t byte) {
  if (lacks_ == 8 && (byte & 0x80) != 0)
    return refuse(closeCode::protocolError, "The length of a frame has its highest bit set.");
  header_.length = header_.length << 8 | byte;
  if (--lacks_ > 0) return true;
  if (header_.length < 126 || (lengthSize_ == 8 && header_.length <= 0xFFFF))
    return refuse(closeCode::protocolError, "The length of a frame is not in its shortest form.");
  if (header_.length > options_.maxFrame) return refuse(closeCode::tooBig, "A frame is longer than allowed.");
  lacks_ = static_cast<std::uint8_t>(header_.key.size());
  stage_ = header_.masked ? Stage::key : Stage::payload;
  return true;
}

bool FrameParser::refuse(std::uint16_t code, const char* sentence) noexcept {
  stage_ = Stage::refused;
  violation_ = {code, sentence};
  return false;
}

// ---- writing ----

FrameHeaderBytes::FrameHeaderBytes(const FrameHeader& header) noexcept {
  const auto put = [this](std::uint64_t byte) { bytes_[size_++] = static_cast<char>(byte); };
  put(static_cast<unsigned>(header.opcode) | (header.fin ? 0x80U : 0U) | (header.rsv1 ? 0x40U : 0U));
  const unsigned mask = header.masked ? 0x80U : 0U;
  if (header.length < 126) {
    put(mask | header.length);
  } else if (header.length <= 0xFFFF) {
    put(mask | 126U);
    put(header.length >> 8);
    put(header.length);
  } else {
    put(mask | 127U);
    for (int shift = 56; shift >= 0; shift -= 8) put(header.length >> shift);
  }
  if (!header.masked) return;
  for (const std::uint8_t byte : header.key) put(byte);
}

void appendFrameHeader(std::string& out, const FrameHeader& header) {
  out += FrameHeaderBytes(header).view();
}

void appendFrame(std::string& out, FrameHeader header, std::string_view payload) {
  header.length = payload.size();
  appendFrameHeader(out, header);
  if (!header.masked) {
    out += payload;
    return;
  }
  const std::size_t at = out.size();
  out.resize(at + payload.size());
  applyMask(out.data() + at, payload, header.key);
}

// ---- close frames ----

Violation readClosePayload(std::string_view payload, ClosePayload& out) noexcept {
  out = {};
  if (payload.empty()) return {0, ""};
  if (payload.size() == 1) return {closeCode::protocolError, "A close frame has half a code."};
  out.code =
      static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]));
  out.reason = payload.substr(2);
  if (!mayBeSent(out.code)) return {closeCode::protocolError, "A close frame has a code that may not be sent."};
  if (!Utf8Validator::isValid(out.reason)) return {closeCode::invalidData, "The reason of a close is not UTF-8."};
  return {0, ""};
}

std::string makeClosePayload(std::uint16_t code, std::string_view reason) {
  if (code == closeCode::noStatus) return {};
  constexpr std::size_t most = maxControlPayload - 2;
  if (reason.size() > most) {
    std::size_t end = most;
    while (end > 0 && (static_cast<std::uint8_t>(reason[end]) & 0xC0) == 0x80) --end;
    reason = reason.substr(0, end);
  }
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  payload += reason;
  return payload;
}

}  // namespace bight::websocket
