#include "web.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/http/form.hpp>
#include <bight/http/message.hpp>
#include <bight/http/response_stream.hpp>

#include "json.hpp"
#include "page.hpp"
#include "socket.hpp"

namespace chat {
namespace {

namespace http = bight::http;
using bight::Deferred;

// ---- What the queries say

template <class Number>
Number numberIn(std::string_view text, const char* complaint) {
  Number number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) throw http::StatusError(400, complaint);
  return number;
}

bight::Duration patienceIn(const http::Form& query) {
  const auto text = query.get("timeout");
  if (!text) return longestWait;
  const auto seconds = numberIn<std::uint32_t>(*text, "\"timeout\" is to be a number of whole seconds, 0 or more.");
  return std::min<bight::Duration>(std::chrono::seconds(seconds), longestWait);
}

}  // namespace

Cursor cursorIn(const http::Form& query) {
  Cursor cursor = Cursor::parse(query.get("since").value_or("0"));
  if (const auto version = query.get("who")) {
    cursor.people = numberIn<std::uint64_t>(*version, "\"who\" is to be the version of a list of people, such as 3.");
  }
  return cursor;
}

std::string userIn(const http::Form& query) {
  const auto user = query.get("user");
  return user ? checkedName(*user) : std::string();
}

namespace {

// ---- POST /put

/// Any page on the web can make a browser send a form to us. The browser then says where that page came from.
void refuseOtherSites(const http::Request& request) {
  const auto origin = request.header("Origin");
  if (!origin) return;
  const std::size_t authority = origin->find("://");
  if (authority == std::string_view::npos || origin->substr(authority + 3) != request.host()) {
    throw http::StatusError(403, "This chat takes messages from its own page only.");
  }
}

Words wordsIn(const http::Request& request) {
  if (request.contentTypeIs("application/json")) return wordsFromJson(request.body());
  const http::Form form = request.form();
  const auto field = [&](std::string_view name) { return std::string(form.get(name).value_or("")); };
  return {field("user"), field("text"), field("key")};
}

// region: put
http::Response put(Room& room, const http::Request& request) {
  refuseOtherSites(request);
  const auto message = room.say(wordsIn(request));
  return http::Response::json(R"({"id":)" + std::to_string(message->id) + R"(,"room":")" + room.name() + R"("})");
}
// endregion: put

// ---- GET /wait: the long poll

// region: wait
Deferred<http::Response> wait(Room& room, NewsWriter& writer, http::Request& request) {
  const http::Form query = request.queryForm();
  request.forget();  // whoever waits for long is to cost little
  return room.wait(cursorIn(query), patienceIn(query), userIn(query))
      .addCallback([&room, &writer](const NewsPtr& news) {
        http::Response response = http::Response::json(writer.write(news));
        response.headers.add("Cache-Control", "no-store");
        if (room.closed()) response.headers.add("Connection", "close");
        return response;
      });
}
// endregion: wait

// ---- GET /events: the same as a stream of server-sent events

std::string asEvent(const News& news, const Message& message) {
  return "id: " + news.room + '-' + std::to_string(message.id) + "\ndata: " + toJson(message) + "\n\n";
}

std::string asEvent(const News& news) {
  return "id: " + news.room + '-' + std::to_string(news.last) + "\ndata: " + toJson(news) + "\n\n";
}

/// What there is to tell besides the messages; or that there is nothing.
std::string otherEvents(const News& news, const Cursor& seen) {
  std::string events;
  if (news.missed) events += "event: missed\ndata: {}\n\n";
  if (seen.people != news.people->version) events += "event: who\ndata: " + toJson(*news.people) + "\n\n";
  return events.empty() && news.messages.empty() ? ": still here\n\n" : events;
}

Cursor cursorOf(const http::Request& request, const http::Form& query) {
  const auto lastEvent = request.header("Last-Event-ID");
  Cursor cursor = lastEvent ? Cursor::parse(*lastEvent) : cursorIn(query);
  if (!cursor.people) cursor.people = 0;  // an empty list: whoever is here already is news
  return cursor;
}

// region: events
/// One reader, from its coming to its going: wait for news, write them, wait until they are on their way, and again. A
/// reader that does not keep up therefore costs us what it has not read of one answer; what it misses meanwhile is in
/// the history. When it goes away, this Deferred is cancelled: the `co_await` that it stands at throws, and nothing is
/// left behind.
Deferred<http::Response> events(Room& room, http::Request& request) {
  const http::Form query = request.queryForm();
  const std::string user = userIn(query);
  const bool whole = query.get("whole") == "1";
  Cursor cursor = cursorOf(request, query);
  http::ResponseStream stream(request, {200, "text/event-stream", {{"Cache-Control", "no-store"}}, "retry: 1000\n\n"});
  request.forget();
  bight::Duration patience =
      whole ? bight::Duration(0) : longestWait;  // a page wants to know at once that it is connected
  while (stream.open() && !room.closed()) {
    const NewsPtr news = co_await room.wait(cursor, patience, user);
    patience = longestWait;
    if (whole) {
      stream.write(asEvent(*news));
    } else {
      stream.write(otherEvents(*news, cursor));
      for (const auto& message : news->messages) {
        stream.write(asEvent(*news, *message));
        if (stream.buffered() > 64 * 1024) co_await stream.drained();
      }
    }
    cursor = {.room = news->room, .id = news->last, .people = news->people->version};
    co_await stream.drained();
  }
  stream.finish();
  co_return http::Response{};
}
// endregion: events

// ---- What all of these have in common

// region: plainly
/// Renders as `render` does, whether that returns a Response or a Deferred of one; but what it refuses is told in one plain
/// line, for the page to show, and for whoever uses curl.
template <class Render>
auto plainly(Render render) {
  return [render = std::move(render)](http::Request& request) mutable {
    return bight::maybeDeferred(render, request).addErrback([](const bight::Failure& failure) {
      failure.trap<http::StatusError>();  // anything else is not for the eyes of the client
      const auto* refused = failure.get<http::StatusError>();
      return http::Response::text(std::string(refused->what()) + '\n', refused->status());
    });
  };
}
// endregion: plainly

// ---- GET / and what belongs to it

std::string_view typeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "image/svg+xml";
}

