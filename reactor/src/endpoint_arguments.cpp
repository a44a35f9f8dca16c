// The grammar: TYPE ':' value (':' value)*, where a value is [name '='] text, and '\' before a character takes away what
// it would mean. Only the first '=' of a value that is not escaped parts a name from it, so that a later one needs no
// escape: "path=a=b" has the value "a=b".
#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <bight/endpoint_strings.hpp>

#include "quoted.hpp"

namespace bight {

using detail::quoted;

namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& each : names) text += (text.empty() ? "" : ", ") + each;
  return text;
}

}  // namespace

EndpointSyntaxError::EndpointSyntaxError(std::string_view description, std::size_t position, const std::string& problem)
    : std::invalid_argument("endpoint " + quoted(description) + ", at character " + std::to_string(position + 1) +
                            ": " + problem),
      position_(position) {}
EndpointSyntaxError::~EndpointSyntaxError() = default;

std::string quoteStringArgument(std::string_view argument) {
  std::string text;
  text.reserve(argument.size());
  for (const char c : argument) {
    if (c == ':' || c == '=' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

EndpointArguments::EndpointArguments(std::string_view description) : description_(description) {
  const std::size_t colon = std::min(description_.find(':'), description_.size());
  type_ = description_.substr(0, colon);
  if (colon + 1 >= description_.size()) return;  // "stdio:" has no values
  Value value{{}, {}, colon + 1, 0};
  bool named = false;
  const auto end = [&] {
    if (named) {
      if (value.name.empty())
        throw EndpointSyntaxError(description_, value.namePosition, "expected a name before the '='");
      for (const Value& each : values_)
        if (each.name == value.name)
          throw EndpointSyntaxError(description_, value.namePosition, quoted(value.name) + " is given twice");
    }
    values_.push_back(std::move(value));
  };
  for (std::size_t i = colon + 1; i < description_.size(); ++i) {
    const char c = description_[i];
    if (c == '\\') {
      if (++i == description_.size())
        throw EndpointSyntaxError(description_, i - 1,
                                  "expected a character after the '\\' (write \"\\\\\" for one '\\')");
      value.value += description_[i];
    } else if (c == ':') {
      end();
      value = {{}, {}, i + 1, 0};
      named = false;
    } else if (c == '=' && !named) {
      value = {std::move(value.value), {}, i + 1, value.position};
      named = true;
    } else {
      value.value += c;
    }
  }
  end();
}

void EndpointArguments::positional(std::initializer_list<std::string_view> names) {
  auto next = names.begin();
  for (Value& each : values_) {
    if (!each.name.empty()) continue;
    if (next == names.end()) {
      std::vector<std::string> all(names.begin(), names.end());
      throw EndpointSyntaxError(description_, each.position,
                                type_ + " takes " + (all.empty() ? "no value" : "no more than " + listed(all)) +
                                    " without a name, and got " + quoted(each.value) +
                                    " as well (a ':' inside a value is written \"\\:\")");
    }
    each.name = *next++;
    for (const Value& other : values_)
      if (&other != &each && other.name == each.name)
        throw EndpointSyntaxError(description_, std::max(each.position, other.position),
                                  quoted(each.name) + " is given twice, by its place and by its name");
  }
}

void EndpointArguments::positionalPort() {
  const auto unnamed = [](const Value& each) { return each.name.empty(); };
  const auto host = std::find_if(values_.begin(), values_.end(), unnamed);
  const auto port = host == values_.end() ? host : std::find_if(host + 1, values_.end(), unnamed);
  if (port != values_.end() && std::none_of(port + 1, values_.end(), unnamed) && !port->value.empty() &&
      port->value.find_first_not_of("0123456789") == std::string::npos)
    throw EndpointSyntaxError(description_, host->position,
                              "expected the port, got " + quoted(host->value) +
                                  "; to listen at one address only, write \"" + type_ + ":" + port->value +
                                  ":interface=" + quoteStringArgument(host->value) + "\"");
  positional({"port"});
}

EndpointArguments::Value* EndpointArguments::find(std::string_view name) {
  if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) asked_.emplace_back(name);
  for (Value& each : values_) {
    if (each.name != name) continue;
    each.taken = true;
    return &each;
  }
  return nullptr;
}

const EndpointArguments::Value* EndpointArguments::seen(std::string_view name) const {
  for (const Value& each : values_)
    if (each.name == name) return &each;
  return nullptr;
}

void EndpointArguments::expected(const Value& value, const std::string& what) const {
  throw EndpointSyntaxError(description_, value.position,
                            value.name + ": expected " + what + ", got " + quoted(value.value));
}

std::optional<std::string> EndpointArguments::text(std::string_view name) {
  const Value* value = find(name);
  if (!value) return std::nullopt;
  return value->value;
}

std::string EndpointArguments::need(std::string_view name, std::string_view what) {
  const Value* value = find(name);
  if (!value)
    throw EndpointSyntaxError(description_, description_.size(),
                              type_ + " needs \"" + std::string(name) + "\": expected " + std::string(what));
  if (value->value.empty()) expected(*value, std::string(what));
  return value->value;
}

std::optional<int> EndpointArguments::number(std::string_view name, int least, int most) {
  const Value* value = find(name);
  if (!value) return std::nullopt;
  int number = 0;
  const char* const end = value->value.data() + value->value.size();
  const auto [stopped, error] = std::from_chars(value->value.data(), end, number);
  if (error != std::errc() || stopped != end || number < least || number > most)
    expected(*value, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  return number;
}

int EndpointArguments::needNumber(std::string_view name, int least, int most) {
  if (const auto found = number(name, least, most)) return *found;
  throw EndpointSyntaxError(description_, description_.size(),
                            type_ + " needs \"" + std::string(name) + "\": expected a number from " +
                                std::to_string(least) + " to " + std::to_string(most));
}

std::optional<unsigned> EndpointArguments::octal(std::string_view name, unsigned most) {
  const Value* value = find(name);
  if (!value) return std::nullopt;
  unsigned number = 0;
  const char* const end = value->value.data() + value->value.size();
  const auto [stopped, error] = std::from_chars(value->value.data(), end, number, 8);
  if (error != std::errc() || stopped != end || number > most) expected(*value, "an octal number, as 660");
  return number;
}

std::optional<Duration> EndpointArguments::seconds(std::string_view name) {
  const Value* value = find(name);
  if (!value) return std::nullopt;
  double number = 0;
  const char* const end = value->value.data() + value->value.size();
  const auto [stopped, error] = std::from_chars(value->value.data(), end, number, std::chars_format::fixed);
  constexpr double longest = 1e9;
  if (error != std::errc() || stopped != end || !(number >= 0) || number > longest)
    expected(*value, "a number of seconds, as 30 or 0.25");
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(number));
}

std::optional<bool> EndpointArguments::flag(std::string_view name) {
  const Value* value = find(name);
  if (!value) return std::nullopt;
  const auto& text = value->value;
  if (text == "1" || text == "true" || text == "yes") return true;
  if (text == "0" || text == "false" || text == "no") return false;
  expected(*value, "1 or 0 (or yes, no, true, false)");
}

void EndpointArguments::refuse(std::string_view name, const std::string& problem) const {
  const Value* value = seen(name);
  throw EndpointSyntaxError(description_, value ? value->position : description_.size(),
                            std::string(name) + ": " + problem);
}

void EndpointArguments::finish() const {
  for (const Value& each : values_) {
    if (each.taken) continue;
    if (each.name.empty())
      throw EndpointSyntaxError(description_, each.position,
                                type_ + " takes no value without a name, and got " + quoted(each.value));
    throw EndpointSyntaxError(description_, each.namePosition != 0 ? each.namePosition : each.position,
                              type_ + " takes no " + quoted(each.name) + "; " +
                                  (asked_.empty() ? std::string("it takes no values") : "it takes " + listed(asked_)));
  }
}

}  // namespace bight
