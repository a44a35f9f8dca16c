// The way in of a layer: the handshake, decrypting, and the peer's end. layer.cpp tells how it all works.
#include <algorithm>
#include <optional>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/tls/errors.hpp>

#include "layer.hpp"

namespace bight::tls::detail {

namespace {

/// At least one record, so that a full one is never cut; small enough to be in the cache.
constexpr std::size_t mostAtOnce = 64 * 1024;

/// No TLS record and no SSL 2 hello begins with a letter; every protocol of text does.
bool isPlainText(std::string_view first) {
  const auto c = static_cast<unsigned char>(first.front());
  return (c >= 0x20 && c < 0x7f) || c == '\r' || c == '\n' || c == '\t';
}

}  // namespace

void Layer::received(std::string_view data) {
  if (ended()) return;
  if (held_.empty()) {
    input_ = data;
  } else {
    held_.append(data);
    input_ = held_;
  }
  run();
}

/// Goes on with what has come, then encrypts what was written meanwhile.
void Layer::run() {
  struct Here {
    explicit Here(Layer& l) : layer(l) { layer.inDispatch_ = true; }
    ~Here() {
      layer.inDispatch_ = false;
      if (layer.lost_) layer.ssl_.reset();
    }
    Layer& layer;
  };
  try {
    const Here here(*this);
    if (!established_) shakeHands();
    if (established_) read();
    keepRest();
  } catch (...) {
    input_ = {};
    // What was written before the user's code threw still leaves; but the first exception is the one to be told.
    try {
      flush();
    } catch (...) {
    }
    throw;
  }
  flush();
}

/// Input that was not used (the user has paused us) is kept; the transport below is paused, so there is no more to come.
void Layer::keepRest() {
  if (ended() || input_.empty()) {
    if (!held_.empty()) std::string().swap(held_);
  } else if (held_.empty()) {
    held_.assign(input_);
  } else {
    held_.erase(0, held_.size() - input_.size());
  }
  input_ = {};
}

/// Whether there is something to deliver that has come already.
bool Layer::hasRest() const noexcept {
  return !held_.empty() || (established_ && ssl_ && SSL_pending(ssl_.get()) > 0);
}

void Layer::shakeHands() {
  if (!opening_->heard && !input_.empty()) {
    opening_->heard = true;
    if (isPlainText(input_)) {
      const auto line = input_.substr(0, std::min(input_.find_first_of("\r\n"), std::size_t{60}));
      return fail(Failure(PlainTextError("the peer does not speak TLS: it sent plain text, beginning with \"" +
                                         printable(std::string(line)) + "\"")));
    }
  }
  const int error = withSsl(SSL_do_handshake);
  steer();
  if (error == SSL_ERROR_NONE) return established();
  if (error != SSL_ERROR_WANT_READ) fail(handshakeFailure(error));
}

void Layer::established() {
  established_ = true;
  const auto opening = std::move(opening_);
  if (opening->deadline.active()) opening->deadline.cancel();
  try {
    if (auto* listener = dynamic_cast<HandshakeListener*>(above_.get())) listener->handshakeCompleted();
  } catch (...) {
    const Failure failure;
    for (const auto& waiter : opening->waiters)
      if (!waiter.called()) waiter.errback(failure);
    throw;
  }
  for (const auto& waiter : opening->waiters)
    if (!waiter.called()) waiter.callback();
  if (!reading_ && !ended()) below_->pauseProducing();
}

/// Decrypts and delivers, until the input is used up or the user has had enough.
void Layer::read() {
  while (reading_ && !ended() && !gotNotify_) {
    Scratch buffer;
    std::size_t size = 0;
    int error = SSL_ERROR_NONE;
    // As many records as fit: small ones cost one call of the protocol above for all, not one for each.
    while (size < mostAtOnce) {
      std::size_t got = 0;
      error = withSsl([&](SSL* ssl) { return SSL_read_ex(ssl, buffer.data() + size, mostAtOnce - size, &got); });
      if (error != SSL_ERROR_NONE) break;
      size += got;
      if (input_.empty() && SSL_pending(ssl_.get()) == 0) break;
    }
    // A peer may make OpenSSL answer, by asking for new keys: that counts for the limit too.
    if (answered_) {
      answered_ = false;
      if (limitsHere_ && overfull()) return;
    }
    // OpenSSL's error queue belongs to the thread: read it before the user's code may use OpenSSL.
    std::optional<Failure> failure;
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN)
      failure = recordFailure(error, "reading");
    steer();
    if (size > 0 && !closing_ && !ended()) above_->dataReceived({buffer.data(), size});
    if (failure) return fail(std::move(*failure));
    if (error == SSL_ERROR_ZERO_RETURN) return peerNotified();
    if (error == SSL_ERROR_WANT_READ || (input_.empty() && ssl_ && SSL_pending(ssl_.get()) == 0)) return;
  }
  // Behind the peer's close_notify there is nothing of interest.
  if (gotNotify_) input_ = {};
}

/// The peer has said that no more will come.
void Layer::peerNotified() {
  gotNotify_ = true;
  input_ = {};
  if (closing_ || ended()) return;  // flush() goes on
  if (auto* halfCloseable = dynamic_cast<HalfCloseable*>(above_.get())) return halfCloseable->readConnectionLost();
  stopProducers();
  closing_ = true;
  startGraceful();
}

/// The end of data of the transport below.
void Layer::peerEnded() {
  if (ended()) return;
  if (hasRest()) {
    input_ = held_;
    run();
    if (ended()) return;
  }
  peerGone_ = true;
  if (!established_) return fail(reasonFor(Failure(ConnectionDone())));
  if (gotNotify_ || closing_) return flush();
  flush();
  fail(Failure(TruncationError()));
}

void Layer::pauseProducing() {
  checkThread("Transport::pauseProducing");
  if (ended() || closing_ || !reading_) return;
  reading_ = false;
  if (established_) below_->pauseProducing();
}

void Layer::resumeProducing() {
  checkThread("Transport::resumeProducing");
  if (ended() || closing_ || reading_) return;
  reading_ = true;
  if (!established_) return;
  below_->resumeProducing();
  if (inDispatch_ || !hasRest()) return;
  readDue_ = true;
  schedule();
}

}  // namespace bight::tls::detail
