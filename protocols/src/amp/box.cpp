#include <bight/amp/box.hpp>

#include <algorithm>

namespace bight::amp {

namespace {

constexpr std::size_t longestKey = 255;
constexpr std::size_t longestValue = 65535;

void appendCounted(std::string& to, std::string_view bytes) {
  to += static_cast<char>(bytes.size() >> 8);
  to += static_cast<char>(bytes.size() & 0xff);
  to += bytes;
}

}  // namespace

ProtocolError::ProtocolError(const std::string& why) : std::runtime_error("This is not AMP: " + why + '.') {}

TooLongError::TooLongError(std::string_view key, std::size_t size, std::size_t most)
    : std::length_error("AMP: \"" + std::string(key.substr(0, longestKey)) + "\" has " + std::to_string(size) +
                        " bytes, and may have " + std::to_string(most) + ". Send it in several calls.") {}

Box::Box(std::initializer_list<Entry> entries) {
  for (const auto& [key, value] : entries) set(key, value);
}

const std::string* Box::find(std::string_view key) const noexcept {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.first == key; });
  return found == entries_.end() ? nullptr : &found->second;
}

void Box::set(std::string_view key, std::string value) {
  if (key.empty()) throw std::invalid_argument("amp::Box: a key cannot be empty; that would end the box");
  for (auto& entry : entries_)
    if (entry.first == key) return void(entry.second = std::move(value));
  entries_.emplace_back(key, std::move(value));
}

std::string Box::serialize() const {
  std::size_t size = 2;
  for (const auto& [key, value] : entries_) {
    if (key.size() > longestKey) throw TooLongError(key, key.size(), longestKey);
    if (value.size() > longestValue) throw TooLongError(key, value.size(), longestValue);
    size += 4 + key.size() + value.size();
  }
  std::string bytes;
  bytes.reserve(size);
  for (const auto& [key, value] : entries_) {
    appendCounted(bytes, key);
    appendCounted(bytes, value);
  }
  bytes.append(2, '\0');
  return bytes;
}

std::optional<Box> BoxReader::next(std::string_view& input) {
  for (;;) {
    const std::size_t taken = std::min(need_ - piece_.size(), input.size());
    if (used_ + taken > mostBytes_) throw ProtocolError("a box has more than " + std::to_string(mostBytes_) + " bytes");
    piece_.append(input.substr(0, taken));
    input.remove_prefix(taken);
    used_ += taken;
    if (piece_.size() < need_) return std::nullopt;
    switch (state_) {
      case State::keyLength:
      case State::valueLength: {
        const auto length = static_cast<std::size_t>(static_cast<unsigned char>(piece_[0]) << 8 |
                                                     static_cast<unsigned char>(piece_[1]));
        piece_.clear();
        if (state_ == State::valueLength) {
          need_ = length;
          state_ = State::value;
        } else if (length == 0) {
          used_ = 0;
          return std::exchange(box_, {});
        } else {
          if (length > longestKey) throw ProtocolError("a key has more than 255 bytes");
          need_ = length;
          state_ = State::key;
        }
        break;
      }
      case State::key:
        if (box_.find(piece_)) throw ProtocolError("a key comes twice in one box");
        if (box_.entries_.size() >= mostKeys_) throw ProtocolError("a box has more than 1000 keys");
        box_.entries_.emplace_back(std::exchange(piece_, {}), std::string());
        need_ = 2;
        state_ = State::valueLength;
        break;
      case State::value:
        box_.entries_.back().second = std::exchange(piece_, {});
        need_ = 2;
        state_ = State::keyLength;
        break;
    }
  }
}

}  // namespace bight::amp
