#include "web.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <bight/deferred.hpp>
#include <bight/http/event_stream.hpp>
#include <bight/http/message.hpp>
#include <bight/http/router.hpp>

#include "page.hpp"
#include "run.hpp"

namespace lab {
namespace {

namespace http = bight::http;
using nlohmann::json;

// ---- What the page sends, and what it gets

/// Any page on the web can make a browser send something to us. The browser then says where that page came from.
void refuseOtherSites(const http::Request& request) {
  const auto origin = request.header("Origin");
  if (!origin) return;
  const std::size_t authority = origin->find("://");
  if (authority == std::string_view::npos || origin->substr(authority + 3) != request.host())
    throw http::StatusError(403, "The lab takes chains from its own page only.");
}

std::string_view planIn(const http::Request& request) {
  refuseOtherSites(request);
  if (!request.contentTypeIs("application/json")) throw http::StatusError(415, "A chain is sent as application/json.");
  return request.body();
}

json position(std::size_t number) {
  return number == bight::Recording::none ? json() : json(number);
}

std::string toJson(const Frame& frame) {
  return json{{"words", frame.words},
              {"failed", frame.failed},
              {"line", frame.line},
              {"chain", position(frame.chain)},
              {"stage", position(frame.stage)},
              {"depth", frame.depth},
              {"ms", frame.milliseconds},
              {"svg", frame.svg},
              {"printed", frame.printed},
              {"traceback", frame.traceback}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

json toJson(const Program& program) {
  json lines = json::array();
  for (const Program::StageLines& stage : program.stages) lines.push_back(stage.added);
  return {{"code", program.text}, {"lines", std::move(lines)}};
}

http::Response refusal(const std::string& sentence, int status, int stage) {
  return http::Response::json(
      json{{"error", sentence}, {"stage", stage}}.dump(-1, ' ', false, json::error_handler_t::replace), status);
}

/// Renders as `render` does; what that refuses is told as JSON.
template <class Render>
auto plainly(Render render) {
  return [render = std::move(render)](http::Request& request) mutable -> http::Answer {
    try {
      return render(request);
    } catch (const Mistake& mistake) {
      return refusal(mistake.what(), mistake.status(), mistake.stage());
    } catch (const http::StatusError& refused) {
      return refusal(refused.what(), refused.status(), -1);
    }
  };
}

// ---- Runs

// region: runs
class Runs {
 public:
  explicit Runs(bight::ReactorTime& clock) : clock_(clock) {}

  http::Answer begin(http::Request& request) {
    Plan plan = parsePlan(planIn(request));
    if (runs_.size() >= mostRuns) throw http::StatusError(503, "Too many chains are running: try again in a moment.");
    const Program program = writeProgram(plan);
    const std::string id = std::to_string(++last_);
    http::EventStream events(clock_, request);
    json begin = toJson(program);
    begin["id"] = id;
    events.send({.data = begin.dump(-1, ' ', false, json::error_handler_t::replace), .event = "begin"});
    // It ends with the run, or with the connection: whichever is first.
    const auto run = std::make_shared<Run>(
        clock_, std::move(plan),
        [events](const Frame& frame) mutable { events.send({.data = toJson(frame), .event = "frame"}); },
        [this, events, id]() mutable {
          const std::string story =
              json{{"story", runs_.at(id)->story()}}.dump(-1, ' ', false, json::error_handler_t::replace);
          events.send({.data = story, .event = "over"});
          events.finish();
        });
    runs_.emplace(id, run);
    events.ended().addBoth([this, id] {
      if (const auto ended = runs_.extract(id)) ended.mapped()->leave();
    });
    http::ResponseStream stream = events.stream();
    run->start();
    return stream;
  }

  std::shared_ptr<Run> find(const http::Request& request) const {
    refuseOtherSites(request);
    const auto found = runs_.find(std::string(request.parameter("id")));
    if (found == runs_.end()) throw http::StatusError(404, "That chain does not run any more.");
    return found->second;
  }

 private:
  bight::ReactorTime& clock_;
  std::map<std::string, std::shared_ptr<Run>> runs_;
  UnhandledInRuns unhandled_;
  unsigned last_ = 0;
};
// endregion: runs

http::Response fire(const Runs& runs, const http::Request& request) {
  const auto run = runs.find(request);
  const json how = json::parse(request.body(), nullptr, /*allow_exceptions=*/false);
  const std::string with =
      how.is_object() && how.contains("with") && how["with"].is_string() ? how["with"].get<std::string>() : "";
  if (with != "value" && with != "failure")
    throw http::StatusError(400, R"(The content is to be {"with":"value"} or {"with":"failure"}.)");
  run->fire(with == "failure");
  return http::Response::empty();
}

// ---- The page

std::string_view typeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".json")) return "application/json";
  return "image/svg+xml";
}

/// Whatever a link brings into the page: the browser runs nothing that did not come from this program.
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

std::shared_ptr<http::Resource> makeWeb(bight::ReactorTime& clock) {
  const auto router = std::make_shared<http::Router>();
  for (const PageFile& file : pageFiles()) {
    const std::string path = "/" + std::string(file.name == "index.html" ? "" : file.name);
    router->on("GET", path, [&file](http::Request&) { return pageFile(file); });
  }
  const auto runs = std::make_shared<Runs>(clock);
  router->on("POST", "/code", plainly([](http::Request& request) -> http::Answer {
               return http::Response::json(toJson(writeProgram(parsePlan(planIn(request)))).dump());
             }));
  router->on("POST", "/run", plainly([runs](http::Request& request) { return runs->begin(request); }));
  router->on("POST", "/runs/{id}/fire",
             plainly([runs](http::Request& request) -> http::Answer { return fire(*runs, request); }));
  router->on("POST", "/runs/{id}/cancel", plainly([runs](http::Request& request) -> http::Answer {
               runs->find(request)->cancel();
               return http::Response::empty();
             }));
  return router;
}

}  // namespace lab
