#include "body_pipe.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/errors.hpp>
#include <bight/http/body_reader.hpp>

namespace bight::http {

namespace detail {

// The pipe as the producer of a consumer.
class BodyPipe::Outlet final : public PushProducer {
 public:
  explicit Outlet(BodyPipe& pipe) : pipe_(&pipe) {}

  void pauseProducing() override {
    if (!pipe_ || paused_) return;
    paused_ = true;
    ++pipe_->holds_;
    pipe_->consumerPaused_ = true;
    pipe_->settle();  // at once: what comes now can only wait
  }
  void resumeProducing() override {
    if (!pipe_ || !std::exchange(paused_, false)) return;
    --pipe_->holds_;
    pipe_->consumerPaused_ = false;
    pipe_->giveEach();
  }
  void stopProducing() override {
    stopped_ = true;
    if (const Ref<BodyPipe> pipe = std::exchange(pipe_, nullptr)) {
      pipe->giveUp(Failure(ConnectionLost("The content's consumer is gone.")));
    }
  }

  bool stopped() const noexcept { return stopped_; }
  void detach() noexcept { pipe_.reset(); }

 private:
  Ref<BodyPipe> pipe_;
  bool paused_ = false;
  bool stopped_ = false;
};

BodyPipe::~BodyPipe() = default;

void BodyPipe::push(std::string_view piece) {
  if (piece.empty() || ended_ || failure_ || dropped_) return;
  received_ += piece.size();
  const Ref<BodyPipe> self(this);
  switch (mode_) {
    case Mode::one: {
      mode_ = Mode::idle;
      const Promise<std::string> promise = *std::exchange(promise_, std::nullopt);
      promise.callback(std::string(piece));
      settle();
      return;
    }
    case Mode::all:
      if (piece.size() > limit_ - unread_.size()) {
        tooLong();
      } else {
        unread_.append(piece);
      }
      return;
    case Mode::each:
      if (!giving_ && holds_ == 0 && unread_.empty()) {
        giving_ = true;
        takePiece(piece);
        giving_ = false;
        giveEach();
        return;
      }
      break;
    case Mode::idle:
      break;
  }
  unread_.append(piece);
  settle();
}

void BodyPipe::end() {
  source_ = nullptr;
  if (ended_ || failure_ || dropped_) return;
  ended_ = true;
  const Ref<BodyPipe> self(this);
  if (mode_ == Mode::each) {
    giveEach();
  } else if (mode_ != Mode::idle) {
    mode_ = Mode::idle;
    const Promise<std::string> promise = *std::exchange(promise_, std::nullopt);
    promise.callback(std::exchange(unread_, {}));  // of one, there is nothing unread
  }
}

void BodyPipe::fail(Failure failure) {
  source_ = nullptr;
  if (ended_ || failure_ || dropped_) return;
  failure_ = std::move(failure);
  const Ref<BodyPipe> self(this);
  if (mode_ == Mode::each) {
    giveEach();
  } else if (mode_ != Mode::idle) {
    mode_ = Mode::idle;
    unread_ = {};
    const Promise<std::string> promise = *std::exchange(promise_, std::nullopt);
    promise.errback(*failure_);
  }
}

void BodyPipe::demandIdle() const {
  if (mode_ != Mode::idle) throw std::logic_error("bight::http::BodyReader: the content is being read already");
}

Deferred<std::string> BodyPipe::read() {
  demandIdle();
  if (!unread_.empty()) {
    Deferred<std::string> piece = succeed(std::exchange(unread_, {}));
    settle();
    return piece;
  }
  if (failure_) return bight::fail<std::string>(*failure_);
  if (ended_) return succeed(std::string());
  if (dropped_) return bight::fail<std::string>(IncompleteBody(received_, length_, "the rest was not wanted"));
  mode_ = Mode::one;
  Deferred<std::string> piece([self = Ref<BodyPipe>(this)](const Promise<std::string>& promise) {
    self->mode_ = Mode::idle;
    self->promise_.reset();
    promise.errback(CancelledError());
    self->settle();
  });
  promise_ = piece.promise();
  return piece;
}

Deferred<std::string> BodyPipe::readAll(std::size_t limit) {
  demandIdle();
  if (failure_) return bight::fail<std::string>(*failure_);
  if (dropped_) return bight::fail<std::string>(IncompleteBody(received_, length_, "the rest was not wanted"));
  const std::uint64_t handedOut = received_ - unread_.size();
  const std::uint64_t left = length_ ? *length_ - std::min(handedOut, *length_) : 0;
  if (unread_.size() > limit || left > limit) {
    dropRest();
    return bight::fail<std::string>(BodyTooLong(limit));
  }
  if (ended_) return succeed(std::exchange(unread_, {}));
  mode_ = Mode::all;
  limit_ = limit;
  unread_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(left, std::uint64_t{1} << 20)));
  Deferred<std::string> all([self = Ref<BodyPipe>(this)](const Promise<std::string>& promise) {
    self->mode_ = Mode::idle;
    self->promise_.reset();
    self->dropRest();
    promise.errback(CancelledError());
  });
  promise_ = all.promise();
  settle();
  return all;
}

