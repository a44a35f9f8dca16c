// Reading strings with their lengths before them
// ----------------------------------------------
//   header ── length known ──► body ── all there ──► delivered ── next() ──► header
//     └── above the limit: tooLong, for ever;  not a number, no comma: malformed, for ever
//
// A string whose bytes all lie in the present piece is a view of it. Only the beginning of one that goes on in the next
// piece is copied. Nothing is reserved for an announced length: a peer that announces much and sends little costs
// little.
#include <bight/frames.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace bight {

namespace {

std::size_t prefixSize(Framing framing) noexcept {
  switch (framing) {
    case Framing::int8:
      return 1;
    case Framing::int16:
      return 2;
    case Framing::int32:
      return 4;
    case Framing::netstring:
      break;
  }
  return 0;
}

}  // namespace

StringTooLongError::StringTooLongError(std::size_t size, std::size_t longest)
    : std::length_error("A string of " + std::to_string(size) + " bytes cannot be sent: the length before it can say " +
                        std::to_string(longest) + " at most. Cut it, or use a wider prefix.") {}

std::size_t longestString(Framing framing) noexcept {
  if (framing == Framing::netstring) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::size_t>((std::uint64_t{1} << (8 * prefixSize(framing))) - 1);
}

FrameHeader::FrameHeader(Framing framing, std::size_t size) {
  if (size > longestString(framing)) throw StringTooLongError(size, longestString(framing));
  if (framing == Framing::netstring) {
    char* end = std::to_chars(bytes_.data(), bytes_.data() + bytes_.size() - 1, size).ptr;
    *end++ = ':';
    size_ = static_cast<std::size_t>(end - bytes_.data());
    return;
  }
  size_ = prefixSize(framing);
  for (std::size_t at = size_; at-- > 0; size >>= 8) bytes_[at] = static_cast<char>(size & 0xff);
}

FrameReader::Step FrameReader::next(std::string_view& input) {
  if (state_ == State::delivered) {
    buffer_.clear();
    frame_ = {};
    length_ = digits_ = 0;
    state_ = State::header;
  }
  if (state_ == State::header) {
    const Step step = framing_ == Framing::netstring ? readNetstringHeader(input) : readHeader(input);
    if (step != Step::frame) return step;
    state_ = State::body;
  }
  if (state_ == State::body) return readBody(input);
  input = {};
  return state_ == State::tooLong ? Step::tooLong : Step::malformed;
}

/// @return Step::frame when the length is known
FrameReader::Step FrameReader::readHeader(std::string_view& input) {
  const std::size_t size = prefixSize(framing_);
  while (digits_ < size) {
    if (input.empty()) return Step::incomplete;
    length_ = length_ << 8 | static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    ++digits_;
  }
  return length_ > maxLength_ ? refuse(State::tooLong) : Step::frame;
}

FrameReader::Step FrameReader::readNetstringHeader(std::string_view& input) {
  while (!input.empty()) {
    const char c = input.front();
    if (c == ':' && digits_ > 0) {
      input.remove_prefix(1);
      ++digits_;
      return Step::frame;
    }
    const bool leadingZero = digits_ > 0 && length_ == 0;
    if (c < '0' || c > '9' || leadingZero) return refuse(State::malformed);
    const auto digit = static_cast<std::size_t>(c - '0');
    const bool overflows = length_ > (longestString(framing_) - digit) / 10;
    if (!overflows) length_ = length_ * 10 + digit;
    input.remove_prefix(1);
    ++digits_;
    if (overflows || length_ > maxLength_) return refuse(State::tooLong);
  }
  return Step::incomplete;
}

FrameReader::Step FrameReader::readBody(std::string_view& input) {
  const std::string_view trailer = frameTrailer(framing_);
  const std::size_t whole = length_ + trailer.size();
  std::string_view bytes;
  if (buffer_.empty() && input.size() >= whole) {
    bytes = input.substr(0, whole);
    input.remove_prefix(whole);
  } else {
    const std::size_t taken = std::min(input.size(), whole - buffer_.size());
    buffer_.append(input.substr(0, taken));
    input.remove_prefix(taken);
    if (buffer_.size() < whole) return Step::incomplete;
    bytes = buffer_;
  }
  if (bytes.substr(length_) != trailer) return refuse(State::malformed);
  frame_ = bytes.substr(0, length_);
  state_ = State::delivered;
  return Step::frame;
}

FrameReader::Step FrameReader::refuse(State why) noexcept {
  std::string().swap(buffer_);
  state_ = why;
  return why == State::tooLong ? Step::tooLong : Step::malformed;
}

}  // namespace bight
