#include <bight/http/headers.hpp>

#include <stdexcept>

#include <bight/http/syntax.hpp>

namespace bight::http {

namespace {

// The parts of the line at the front of `wire`, and its length. The lines were checked when they got in: "Name:
// value\r\n".
struct Line {
  explicit Line(std::string_view wire) noexcept {
    const std::size_t colon = wire.find(':');
    const std::size_t end = wire.find('\r', colon);
    field = {wire.substr(0, colon), wire.substr(colon + 2, end - colon - 2)};
    size = end + 2;
  }
  Field field;
  std::size_t size;
};

}  // namespace

Headers::Headers(std::initializer_list<Field> fields) {
  for (const Field& field : fields) add(field.name, field.value);
}

Headers& Headers::add(std::string_view name, std::string_view value) {
  if (!isToken(name)) {
    throw std::invalid_argument("bight::http::Headers: a field's name is a token (letters, digits, '-', …), not \"" +
                                std::string(name) + "\"");
  }
  value = trimWhitespace(value);
  if (!isFieldValue(value)) {
    throw std::invalid_argument("bight::http::Headers: the value of " + std::string(name) +
                                " holds a control character; a line end there would let it write fields of its own");
  }
  std::string line;  // of its own: name and value may be views into wire_
  line.reserve(name.size() + value.size() + 4);
  line.append(name).append(": ").append(value).append("\r\n");
  if (wire_.empty()) {
    wire_ = std::move(line);
  } else {
    wire_ += line;
  }
  return *this;
}

Headers& Headers::set(std::string_view name, std::string_view value) {
  Headers one;
  one.add(name, value);  // may throw, or be a view into this: before anything is removed
  remove(name);
  wire_ += one.wire_;
  return *this;
}

std::size_t Headers::remove(std::string_view name) {
  std::size_t removed = 0;
  for (std::size_t at = 0; at < wire_.size();) {
    const Line line(std::string_view(wire_).substr(at));
    if (equalsIgnoringCase(line.field.name, name)) {
      wire_.erase(at, line.size);
      ++removed;
    } else {
      at += line.size;
    }
  }
  return removed;
}

std::optional<std::string_view> Headers::get(std::string_view name) const noexcept {
  for (const Field& field : *this) {
    if (equalsIgnoringCase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::getAll(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& field : *this) {
    if (equalsIgnoringCase(field.name, name)) values.push_back(field.value);
  }
  return values;
}

std::size_t Headers::size() const noexcept {
  std::size_t count = 0;
  for (auto at = begin(); at != end(); ++at) ++count;
  return count;
}

Headers::Iterator Headers::begin() const noexcept {
  return Iterator(wire_);
}
Headers::Iterator Headers::end() const noexcept {
  return Iterator(std::string_view(wire_).substr(wire_.size()));
}

Field Headers::Iterator::operator*() const noexcept {
  return Line(rest_).field;
}

Headers::Iterator& Headers::Iterator::operator++() noexcept {
  rest_.remove_prefix(Line(rest_).size);
  return *this;
}

std::optional<std::string_view> Fields::get(std::string_view name) const noexcept {
  for (const detail::FieldPosition& at : positions_) {
    if (at.nameSize == name.size() && equalsIgnoringCase({base_ + at.name, at.nameSize}, name)) {
      return std::string_view(base_ + at.value, at.valueSize);
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> Fields::getAll(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& field : *this) {
    if (equalsIgnoringCase(field.name, name)) values.push_back(field.value);
  }
  return values;
}

}  // namespace bight::http
