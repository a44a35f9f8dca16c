// The end of a layer: closing, aborting, and giving the connection to another layer. layer.cpp tells how it all works.
#include <stdexcept>
#include <string>
#include <utility>

#include <bight/connection_errors.hpp>

#include "layer.hpp"

namespace bight::tls::detail {

// ---- closing ----

bool Layer::disconnecting() const noexcept {
  return closing_ || ended() || (below_ && below_->disconnecting());
}

void Layer::loseConnection() {
  checkThread("Transport::loseConnection");
  if (ended() || closing_) return;
  if (!established_ && pending_.empty() && !hasProducer())
    return fail(Failure(ConnectionLost("The connection was closed before the TLS handshake was through.")));
  closing_ = true;
  startGraceful();
  // What still comes is of no interest, but the peer's close_notify behind it is.
  if (!reading_) {
    reading_ = true;
    if (established_) below_->resumeProducing();
  }
  readDue_ = !inDispatch_ && hasRest();
  schedule();
}

void Layer::loseWriteConnection() {
  checkThread("Transport::loseWriteConnection");
  if (ended() || closing_ || writeClosing_) return;
  writeClosing_ = true;
  schedule();
}

void Layer::abortConnection() {
  checkThread("Transport::abortConnection");
  if (lost_ || aborted_) return;
  aborted_ = true;
  std::string().swap(pending_);
  below_->abortConnection();
}

/// Says close_notify when everything written is encrypted, and closes below when both have said it.
void Layer::advanceClose() {
  if ((closing_ || writeClosing_) && !sentNotify_ && pending_.empty() && !hasProducer()) {
    sentNotify_ = true;
    withSsl(SSL_shutdown);
    if (!closing_)
      if (auto* halfCloseable = dynamic_cast<HalfCloseable*>(above_.get())) halfCloseable->writeConnectionLost();
  }
  if (ended() || !sentNotify_ || !(gotNotify_ || peerGone_)) return;
  closing_ = true;
  finish();
}

/// Closes the transport below; nothing of ours is to be sent any more.
void Layer::finish() {
  if (finished_) return;
  finished_ = true;
  if (opening_ && opening_->deadline.active()) opening_->deadline.cancel();
  if (extras_ && extras_->gracefulCall.active()) extras_->gracefulCall.cancel();
  stopProducers();
  below_->loseConnection();
}

void Layer::setGracefulLimit(Duration limit) {
  below_->setGracefulLimit(limit);
  extras().graceful = limit;
  if (!closing_ || finished_ || ended()) return;
  if (extras_->gracefulCall.active()) extras_->gracefulCall.cancel();
  startGraceful();
}

void Layer::startGraceful() {
  const Duration limit = extras().graceful;
  if (limit <= Duration::zero()) return;
  extras_->left = writeBufferSize();
  extras_->gracefulCall = clock_.callLater(limit, [self = Ref<Layer>(this)] { self->gracefulOver(); });
}

void Layer::gracefulOver() {
  if (ended() || finished_) return;
  const std::size_t left = writeBufferSize();
  if (left < extras_->left) return startGraceful();
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(extras_->graceful).count();
  const std::string what = !sentNotify_ ? std::to_string(left) + " bytes of output were left" +
                                              (hasProducer() ? " and a producer was registered" : "")
                           : left > 0 ? std::to_string(left) + " bytes of output were left"
                                      : std::string("the peer has not answered our close_notify");
  fate_ = Failure(ConnectionAborted("Connection was aborted: loseConnection() made no progress for " +
                                    std::to_string(limit) + " ms, and " + what + '.'));
  below_->abortConnection();
}

// ---- layers above this one ----

Takeover Layer::takeOver(std::shared_ptr<Protocol> layer) {
  if (!layer) throw std::invalid_argument("takeOver needs a protocol, and got a null pointer");
  if (ended()) throw std::logic_error("takeOver: the connection is lost");
  Takeover given;
  given.protocol = std::exchange(above_, std::move(layer));
  given.readingPaused = !reading_;
  if (hasProducer()) {
    given.push = std::exchange(extras_->push, nullptr);
    given.pull = std::exchange(extras_->pull, nullptr);
    given.pushPaused = given.push && std::exchange(extras_->pushPaused, false);
    below_->unregisterProducer();
  }
  resumeProducing();
  return given;
}

bool Layer::whenDispatchEnds(Function<void()> call) {
  return !ended() && below_->whenDispatchEnds(std::move(call));
}

}  // namespace bight::tls::detail