void BodyPipe::tooLong() {
  mode_ = Mode::idle;
  const Promise<std::string> promise = *std::exchange(promise_, std::nullopt);
  dropRest();
  promise.errback(BodyTooLong(limit_));
}

Deferred<void> BodyPipe::each(Take take, bool keepPieces) {
  demandIdle();
  if (dropped_) return bight::fail<void>(IncompleteBody(received_, length_, "the rest was not wanted"));
  Deferred<void> done([self = Ref<BodyPipe>(this)](const Promise<void>&) { self->giveUp(Failure(CancelledError())); });
  mode_ = Mode::each;
  take_ = std::move(take);
  keepPieces_ = keepPieces;
  eachPromise_ = done.promise();
  giveEach();
  return done;
}

// Gives what waits, as long as nothing holds it; ends the operation when there is nothing more to come.
void BodyPipe::giveEach() {
  if (giving_) return;  // goes on in the loop below us
  const Ref<BodyPipe> self(this);
  giving_ = true;
  std::string piece;
  while (mode_ == Mode::each && holds_ == 0 && !unread_.empty()) {
    piece.swap(unread_);
    takePiece(piece);
    piece.clear();
  }
  giving_ = false;
  if (mode_ != Mode::each) {
    take_ = nullptr;
  } else if (holds_ == 0 && (ended_ || failure_)) {
    mode_ = Mode::idle;
    take_ = nullptr;
    waiting_.reset();
    const Promise<void> promise = *std::exchange(eachPromise_, std::nullopt);
    if (failure_) {
      promise.errback(*failure_);
    } else {
      promise.callback();
    }
  }
  settle();
}

void BodyPipe::takePiece(std::string_view piece) {
  if (keepPieces_) {
    piece_.assign(piece);
    piece = piece_;
  }
  try {
    std::optional<Deferred<void>> wait = take_(piece);
    if (!wait) return;
    ++holds_;
    auto waiting = std::move(*wait).addBoth([self = Ref<BodyPipe>(this)](const Result<void>& result) {
      if (self->mode_ != Mode::each) return;
      --self->holds_;
      if (result) {
        self->giveEach();
      } else {
        self->giveUp(result.failure());
      }
    });
    if (mode_ == Mode::each && holds_ > 0) waiting_.emplace(std::move(waiting));
  } catch (...) {
    giveUp(Failure());
  }
}

// Ends forEach before its end.
void BodyPipe::giveUp(Failure why) {
  if (mode_ != Mode::each) return;
  const Ref<BodyPipe> self(this);
  mode_ = Mode::idle;
  holds_ = 0;
  std::optional<Deferred<void>> waiting;
  waiting.swap(waiting_);
  const Promise<void> promise = *std::exchange(eachPromise_, std::nullopt);
  if (waiting) waiting->cancel();
  dropRest();
  if (!giving_) take_ = nullptr;
  promise.errback(std::move(why));
}

