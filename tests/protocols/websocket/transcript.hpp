// What a MessageReader makes of bytes, written down so that two ways to cut them can be compared.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/websocket/message_reader.hpp>

namespace bight::testcases {

/// One line for each message, frame and control frame; a message that was not complete is left out, because how much of it was seen before
/// a refusal depends on the cut.
class SocketTranscript {
 public:
  /// Reads all events of `piece`. @return false when it was refused
  bool read(websocket::MessageReader& reader, std::string_view piece, bool restBetween = false) {
    using Event = websocket::MessageReader::Event;
    for (;;) {
      const Event event = reader.next(piece);
      if (event == Event::needMore) return true;
      if (take(reader, event)) return false;
      if (restBetween) reader.rest();
    }
  }

  const std::vector<std::string>& lines() const noexcept { return lines_; }
  const std::vector<std::string>& messages() const noexcept { return messages_; }
  bool operator==(const SocketTranscript& other) const {
    return lines_ == other.lines_ && messages_ == other.messages_;
  }

  std::string text() const {
    std::string all;
    for (const auto& line : lines_) all += (all.empty() ? "" : " ") + line;
    return all;
  }

 private:
  /// @return whether it was refused
  bool take(const websocket::MessageReader& reader, websocket::MessageReader::Event event) {
    using Event = websocket::MessageReader::Event;
    switch (event) {
      case Event::messageBegin:
        message_.clear();
        frames_.clear();
        break;
      case Event::frameBegin:
        frames_ += "[" + std::to_string(reader.frameLength());
        break;
      case Event::data:
        message_ += reader.data();
        break;
      case Event::frameEnd:
        frames_ += "]";
        break;
      case Event::messageEnd:
        lines_.push_back((reader.isBinary() ? "binary" : "text") + frames_ + "=" + std::to_string(message_.size()));
        messages_.push_back(message_);
        break;
      case Event::ping:
        lines_.push_back("ping(" + std::string(reader.data()) + ")");
        break;
      case Event::pong:
        lines_.push_back("pong(" + std::string(reader.data()) + ")");
        break;
      case Event::close:
        lines_.push_back("close(" + std::to_string(reader.close().code) + "," + std::string(reader.close().reason) +
                         ")");
        break;
      case Event::refused:
        lines_.push_back("refused " + std::to_string(reader.violation().code));
        sentence_ = reader.violation().sentence;
        return true;
      case Event::needMore:
        break;
    }
    return false;
  }

  std::vector<std::string> lines_;
  std::vector<std::string> messages_;
  std::string message_;
  std::string frames_;
  std::string sentence_;
};

/// Reads `bytes`, cut before each of `cuts` (ascending).
inline SocketTranscript readSocket(std::string_view bytes, const std::vector<std::size_t>& cuts,
                                   const websocket::MessageReader::Options& options, bool restBetween = false) {
  websocket::MessageReader reader(options);
  SocketTranscript transcript;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t to = i < cuts.size() ? cuts[i] : bytes.size();
    // A copy of its own, so that a view that outlives its piece is caught by the sanitizer.
    const std::string piece(bytes.substr(from, to - from));
    if (!transcript.read(reader, piece, restBetween)) break;
    from = to;
  }
  return transcript;
}

}  // namespace bight::testcases
