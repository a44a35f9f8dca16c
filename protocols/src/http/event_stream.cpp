#include <bight/http/event_stream.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace bight::http {

namespace {

void refuseLineEnds(std::string_view text, const char* what) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    throw std::invalid_argument(std::string("bight::http::Event: the ") + what +
                                " of an event is one line without NUL");
}

Response headOf(const EventStreamOptions& options) {
  Response head{200, "text/event-stream", options.headers};
  if (!head.headers.contains("Cache-Control")) head.headers.add("Cache-Control", "no-store");
  head.headers.add("X-Accel-Buffering", "no");  // nginx in front of us
  if (options.retry) head.body = "retry: " + std::to_string(options.retry->count()) + "\n\n";
  return head;
}

}  // namespace

void appendEvent(std::string& out, const Event& event) {
  refuseLineEnds(event.event, "kind");
  refuseLineEnds(event.id, "id");
  if (!event.id.empty()) out.append("id: ").append(event.id).append("\n");
  if (!event.event.empty()) out.append("event: ").append(event.event).append("\n");
  std::string_view rest = event.data;
  for (bool more = true; more;) {
    const std::size_t end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, end)).append("\n");
    more = end != std::string_view::npos;
    if (more) rest.remove_prefix(end + (rest.substr(end, 2) == "\r\n" ? 2 : 1));
  }
  out += '\n';
}

std::string lastEventId(const Request& request) {
  if (const auto field = request.header("Last-Event-ID")) return std::string(*field);
  return request.queryValue("lastEventId").value_or("");
}

// The timer holds it weakly; it ends with the last handle, or with the stream.
struct EventStream::State : std::enable_shared_from_this<State> {
  State(ReactorTime& c, Request& request, const EventStreamOptions& options)
      : clock(c), stream(request, headOf(options)), heartbeat(options.heartbeat) {}
  ~State() { rest(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void rest() {
    if (timer.active()) timer.cancel();
  }
  void beat() {
    if (heartbeat <= Duration(0) || !stream.open()) return;
    timer = clock.callLater(heartbeat, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && self->stream.write(":\n\n")) self->beat();
    });
  }
  bool wrote(bool took) {
    if (!took) {
      rest();
    } else if (timer.active()) {
      timer.reset(heartbeat);
    }
    return took;
  }

  ReactorTime& clock;
  ResponseStream stream;
  Duration heartbeat;
  DelayedCall timer;
};

EventStream::EventStream(ReactorTime& clock, Request& request, const EventStreamOptions& options)
    : state_(std::make_shared<State>(clock, request, options)) {
  state_->beat();
  state_->stream.ended().addCallback([weak = std::weak_ptr<State>(state_)](bool) {
    if (const auto state = weak.lock()) state->rest();
  });
}

bool EventStream::send(const Event& event) {
  std::string text;
  appendEvent(text, event);
  return sendEncoded(text);
}

bool EventStream::sendEncoded(std::string_view event) {
  return state_->wrote(state_->stream.write(event));
}

bool EventStream::comment(std::string_view text) {
  std::string line = ": ";
  line += text;
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return sendEncoded(line + "\n\n");
}

Deferred<void> EventStream::drained() {
  return state_->stream.drained();
}

std::size_t EventStream::buffered() const noexcept {
  return state_->stream.buffered();
}

bool EventStream::open() const noexcept {
  return state_->stream.open();
}

void EventStream::finish() {
  state_->stream.finish();
}

Deferred<bool> EventStream::ended() {
  return state_->stream.ended();
}

const ResponseStream& EventStream::stream() const noexcept {
  return state_->stream;
}

}  // namespace bight::http