Deferred<void> BodyPipe::pipeTo(Consumer& consumer) {
  demandIdle();
  consumerPaused_ = false;
  auto outlet = std::make_shared<Outlet>(*this);
  consumer.registerProducer(std::shared_ptr<PushProducer>(outlet));
  if (outlet->stopped()) return bight::fail<void>(ConnectionLost("The content's consumer is gone."));
  return each(
             [&consumer](std::string_view piece) -> std::optional<Deferred<void>> {
               consumer.write(piece);
               return std::nullopt;
             },
             false)
      .addBoth([&consumer, outlet](Result<void> result) {
        outlet->detach();
        if (!outlet->stopped()) consumer.unregisterProducer();
        return result;
      });
}

void BodyPipe::drop() {
  handleGone_ = true;
  settle();
}

// After anything that changed how much waits, or ended an operation.
void BodyPipe::settle() {
  if (mode_ == Mode::idle && handleGone_) {
    dropRest();
    return;
  }
  if (!source_) return;
  const bool much = mode_ != Mode::all && (unread_.size() > mostUnread || (mode_ == Mode::each && consumerPaused_));
  if (much == paused_) return;
  paused_ = much;
  if (much) {
    source_->pauseBody();
  } else {
    source_->resumeBody();
  }
}

void BodyPipe::dropRest() {
  if (std::exchange(dropped_, true)) return;
  unread_ = {};
  if (BodySource* source = std::exchange(source_, nullptr)) source->bodyDropped();
}

}  // namespace detail

BodyTooLong::BodyTooLong(std::uint64_t limit, const std::string& what)
    : std::runtime_error(what + " is larger than the " + std::to_string(limit) + " bytes that are allowed for it."),
      limit_(limit) {}

IncompleteBody::IncompleteBody(std::uint64_t received, std::optional<std::uint64_t> expected, const std::string& why)
    : std::runtime_error("The content is incomplete: " + why + " after " + std::to_string(received) +
                         (expected ? " of " + std::to_string(*expected) : std::string()) + " bytes."),
      received_(received),
      expected_(expected) {}

BodyReader::BodyReader() noexcept = default;

BodyReader::BodyReader(std::string content)
    : pipe_(makeRef<detail::BodyPipe>(nullptr, std::optional<std::uint64_t>(content.size()))) {
  pipe_->push(content);
  pipe_->end();
}

BodyReader::BodyReader(Ref<detail::BodyPipe> pipe) noexcept : pipe_(std::move(pipe)) {}

BodyReader::BodyReader(BodyReader&& other) noexcept = default;

BodyReader& BodyReader::operator=(BodyReader&& other) noexcept {
  std::swap(pipe_, other.pipe_);
  return *this;
}

BodyReader::~BodyReader() {
  if (pipe_) pipe_->drop();
}

detail::BodyPipe& BodyReader::pipe() {
  if (!pipe_) {
    pipe_ = makeRef<detail::BodyPipe>(nullptr, std::optional<std::uint64_t>(0));
    pipe_->end();
  }
  return *pipe_;
}

Deferred<std::string> BodyReader::read() {
  return pipe().read();
}

Deferred<std::string> BodyReader::readAll(std::size_t limit) {
  return pipe().readAll(limit);
}

Deferred<void> BodyReader::each(Function<std::optional<Deferred<void>>(std::string_view)> take, bool keepPieces) {
  return pipe().each(std::move(take), keepPieces);
}

Deferred<void> BodyReader::pipeTo(Consumer& consumer) {
  return pipe().pipeTo(consumer);
}

std::optional<std::uint64_t> BodyReader::length() const noexcept {
  return pipe_ ? pipe_->length() : std::optional<std::uint64_t>(0);
}

std::uint64_t BodyReader::received() const noexcept {
  return pipe_ ? pipe_->received() : 0;
}

bool BodyReader::ended() const noexcept {
  return !pipe_ || pipe_->over();
}

}  // namespace bight::http
