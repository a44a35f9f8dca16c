// What the response parser makes of some bytes, as a value: so that different cuts of the same bytes can be compared.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/http/response_parser.hpp>

namespace bight::http::testcases {

struct ReadResponse {
  int status = 0, minorVersion = 0;
  std::string reason;
  bool keepAlive = false, upgrade = false, complete = false;
  std::vector<std::pair<std::string, std::string>> fields, trailers;
  std::string body;

  bool operator==(const ReadResponse&) const = default;
};

struct ResponseTranscript {
  std::vector<ReadResponse> messages;
  bool refused = false, closed = false, idle = false, unfinished = false;
  std::string sentence;

  bool operator==(const ResponseTranscript&) const = default;

  friend std::ostream& operator<<(std::ostream& out, const ResponseTranscript& t) {
    out << "{refused " << t.refused << " \"" << t.sentence << "\" closed " << t.closed << " unfinished "
        << t.unfinished;
    for (const ReadResponse& m : t.messages) {
      out << "\n  HTTP/1." << m.minorVersion << ' ' << m.status << ' ' << m.reason << " keepAlive " << m.keepAlive
          << " complete " << m.complete << " body \"" << m.body << '"';
      for (const auto& [name, value] : m.fields) out << "\n    " << name << ": " << value;
      for (const auto& [name, value] : m.trailers) out << "\n    trailer " << name << ": " << value;
    }
    return out << "}";
  }
};

// Feeds `bytes`, cut at the (ascending) offsets of `cuts`, each piece a copy of its own.
inline ResponseTranscript readResponses(std::string_view bytes, const std::vector<std::size_t>& cuts,
                                        ResponseParser::Request request = ResponseParser::Request::other,
                                        const Limits& limits = ResponseParser::defaultLimits()) {
  using Event = ResponseParser::Event;
  ResponseParser parser(limits);
  parser.expect(request);
  ResponseTranscript out;
  bool stopped = false;
  for (std::size_t i = 0, from = 0; i <= cuts.size() && !stopped; ++i) {
    const std::size_t to = i < cuts.size() ? cuts[i] : bytes.size();
    const std::string piece(bytes.substr(from, to - from));
    from = to;
    std::string_view input = piece;
    for (bool more = true; more;) {
      switch (parser.next(input)) {
        case Event::head: {
          const ReceivedHead& head = parser.head();
          ReadResponse m;
          m.status = head.status;
          m.reason = head.reason;
          m.minorVersion = head.minorVersion;
          m.keepAlive = head.keepAlive;
          m.upgrade = head.upgrade;
          m.complete = head.status < 200 && !head.upgrade;
          for (const Field& f : head.fields) m.fields.emplace_back(f.name, f.value);
          out.messages.push_back(std::move(m));
          break;
        }
        case Event::body:
          out.messages.back().body += parser.body();
          break;
        case Event::end:
          out.messages.back().complete = true;
          for (const Field& f : parser.trailers()) out.messages.back().trailers.emplace_back(f.name, f.value);
          break;
        case Event::refused:
          out.refused = stopped = true;
          out.sentence = parser.refusal().sentence;
          more = false;
          break;
        case Event::needMore:
        case Event::closed:
          more = false;
          break;
      }
    }
  }
  std::string_view nothing;
  out.closed = !stopped && parser.next(nothing) == Event::closed;
  out.idle = parser.idle();
  out.unfinished = parser.finish().has_value();
  return out;
}

template <class Report>
ResponseTranscript readResponsesInAllCuts(std::string_view bytes, Report differs,
                                          ResponseParser::Request request = ResponseParser::Request::other,
                                          const Limits& limits = ResponseParser::defaultLimits()) {
  ResponseTranscript whole = readResponses(bytes, {}, request, limits);
  std::vector<std::size_t> every;
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    every.push_back(i);
    const ResponseTranscript split = readResponses(bytes, {i}, request, limits);
    if (!(split == whole)) differs(whole, split, "in two at " + std::to_string(i));
  }
  const ResponseTranscript bytewise = readResponses(bytes, every, request, limits);
  if (!(bytewise == whole)) differs(whole, bytewise, "byte by byte");
  return whole;
}

}  // namespace bight::http::testcases
