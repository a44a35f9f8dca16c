#include "json.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include <bight/http/status.hpp>

namespace chat {
namespace {

using bight::http::StatusError;
using nlohmann::json;

/// RFC 3339, in UTC and with milliseconds: what `new Date(...)` reads, and people too.
std::string timeText(std::chrono::system_clock::time_point time) {
  const auto sinceEpoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(sinceEpoch);
  const auto milliseconds = static_cast<int>((sinceEpoch - seconds).count());
  const std::time_t whole = seconds.count();
  std::tm utc{};
  gmtime_r(&whole, &utc);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%FT%T", &utc);
  std::snprintf(text.data() + size, text.size() - size, ".%03dZ", milliseconds);
  return text.data();
}

json valueOf(const Message& message) {
  json value{{"id", message.id}, {"user", message.user}, {"text", message.text}, {"time", timeText(message.time)}};
  if (!message.key.empty()) value["key"] = message.key;
  return value;
}

json valueOf(const People& people) {
  return {{"version", people.version}, {"count", people.count}, {"names", people.names}};
}

std::string member(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string()) throw StatusError(400, "\"" + std::string(name) + "\" is to be a string.");
  return found->get<std::string>();
}

}  // namespace

std::string toJson(const Message& message) {
  return valueOf(message).dump();
}

std::string toJson(const People& people) {
  return valueOf(people).dump();
}

std::string toJson(const News& news) {
  json messages = json::array();
  for (const auto& message : news.messages) messages.push_back(valueOf(*message));
  return json{{"messages", std::move(messages)},
              {"last", news.last},
              {"missed", news.missed},
              {"room", news.room},
              {"who", valueOf(*news.people)}}
      .dump();
}

std::string refusalToJson(std::string_view sentence) {
  return json{{"refused", sentence}}.dump();
}

Words wordsFromJson(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object())
    throw StatusError(400, R"(The content is to be JSON such as {"user":"Ada","text":"Hello"}.)");
  return {member(object, "user"), member(object, "text"), member(object, "key")};
}

}  // namespace chat
