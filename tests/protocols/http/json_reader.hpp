// A reader for the case files: JSON whose strings hold one byte per character (\u0000 to \u00ff).
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bight::testcases {

struct Json {
  enum class Kind { null, boolean, number, string, array, object };

  Kind kind = Kind::null;
  double number = 0;
  std::string string;
  std::vector<Json> array;
  std::map<std::string, Json> object;

  const Json& operator[](const std::string& name) const { return object.at(name); }
  bool isNull() const { return kind == Kind::null; }

  static Json parse(std::string_view text) {
    Reader reader{text};
    Json value = reader.value();
    reader.space();
    if (!reader.rest.empty()) throw std::runtime_error("case file: text after the value");
    return value;
  }

 private:
  struct Reader {
    std::string_view rest;

    void space() {
      while (!rest.empty() && std::string_view(" \t\r\n").find(rest.front()) != std::string_view::npos)
        rest.remove_prefix(1);
    }
    bool take(std::string_view word) {
      space();
      if (!rest.starts_with(word)) return false;
      rest.remove_prefix(word.size());
      return true;
    }
    void need(std::string_view word) {
      if (!take(word)) throw std::runtime_error("case file: expected " + std::string(word));
    }
    unsigned hex4() {
      const unsigned code = static_cast<unsigned>(std::stoul(std::string(rest.substr(0, 4)), nullptr, 16));
      rest.remove_prefix(4);
      return code;
    }
    std::string text() {
      need("\"");
      std::string out;
      for (;;) {
        const char c = rest.at(0);
        rest.remove_prefix(1);
        if (c == '"') return out;
        if (c != '\\') {
          unsigned code = static_cast<unsigned char>(c);
          if (code >= 0xc2 && code <= 0xc3) {  // two bytes of UTF-8 for U+0080 to U+00FF
            code = (code & 3) << 6 | (static_cast<unsigned char>(rest.at(0)) & 0x3f);
            rest.remove_prefix(1);
          } else if (code >= 0x80) {
            throw std::runtime_error("case file: a character that is no byte");
          }
          out += static_cast<char>(code);
          continue;
        }
        const char escape = rest.at(0);
        rest.remove_prefix(1);
        constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
        if (escape == 'u') {
          const unsigned code = hex4();
          if (code > 255) throw std::runtime_error("case file: a character that is no byte");
          out += static_cast<char>(code);
        } else {
          out += values.at(names.find(escape));
        }
      }
    }
    Json value() {
      Json json;
      space();
      if (take("null")) return json;
      const bool yes = take("true");
      if (yes || take("false")) {
        json.number = yes;
        json.kind = Kind::boolean;
      } else if (take("[")) {
        json.kind = Kind::array;
        for (bool more = !take("]"); more; more = !take("]")) {
          if (!json.array.empty()) need(",");
          json.array.push_back(value());
        }
      } else if (take("{")) {
        json.kind = Kind::object;
        for (bool more = !take("}"); more; more = !take("}")) {
          if (!json.object.empty()) need(",");
          std::string name = (space(), text());
          need(":");
          json.object.emplace(std::move(name), value());
        }
      } else if (rest.starts_with("\"")) {
        json.kind = Kind::string;
        json.string = text();
      } else {
        json.kind = Kind::number;
        std::size_t used = 0;
        json.number = std::stod(std::string(rest.substr(0, 32)), &used);
        rest.remove_prefix(used);
      }
      return json;
    }
  };
};

}  // namespace bight::testcases
