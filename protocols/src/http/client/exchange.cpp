#include "exchange.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/http/client_response.hpp>
#include <bight/http/syntax.hpp>

#include "client_connection.hpp"
#include "pool.hpp"
#include "response_state.hpp"

namespace bight::http::detail {

namespace {

constexpr std::uint64_t freeExpansion = std::uint64_t{1} << 20;  // a small content may expand as it likes

}  // namespace

std::string secondsText(Duration duration) {
  char text[40];
  std::snprintf(text, sizeof text, "%.3f", std::chrono::duration<double>(duration).count());
  std::string seconds(text);
  while (seconds.back() == '0') seconds.pop_back();
  if (seconds.back() == '.') seconds.pop_back();
  return seconds + " s";
}

Exchange::Exchange(const std::shared_ptr<Pool>& pool, OutgoingRequest&& request)
    : pool_(pool), request_(std::move(request)) {}

Exchange::~Exchange() {
  if (timer_.active()) timer_.cancel();
  if (continueTimer_.active()) continueTimer_.cancel();
}

Duration Exchange::now() const {
  return pool_->clock().seconds();
}

Deferred<ClientResponse> Exchange::begin() {
  begun_ = progressAt_ = now();
  Deferred<ClientResponse> answer([self = Ref<Exchange>(this)](const Promise<ClientResponse>&) { self->cancel(); });
  promise_ = answer.promise();
  return answer;
}

void Exchange::trace(TraceEvent::What what, std::uint64_t bytes) {
  auto& hook = pool_->mutableOptions().trace;
  if (hook) hook(TraceEvent{what, request_.method, request_.url, now() - begun_, status_, bytes});
}

bool Exchange::mayBeRepeated() const noexcept {
  const std::string& method = request_.method;
  return !resent && !request_.body.streamed() &&
         (method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS" ||
          method == "TRACE");
}

std::string Exchange::name() const {
  return request_.method + " " + request_.url.withoutUserinfo().withoutFragment().str();
}

std::string Exchange::where() const {
  if (connection_) return connection_->transport().getPeer().toString();
  if (peer_) return peer_->toString();
  return std::string(request_.url.authority()) +
         (request_.url.authority().ends_with(':' + std::to_string(request_.url.port()))
              ? std::string()
              : ':' + std::to_string(request_.url.port()));
}

std::string Exchange::when() const {
  if (connectedAt_ < Duration::zero()) return " (after " + secondsText(now() - begun_) + ")";
  return " (connected after " + secondsText(connectedAt_ - begun_) + ")";
}

void Exchange::queued() {
  stage_ = Stage::queued;
  waited_ = true;
  progressAt_ = now();
  trace(TraceEvent::What::queued);
  arm();
}

void Exchange::dialing() {
  stage_ = Stage::connecting;
  waited_ = true;
  progressAt_ = now();
  connectedAt_ = Duration(-1);
  if (pool_->options().trace) trace(TraceEvent::What::connecting);
  arm();
}

// What is there to be cancelled; unless it is over already.
void Exchange::connecting(Deferred<void> dial) {
  if (!over_ && stage_ == Stage::connecting && !dial.called()) dial_.emplace(std::move(dial));
}

void Exchange::attach(ClientConnection& connection, bool reused) {
  connection_ = &connection;
  stage_ = Stage::sending;
  connectedAt_ = progressAt_ = std::exchange(waited_, true) ? now() : begun_;
  if (pool_->options().trace) trace(reused ? TraceEvent::What::reused : TraceEvent::What::connected);
  arm();
}

void Exchange::progress() {
  progressAt_ = now();
  answered_ = true;
}

void Exchange::sent() {
  if (stage_ == Stage::sending) {
    stage_ = Stage::waiting;
    arm();
  }
  if (pool_->options().trace) trace(TraceEvent::What::sent);
}

void Exchange::continued() {
  if (const auto promise = std::exchange(continue_, std::nullopt)) promise->callback();
}

// ---- limits of time ----

Duration Exchange::stageLimit() const noexcept {
  switch (stage_) {
    case Stage::queued:
      return pool_->options().queueTimeout;
    case Stage::connecting:
      return request_.timeouts.connect;
    case Stage::sending:
      return request_.timeouts.write;
    default:
      return request_.timeouts.read;
  }
}

// Sees to it that the timer goes off no later than the first limit. When it goes off too early, it is set anew: so what
// happens often (bytes arrive) costs no timer.
void Exchange::arm() {
  Duration due = Duration::max();
  if (request_.timeouts.total > Duration::zero()) due = begun_ + request_.timeouts.total;
  if (const Duration limit = stageLimit(); limit > Duration::zero() && !paused_)
    due = std::min(due, progressAt_ + limit);
  if (due == Duration::max()) return;
  if (timer_.active()) {
    if (due >= armedFor_) return;
    timer_.reset(std::max(due - now(), Duration::zero()));
  } else {
    timer_ = pool_->clock().callLater(std::max(due - now(), Duration::zero()), [this] { timeUp(); });
  }
  armedFor_ = due;
}

void Exchange::timeUp() {
  if (over_) return;
  const Ref<Exchange> self(this);
  const Duration at = now();
  const Duration total = request_.timeouts.total;
  const Duration limit = stageLimit();
  const bool totalIsOver = total > Duration::zero() && at >= begun_ + total;
  const bool stageIsOver = limit > Duration::zero() && !paused_ && at >= progressAt_ + limit;
  if (!totalIsOver && !stageIsOver) return arm();

  const std::string within = secondsText(totalIsOver && !stageIsOver ? total : limit);
  std::string what = name() + ": ";
  switch (stage_) {
    case Stage::queued:
      what += "no connection to " + where() + " became free within " + within + " (" +
              std::to_string(host ? host->open : 0) + " are busy, " + std::to_string(host ? host->queue.size() : 0) +
              " requests wait)";
      break;
    case Stage::connecting:
      what += "no connection to " + where() + " within " + within;
      break;
    case Stage::sending:
      what += where() + " did not take the request within " + within + when();
      break;
    case Stage::waiting:
      what += "no answer from " + where() + " within " + within + when();
      break;
    case Stage::receiving:
      what +=
          stageIsOver ? where() + " sent nothing more for " + within : "not all of the answer came within " + within;
      what += " (" + std::to_string(pipe_ ? pipe_->received() : 0) +
              (pipe_ && pipe_->length() ? " of " + std::to_string(*pipe_->length()) : std::string()) +
              " bytes of the content were received)";
      break;
  }
  fail(Failure(RequestTimeout(stage_, what + ".")));
}

// ---- the end ----

// Nothing happens to it any more; whoever has it lets it go.
void Exchange::finish() {
  over_ = true;
  if (timer_.active()) timer_.cancel();
  if (continueTimer_.active()) continueTimer_.cancel();
  auto dial = std::exchange(dial_, std::nullopt);
  auto sending = std::exchange(sending_, std::nullopt);
  continue_.reset();
  ClientConnection* connection = std::exchange(connection_, nullptr);
  kept_.reset();
  if (stage_ == Stage::queued && host) pool_->leave(*this);
  if (dial) dial->cancel();
  if (sending) sending->cancel();
  if (connection) connection->abandon();
}

void Exchange::cancel() {
  if (over_) return;
  const Ref<Exchange> self(this);
  finish();
  trace(TraceEvent::What::failed);
  promise_.errback(CancelledError(name() + ": the request was cancelled" + when() + "."));
}

void Exchange::fail(Failure failure) {
  if (over_) return;
  const Ref<Exchange> self(this);
  const bool headSeen = stage_ == Stage::receiving;
  finish();
  trace(TraceEvent::What::failed);
  if (!headSeen) {
    promise_.errback(std::move(failure));
  } else if (pipe_) {
    pipe_->fail(std::move(failure));
  }
}

bool Exchange::lost(const Failure& reason) {
  if (connection_) peer_ = connection_->transport().getPeer();
  connection_ = nullptr;
  if (over_) return true;
  const Ref<Exchange> self(this);
  if (stage_ == Stage::receiving) {
    if (!pipe_) return true;
    const std::string why = reason.check<ConnectionDone>()
                                ? where() + " closed the connection"
                                : "the connection to " + where() + " was lost (" + reason.getErrorMessage() + ")";
    fail(Failure(IncompleteBody(pipe_->received(), pipe_->length(), name() + ": " + why)));
    return true;
  }
  if (!answered_ && mayBeRepeated()) {
    if (auto sending = std::exchange(sending_, std::nullopt)) sending->cancel();
    return false;
  }
  const std::string how = reason.check<ConnectionDone>() ? " closed the connection" : ": the connection was lost";
  std::string what = name() + ": " + where() + how + (answered_ ? " in the middle of" : " before") +
                     " the head of its answer" + when();
  if (!reason.check<ConnectionDone>()) what += ": " + reason.getErrorMessage();
  fail(Failure(ResponseNeverReceived(stage_, what + (what.ends_with('.') ? "" : "."), reason)));
  return true;
}

void Exchange::malformed(const char* sentence) {
  fail(Failure(MalformedResponse(stage_, name() + ": " + where() + " sent what is not HTTP: " + sentence)));
}

// ---- the answer ----

void Exchange::head(const ReceivedHead& head) {
  const Ref<Exchange> self(this);
  status_ = head.status;
  const bight::detail::BlockAllocator<ResponseState> blocks;
  auto state = std::allocate_shared<ResponseState>(blocks, request_.url);
  state->keepHead(head);
  state->method = request_.method;
  state->endsWithConnection = head.untilEnd;
  const bool contentless = request_.method == "HEAD" || head.status == 204 || head.status == 304;
  std::optional<std::uint64_t> length = contentless ? 0 : head.chunked ? std::nullopt : head.contentLength;
  if (request_.decode && !contentless) {
    if (const auto coding = head.fields.get("Content-Encoding");
        coding && ContentDecoder::knows(*coding) && head.fields.getAll("Content-Encoding").size() == 1) {
      decoder_ = std::make_unique<ContentDecoder>(*coding);
      length.reset();
    }
  }
  if (length != std::uint64_t{0}) {
    pipe_ = makeRef<BodyPipe>(this, length);
    state->body = BodyReader(pipe_);
  }
  stage_ = Stage::receiving;
  if (pool_->options().trace) trace(TraceEvent::What::answered);
  answer_ = std::move(state);
}

void Exchange::announce() {
  if (!answer_) return;
  const Ref<Exchange> self(this);
  const Promise<ClientResponse> promise = std::exchange(promise_, {});
  promise.callback(ClientResponse(std::move(answer_)));
}

void Exchange::piece(std::string_view bytes) {
  if (over_ || !pipe_) return;
  const Ref<Exchange> self(this);
  if (!decoder_) {
    pipe_->push(bytes);
  } else {
    undecoded_.append(bytes);
    decodeMore();
  }
}

// Decodes as long as somebody wants more: what a small piece expands to may be a thousand times larger.
void Exchange::decodeMore() {
  constexpr std::size_t room = 32 * 1024;
  const Ref<Exchange> self(this);
  try {
    std::string_view input = undecoded_;
    std::string out(room, '\0');
    for (bool full = false; !over_ && !paused_ && (full || !input.empty());) {
      const std::size_t made = decoder_->decode(input, out.data(), room);
      full = made == room;
      if (decoder_->bytesOut() > freeExpansion &&
          decoder_->bytesOut() / pool_->options().expansion > decoder_->bytesIn()) {
        throw DecodingError(name() + ": the content expands to more than " +
                            std::to_string(pool_->options().expansion) + " times its size; " +
                            std::to_string(decoder_->bytesIn()) + " bytes have become " +
                            std::to_string(decoder_->bytesOut()) + ".");
      }
      if (made == 0 && input.empty()) break;
      if (made) pipe_->push(std::string_view(out).substr(0, made));
    }
    if (over_) return;
    undecoded_.erase(0, undecoded_.size() - input.size());
    if (!allReceived_ || paused_) return;
    decoder_->finish();
  } catch (const std::exception&) {
    return fail(Failure());
  }
  finish();
  trace(TraceEvent::What::finished, pipe_->received());
  pipe_->end();
}

void Exchange::end() {
  connection_ = nullptr;
  if (over_) return;
  const Ref<Exchange> self(this);
  announce();
  if (over_) return;
  if (decoder_) {
    allReceived_ = true;
    kept_ = self;
    if (!paused_) decodeMore();
    return;
  }
  finish();
  trace(TraceEvent::What::finished, pipe_ ? pipe_->received() : 0);
  if (pipe_) pipe_->end();
}

void Exchange::pauseBody() {
  paused_ = true;
  if (connection_) connection_->transport().pauseProducing();
}

void Exchange::resumeBody() {
  const Ref<Exchange> self(this);
  paused_ = false;
  progressAt_ = now();
  arm();
  if (decoder_) decodeMore();
  if (!paused_ && !over_ && connection_) connection_->transport().resumeProducing();
}

void Exchange::bodyDropped() {
  if (over_) return;
  const Ref<Exchange> self(this);
  finish();
}

}  // namespace bight::http::detail
