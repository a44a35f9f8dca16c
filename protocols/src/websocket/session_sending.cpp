// The way out: messages into frames.
//
// A server's frame goes out as header and payload, from where the payload lies. A client's is masked into a string of its
// own: one write, so that a message of any size is taken by an empty buffer.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include <bight/websocket/utf8.hpp>

#include "session.hpp"

namespace bight::websocket::detail {

namespace {

constexpr std::size_t muchBuffered = std::size_t{64} * 1024;  // above, only the last ping is answered

std::string countOf(std::uint64_t bytes) {
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

}  // namespace

void Session::writeFrame(FrameHeader header, std::string_view payload) {
  header.length = payload.size();
  if (role_ == Role::server) {
    transport().writeSequence({FrameHeaderBytes(header).view(), payload});
    return;
  }
  header.masked = true;
  header.key = makeMaskKey();
  std::string frame;
  frame.reserve(maxFrameHeader + payload.size());
  appendFrame(frame, header, payload);
  transport().write(frame);
}

void Session::writeControl(Opcode opcode, std::string_view payload) {
  if (lacking_ == 0) return writeFrame({.opcode = opcode}, payload);
  FrameHeader header{.opcode = opcode, .masked = role_ == Role::client};
  if (header.masked) header.key = makeMaskKey();
  appendFrame(behind_, header, payload);
}

bool Session::sendMessage(std::string_view payload, bool isBinary) {
  if (sending_) throw std::logic_error("WebSocket: sendMessage between beginMessage and endMessage");
  if (!isBinary && !Utf8Validator::isValid(payload))
    throw std::invalid_argument("WebSocket: a text that is to be sent is not UTF-8; is it binary?");
  if (state_ != State::open) return false;
  FrameHeader header{.opcode = isBinary ? Opcode::binary : Opcode::text};
  std::string compressed;
  if (deflater_ && payload.size() >= options_->deflate->threshold) {
    deflater_->compress(payload, compressed);
    payload = compressed;
    header.rsv1 = true;
  }
  const std::size_t most = options_->fragmentSize;
  if (most == 0 || payload.size() <= most) {
    writeFrame(header, payload);
    return true;
  }
  for (; !payload.empty(); header.opcode = Opcode::continuation, header.rsv1 = false) {
    const std::string_view part = payload.substr(0, most);
    payload.remove_prefix(part.size());
    header.fin = payload.empty();
    writeFrame(header, part);
  }
  return true;
}

bool Session::sendControl(Opcode opcode, std::string_view payload) {
  if (payload.size() > maxControlPayload)
    throw std::invalid_argument("WebSocket: a ping carries at most 125 bytes, and this one has " +
                                countOf(payload.size()));
  if (state_ != State::open) return false;
  writeControl(opcode, payload);
  return true;
}

/// RFC 6455, 5.5.3: of several pings that have not been answered, the last one may be answered alone.
void Session::answerPing(std::string_view payload) {
  if (state_ != State::open) return;
  if (lacking_ == 0 && transport().writeBufferSize() <= muchBuffered) return writeControl(Opcode::pong, payload);
  const bool isFirst = !pong_;
  pong_ = std::string(payload);
  if (!isFirst || lacking_ > 0) return;  // frameComplete() will see to it
  transport().drained().addCallbacks(
      [this, owner = owner_.weak_from_this()] {
        if (const auto alive = owner.lock()) frameComplete();
      },
      [](const Failure&) {});
}

bool Session::sendClose(std::uint16_t code, std::string_view reason) {
  if (code != closeCode::noStatus && !mayBeSent(code))
    throw std::invalid_argument("WebSocket: the close code " + std::to_string(code) + " may not be sent");
  if (!Utf8Validator::isValid(reason)) throw std::invalid_argument("WebSocket: the reason of a close is not UTF-8");
  if (state_ == State::connecting && made_) transport().loseConnection();
  if (state_ != State::open) return false;
  sentClose_ = true;
  state_ = State::closing;
  pong_.reset();
  writeControl(Opcode::close, makeClosePayload(code, reason));
  wait(Waiting::close, options_->closeTimeout);
  return true;
}

// ---- frames of the user's own making ----

bool Session::beginMessage(bool isBinary) {
  if (sending_) throw std::logic_error("WebSocket: beginMessage before the endMessage of the one before");
  if (state_ != State::open) return false;
  sending_ = firstFrame_ = true;
  binary_ = isBinary;
  return true;
}

bool Session::beginMessageFrame(std::uint64_t length, bool fin) {
  if (!sending_ && state_ != State::open) return false;
  if (!sending_) throw std::logic_error("WebSocket: beginMessageFrame without beginMessage");
  if (lacking_ > 0)
    throw std::logic_error("WebSocket: beginMessageFrame, and the frame before lacks " + countOf(lacking_));
  if (state_ != State::open) return false;
  const Opcode opcode = binary_ ? Opcode::binary : Opcode::text;
  FrameHeader header{.opcode = std::exchange(firstFrame_, false) ? opcode : Opcode::continuation,
                     .fin = fin,
                     .masked = role_ == Role::client,
                     .length = length};
  if (header.masked) header.key = key_ = makeMaskKey();
  transport().write(FrameHeaderBytes(header).view());
  lacking_ = length;
  sent_ = 0;
  return true;
}

std::uint64_t Session::sendMessageFrameData(std::string_view payload) {
  if (lacking_ == 0 && state_ != State::open) return 0;
  if (payload.size() > lacking_)
    throw std::logic_error("WebSocket: sendMessageFrameData with " + countOf(payload.size()) +
                           ", and the frame lacks " + countOf(lacking_));
  if (state_ == State::closed || payload.empty()) return lacking_;
  if (role_ == Role::server) {
    transport().write(payload);
  } else {
    std::string masked(payload.size(), '\0');
    applyMask(masked.data(), payload, key_, sent_);
    transport().write(masked);
  }
  sent_ += payload.size();
  lacking_ -= payload.size();
  if (lacking_ == 0) frameComplete();
  return lacking_;
}

bool Session::endMessage() {
  if (!sending_ && state_ != State::open) return false;
  if (!sending_) throw std::logic_error("WebSocket: endMessage without beginMessage");
  if (lacking_ > 0) throw std::logic_error("WebSocket: endMessage, and the frame lacks " + countOf(lacking_));
  const bool done = beginMessageFrame(0, true);
  sending_ = false;
  return done;
}

/// What had to wait for the end of a frame, or for less to be buffered, goes out.
void Session::frameComplete() {
  if (lacking_ > 0 || state_ == State::closed) return;
  if (!behind_.empty()) transport().write(std::exchange(behind_, {}));
  if (const auto payload = std::exchange(pong_, std::nullopt); payload && state_ == State::open)
    writeControl(Opcode::pong, *payload);
}

}  // namespace bight::websocket::detail
