#include <bight/amp/values.hpp>

#include <bight/frames.hpp>

namespace bight::amp {

InvalidValueError::InvalidValueError(std::string_view key, std::string_view why)
    : std::runtime_error("AMP: the value of \"" + std::string(key) + "\" " + std::string(why) + '.') {}

namespace detail {

void appendElement(std::string& to, std::string_view element) {
  if (element.size() > longestString(Framing::int16))
    throw TooLongError("an element of a list", element.size(), longestString(Framing::int16));
  to += FrameHeader(Framing::int16, element.size()).bytes();
  to += element;
}

std::string_view takeElement(std::string_view key, std::string_view& from) {
  FrameReader reader(Framing::int16, longestString(Framing::int16));
  const std::string_view all = from;
  if (reader.next(from) != FrameReader::Step::frame) throw InvalidValueError(key, "ends in the middle of a list");
  return all.substr(2, reader.length());
}

std::vector<Box> splitBoxes(std::string_view key, std::string_view bytes) {
  std::vector<Box> boxes;
  BoxReader reader;
  try {
    while (auto box = reader.next(bytes)) boxes.push_back(std::move(*box));
  } catch (const ProtocolError&) {
    throw InvalidValueError(key, "is no list of boxes");
  }
  if (reader.inside()) throw InvalidValueError(key, "ends in the middle of a box");
  return boxes;
}

}  // namespace detail
}  // namespace bight::amp
