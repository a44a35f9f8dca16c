#include <bight/http/access_log.hpp>

#include <bight/http/json.hpp>
#include <bight/http/serializer.hpp>

namespace bight::http {

namespace {

void appendEscaped(std::string& out, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  if (text.empty()) out += '-';
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      ((out += "\\x") += digits[byte >> 4]) += digits[byte & 15];
    } else {
      out += c;
    }
  }
}

std::string secondsOf(std::chrono::system_clock::time_point time, std::int64_t& seconds) {
  seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  return formatDate(seconds);  // "Sun, 06 Nov 1994 08:49:37 GMT"
}

}  // namespace

std::string combinedLogLine(const AccessEntry& entry) {
  std::int64_t seconds = 0;
  const std::string date = secondsOf(entry.time, seconds);
  std::string line;
  appendEscaped(line, entry.client);
  line += " - ";
  if (entry.user.find(' ') == std::string_view::npos) {
    appendEscaped(line, entry.user);
  } else {
    (line += '"'), appendEscaped(line, entry.user), (line += '"');
  }
  line += " [" + date.substr(5, 2) + "/" + date.substr(8, 3) + "/" + date.substr(12, 4) + ":" + date.substr(17, 8) +
          " +0000] \"";
  appendEscaped(line, entry.method);
  if (!entry.method.empty()) {
    line += ' ';
    appendEscaped(line, entry.target);
    line += " HTTP/1." + std::to_string(entry.minorVersion);
  }
  line += "\" " + (entry.status ? std::to_string(entry.status) : std::string("-")) + " " + std::to_string(entry.bytes) +
          " \"";
  appendEscaped(line, entry.referer);
  line += "\" \"";
  appendEscaped(line, entry.userAgent);
  line += '"';
  return line;
}

std::string jsonLogLine(const AccessEntry& entry) {
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  std::int64_t seconds = 0;
  const std::string date = secondsOf(entry.time, seconds);
  const std::size_t month = months.find(date.substr(8, 3)) / 3 + 1;
  JsonObject object;
  object.add("time", date.substr(12, 4) + "-" + (month < 10 ? "0" : "") + std::to_string(month) + "-" +
                         date.substr(5, 2) + "T" + date.substr(17, 8) + "Z");
  const auto add = [&object](std::string_view name, std::string_view value) {
    if (!value.empty()) object.add(name, value);
  };
  add("client", entry.client);
  add("user", entry.user);
  add("method", entry.method);
  add("target", entry.target);
  if (!entry.method.empty()) object.add("version", "1." + std::to_string(entry.minorVersion));
  add("host", entry.host);
  if (entry.status) object.add("status", entry.status);
  object.add("bytes", entry.bytes);
  object.add("seconds", std::chrono::duration<double>(entry.took).count());
  add("referer", entry.referer);
  add("userAgent", entry.userAgent);
  return object.text();
}

}  // namespace bight::http
