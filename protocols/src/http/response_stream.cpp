#include <bight/http/response_stream.hpp>

#include <stdexcept>
#include <utility>

#include "connection.hpp"

namespace bight::http {

namespace detail {

namespace {
constexpr std::size_t mostWaiting = 16 * 1024;
}

StreamState::~StreamState() {
  if (!connection) return;
  Connection& owner = *connection;
  over(false);
  owner.streamDropped();
}

void StreamState::over(bool wasFinished) {
  Connection& owner = *std::exchange(connection, nullptr);
  finished = wasFinished;
  if (const std::shared_ptr<Producer> stopped = std::move(producer); stopped && owner.transport().connected()) {
    owner.transport().unregisterProducer();
    stopped->stopProducing();
  }
  const std::vector<Promise<bool>> waiting = std::move(ended);
  for (const Promise<bool>& promise : waiting) {
    if (!promise.called()) promise.callback(wasFinished);  // its user may have fired or cancelled it
  }
}

void StreamState::write(std::string_view piece) {
  if (connection) connection->streamWrite(*this, piece);
}

void StreamState::registerProducer(std::shared_ptr<PushProducer> one) {
  if (!connection) return one->stopProducing();
  // Whoever can be paused is paused early: what waits is the system's to hold, which does it for nothing.
  connection->transport().setWriteBufferLimits(mostWaiting, 0);
  connection->transport().registerProducer(one);
  producer = std::move(one);
}

void StreamState::registerProducer(std::shared_ptr<PullProducer> one) {
  if (!connection) return one->stopProducing();
  producer = one;  // it may be done before registerProducer returns
  try {
    connection->transport().registerProducer(std::move(one));
  } catch (...) {
    producer = nullptr;
    throw;
  }
}

void StreamState::unregisterProducer() {
  if (std::exchange(producer, nullptr) && connection) connection->transport().unregisterProducer();
}

}  // namespace detail

ResponseStream::ResponseStream(Request& request, const Response& head, std::optional<std::uint64_t> length) {
  if (!request.connection_)
    throw std::logic_error("bight::http::ResponseStream: the request has no connection to stream to");
  state_ = request.connection_->openStream(request, head, length);
}

bool ResponseStream::write(std::string_view piece) {
  return open() && state_->connection->streamWrite(*state_, piece);
}

Deferred<void> ResponseStream::drained() {
  if (!open()) return succeed();
  return state_->connection->transport().drained().addErrback([](const Failure& failure) {
    // A client that has gone is no failure. But who was cancelled while waiting has to stop, not to write on.
    if (failure.check<CancelledError>()) failure.raise();
  });
}

Consumer& ResponseStream::consumer() const {
  if (!state_) throw std::logic_error("bight::http::ResponseStream: this handle has been moved from");
  return *state_;
}

std::size_t ResponseStream::buffered() const noexcept {
  return open() ? state_->connection->transport().writeBufferSize() : 0;
}

void ResponseStream::finish() {
  if (open()) state_->connection->streamFinish();
}

bool ResponseStream::open() const noexcept {
  return state_ && state_->connection;
}

Deferred<bool> ResponseStream::ended() {
  if (!open()) return succeed(state_ && state_->finished);
  Deferred<bool> d;
  state_->ended.push_back(d.promise());
  return d;
}

}  // namespace bight::http
