// What a parser makes of some bytes, as a value: so that different cuts of the same bytes can be compared.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/http/parser.hpp>

namespace bight::http::testcases {

struct ReadMessage {
  std::string method, target, path, query, host, raw;
  int minorVersion = 0;
  bool keepAlive = false, expectContinue = false, upgrade = false, complete = false;
  std::vector<std::pair<std::string, std::string>> fields, trailers;
  std::string body;

  bool operator==(const ReadMessage&) const = default;
};

struct Transcript {
  std::vector<ReadMessage> messages;
  int status = 0;  // of the refusal; 0 if there was none
  std::string sentence;
  bool closed = false;      // the parser reads no more after "Connection: close"
  bool idle = false;        // it stands between two messages
  bool unfinished = false;  // an end of the stream here would cut a message off
  std::size_t used =
      0;  // bytes taken until the end, a refusal, or an upgrade (the exact place is compared for upgrades only)

  bool operator==(const Transcript&) const = default;

  friend std::ostream& operator<<(std::ostream& out, const Transcript& t) {
    out << "{status " << t.status << " \"" << t.sentence << "\" closed " << t.closed << " idle " << t.idle
        << " unfinished " << t.unfinished << " used " << t.used;
    for (const ReadMessage& m : t.messages) {
      out << "\n  " << m.method << ' ' << m.target << " HTTP/1." << m.minorVersion << " host " << m.host
          << " keepAlive " << m.keepAlive << " upgrade " << m.upgrade << " complete " << m.complete << " body \""
          << m.body << '"';
      for (const auto& [name, value] : m.fields) out << "\n    " << name << ": " << value;
      for (const auto& [name, value] : m.trailers) out << "\n    trailer " << name << ": " << value;
    }
    return out << "}";
  }
};

// Feeds `bytes`, cut at the (ascending) offsets of `cuts`. Each piece is a copy of its own, so that a view kept too
// long is a use after free.
inline Transcript read(std::string_view bytes, const std::vector<std::size_t>& cuts,
                       const RequestParser::Options& options) {
  RequestParser parser(options);
  Transcript out;
  bool stopped = false;
  for (std::size_t i = 0, from = 0; i <= cuts.size() && !stopped; ++i) {
    const std::size_t to = i < cuts.size() ? cuts[i] : bytes.size();
    const std::string piece(bytes.substr(from, to - from));
    from = to;
    std::string_view input = piece;
    for (bool more = true; more;) {
      switch (parser.next(input)) {
        case RequestParser::Event::head: {
          const RequestHead& head = parser.head();
          ReadMessage m;
          m.method = head.method;
          m.target = head.target;
          m.path = head.path;
          m.query = head.query;
          m.host = head.host;
          m.raw = head.raw;
          m.minorVersion = head.minorVersion;
          m.keepAlive = head.keepAlive;
          m.expectContinue = head.expectContinue;
          m.upgrade = head.upgrade;
          for (const Field& f : head.fields) m.fields.emplace_back(f.name, f.value);
          out.messages.push_back(std::move(m));
          break;
        }
        case RequestParser::Event::body:
          out.messages.back().body += parser.body();
          break;
        case RequestParser::Event::end:
          out.messages.back().complete = true;
          for (const Field& f : parser.trailers()) out.messages.back().trailers.emplace_back(f.name, f.value);
          if (out.messages.back().upgrade) {
            out.used = to - input.size();
            more = false;
            stopped = true;
          }
          break;
        case RequestParser::Event::needMore:
          more = false;
          break;
        case RequestParser::Event::closed:
          more = false;
          break;
        case RequestParser::Event::refused:
          more = false;
          out.status = parser.refusal().status;
          out.sentence = parser.refusal().sentence;
          stopped = true;
          break;
      }
    }
  }
  std::string_view nothing;
  out.closed = !stopped && parser.next(nothing) == RequestParser::Event::closed;
  out.idle = parser.idle();
  out.unfinished = parser.finish().has_value();
  return out;
}

// The transcript of the whole, after every other cut has been compared with it: byte by byte, and in two at every
// offset.
template <class Report>
Transcript readInAllCuts(std::string_view bytes, const RequestParser::Options& options, Report differs) {
  Transcript whole = read(bytes, {}, options);
  std::vector<std::size_t> every;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    every.push_back(i);
    const Transcript split = read(bytes, {i}, options);
    if (!(split == whole)) differs(whole, split, "in two at " + std::to_string(i));
  }
  const Transcript bytewise = read(bytes, every, options);
  if (!(bytewise == whole)) differs(whole, bytewise, "byte by byte");
  return whole;
}

}  // namespace bight::http::testcases