/// Whatever anybody manages to write into the page: the browser runs nothing that did not come from this program.
constexpr std::string_view contentPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

http::Response pageFile(const PageFile& file) {
  http::Response response;
  response.body = file.content;
  response.headers.add("Content-Type", typeOf(file.name))
      .add("Content-Security-Policy", contentPolicy)
      .add("X-Content-Type-Options", "nosniff")
      .add("Referrer-Policy", "no-referrer")
      .add("Cache-Control", "no-cache");
  return response;
}

}  // namespace

// region: root
std::shared_ptr<http::Resource> makeWeb(Room& room) {
  const auto root = std::make_shared<http::Directory>();
  for (const PageFile& file : pageFiles()) {
    const auto resource = http::on("GET", [&file](http::Request&) { return pageFile(file); });
    root->putChild(std::string(file.name == "index.html" ? "" : file.name), resource);
  }
  const auto answer = [&root](const std::string& name, const std::string& method, auto render) {
    root->putChild(name, http::on(method, plainly(std::move(render))));
  };
  answer("put", "POST", [&room](http::Request& request) { return put(room, request); });
  answer("wait", "GET",
         [&room, writer = NewsWriter()](http::Request& request) mutable { return wait(room, writer, request); });
  answer("events", "GET", [&room](http::Request& request) { return events(room, request); });
  root->putChild("socket", makeSocket(room));
  answer("who", "GET", [&room](http::Request&) { return http::Response::json(toJson(room.people())); });
  return root;
}
// endregion: root

}  // namespace chat
