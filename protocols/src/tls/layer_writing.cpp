// The way out of a layer: writing and producers. layer.cpp tells how it all works.
//
// Plaintext becomes ciphertext at three moments: a full record at once, from the caller's memory if it lies there whole;
// the rest when the dispatch ends; and everything at once when `drained()` is asked for. What is not encrypted yet is
// therefore less than a record once the handshake is through, and all that waits for a slow peer waits in the transport
// below, which counts it and steers producers by it.
//
// Its limit is looked at here, when a write comes in, and not by the transport below: that sees one large write as many,
// each of which would find what went before too much.
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>
#include <bight/tls/errors.hpp>

#include "layer.hpp"

namespace bight::tls::detail {

namespace {

/// The plaintext of the largest record.
constexpr std::size_t record = 16 * 1024;
/// The most that encrypting adds to it, in any version of the protocol.
constexpr std::size_t overhead = 512;
/// A buffer larger than this is not kept for the next writer.
constexpr std::size_t mostSpare = 2 * record;

/// The buffer of the last connection whose small writes were joined, for the next one: while the writers of a thread
/// take turns, none of them allocates.
std::string& spare() {
  static thread_local std::string buffer;
  return buffer;
}

}  // namespace

/// Passes to the layer what the transport below tells its producer.
class Layer::PushSteering final : public PushProducer {
 public:
  explicit PushSteering(Layer& layer) : layer_(&layer) {}
  void pauseProducing() override { layer_->belowPauses(); }
  void resumeProducing() override { layer_->belowResumes(); }
  void stopProducing() override { layer_->belowStops(); }

 private:
  Ref<Layer> layer_;
};

class Layer::PullSteering final : public PullProducer {
 public:
  explicit PullSteering(Layer& layer) : layer_(&layer) {}
  void resumeProducing() override { layer_->belowAsks(); }
  void stopProducing() override { layer_->belowStops(); }

 private:
  Ref<Layer> layer_;
};

Layer::Extras& Layer::extras() {
  if (!extras_) extras_ = std::make_unique<Extras>();
  return *extras_;
}

// ---- writing ----

void Layer::write(std::string_view data) {
  checkThread("Transport::write");
  if (!data.empty() && takesWrites() && !overfull()) put(data);
  written();
}

void Layer::writeSequence(std::span<const std::string_view> pieces) {
  checkThread("Transport::writeSequence");
  if (takesWrites() && !overfull())
    for (const auto& piece : pieces) put(piece);
  written();
}

void Layer::written() {
  if (!pending_.empty() && established_ && !busy_ && !ended()) schedule();
  steer();  // last: a producer that is paused may write as well
}

/// Encrypts whole records, and keeps the rest for later. Runs no user code.
void Layer::put(std::string_view data) {
  if (data.empty() || !takesWrites()) return;
  if (extras_) extras_->pullAsked = false;
  if (!established_ || busy_) return putOff(data);
  if (pending_.size() + data.size() >= record) {
    if (!pending_.empty()) {
      const std::size_t fits = record - pending_.size();
      putOff(data.substr(0, fits));
      data.remove_prefix(fits);
      encryptPending();
    }
    const std::size_t whole = data.size() - data.size() % record;
    if (whole > 0) encrypt(data.substr(0, whole));
    data.remove_prefix(whole);
    if (ended()) return;
  }
  if (!data.empty()) putOff(data);
}

/// Whether the peer has too much to read already; then the connection is aborted.
bool Layer::overfull() {
  const std::size_t most = extras_ ? extras_->most : defaultMost;
  // Once the handshake is through, what is pending here waits for the end of a dispatch, not for the peer.
  const std::size_t kept = below_->writeBufferSize() + (established_ && !busy_ ? 0 : pending_.size());
  if (kept <= most) return false;
  fate_ = Failure(OutputLimitError(kept, most));
  below_->abortConnection();
  return true;
}

/// From now on the limit is looked at here alone.
void Layer::limitHere() {
  if (limitsHere_) return;
  limitsHere_ = true;
  below_->setMaxWriteBuffer(SIZE_MAX);
}

void Layer::putOff(std::string_view data) {
  if (pending_.empty() && pending_.capacity() < spare().capacity()) pending_.swap(spare());
  pending_.append(data);
}

void Layer::encryptPending() {
  std::string plaintext;
  plaintext.swap(pending_);
  encrypt(plaintext);
  plaintext.clear();
  if (plaintext.capacity() <= mostSpare && plaintext.capacity() > spare().capacity()) spare().swap(plaintext);
}

/// Makes records of `data` and gives them to the transport below: one alone from OpenSSL's memory, several together.
/// Runs no user code: the caller calls `steer()` when it is done.
void Layer::encrypt(std::string_view data) {
  int error = SSL_ERROR_NONE;
  if (data.size() > record) limitHere();
  {
    std::optional<Gathered> gathered;
    if (data.size() > record) gathered.emplace();
    struct Busy {
      Layer& layer;
      ~Busy() {
        layer.busy_ = layer.encrypting_ = false;
        layer.gathering_ = nullptr;
      }
    };
    const Busy whileHere{*this};
    busy_ = encrypting_ = true;
    gathering_ = gathered ? &*gathered : nullptr;
    while (!data.empty() && error == SSL_ERROR_NONE) {
      const auto piece = data.substr(0, record);
      data.remove_prefix(piece.size());
      std::size_t written = 0;
      error = withSsl([&](SSL* ssl) { return SSL_write_ex(ssl, piece.data(), piece.size(), &written); });
      if (gathered && (data.empty() || gathered->used > Scratch::size - record - overhead)) {
        below_->write(gathered->bytes());
        gathered->used = 0;
      }
    }
  }
  if (error != SSL_ERROR_NONE) fail(recordFailure(error, "writing"));
}

/// OpenSSL has made something.
bool Layer::takeOutput(std::string_view bytes) noexcept {
  if (!encrypting_) answered_ = true;
  try {
    if (!gathering_) {
      below_->write(bytes);
    } else if (bytes.size() <= Scratch::size - gathering_->used) {
      std::copy(bytes.begin(), bytes.end(), gathering_->memory.data() + gathering_->used);
      gathering_->used += bytes.size();
    } else {
      below_->writeSequence({gathering_->bytes(), bytes});
      gathering_->used = 0;
    }
    return true;
  } catch (...) {
    thrown_ = std::current_exception();
    return false;
  }
}

/// What is pending is encrypted when this dispatch ends; or now, if there is no way to know when that is.
void Layer::schedule() {
  if (scheduled_ || inDispatch_) return;
  if (below_->whenDispatchEnds([self = Ref<Layer>(this)] { self->dispatchEnded(); })) {
    scheduled_ = true;
  } else if (readDue_) {
    scheduled_ = true;
    clock_.callLater(Duration::zero(), [self = Ref<Layer>(this)] { self->dispatchEnded(); });
  } else {
    flush();
  }
}

void Layer::dispatchEnded() noexcept {
  scheduled_ = false;
  try {
    if (readDue_ && !ended()) {
      readDue_ = false;
      input_ = held_;
      run();
    } else {
      flush();
    }
  } catch (...) {
    userFailed();
  }
}

/// Encrypts what is pending, then goes on with closing.
void Layer::flush() {
  if (!established_ || busy_ || inDispatch_ || ended()) return;
  if (!pending_.empty()) encryptPending();
  steer();
  if (extras_ && !extras_->waiters.empty()) fireDrained();
  if (!ended()) advanceClose();
}

std::size_t Layer::writeBufferSize() const noexcept {
  return ended() || !below_ ? 0 : pending_.size() + below_->writeBufferSize();
}

void Layer::setWriteBufferLimits(std::size_t high, std::size_t low) {
  below_->setWriteBufferLimits(high, low);
  extras().high = high;
}

void Layer::setMaxWriteBuffer(std::size_t bytes) {
  limitHere();
  extras().most = bytes;
}

Deferred<void> Layer::drained() {
  checkThread("Transport::drained");
  Deferred<void> done;
  if (lost_ || fate_) {
    done.errback(*fate_);
    return done;
  }
  if (established_ && !busy_ && !pending_.empty()) {
    encryptPending();
    steer();
  }
  extras().waiters.push_back(done.promise());
  if (pending_.empty()) fireDrained();
  return done;
}

/// Nothing is pending here: whoever waits, waits for the transport below.
void Layer::fireDrained() {
  for (auto& waiter : std::exchange(extras_->waiters, {})) {
    below_->drained().addCallbacks(
        [waiter] {
          if (!waiter.called()) waiter.callback();
        },
        [waiter, self = Ref<Layer>(this)](const Failure& reason) {
          if (!waiter.called()) waiter.errback(self->reasonFor(reason));
        });
  }
}

// ---- producers ----

void Layer::registerProducer(std::shared_ptr<PushProducer> producer) {
  checkThread("Transport::registerProducer");
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (ended()) return producer->stopProducing();
  if (hasProducer()) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  steerFor(std::move(producer), false);
  steer();
}

/// `paused`: it has been told to pause.
void Layer::steerFor(std::shared_ptr<PushProducer> producer, bool paused) {
  extras().push = std::move(producer);
  extras_->belowPaused = false;
  extras_->pushPaused = paused;
  below_->registerProducer(std::make_shared<PushSteering>(*this));  // may pause us at once
}

void Layer::registerProducer(std::shared_ptr<PullProducer> producer) {
  checkThread("Transport::registerProducer");
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (ended()) return producer->stopProducing();
  if (hasProducer()) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  extras().pull = producer;
  extras_->pullAsked = true;
  // Below, it is asked each time that the buffer has drained; the first portion does not wait for that.
  below_->registerProducer(std::make_shared<PullSteering>(*this));
  producer->resumeProducing();
}

void Layer::unregisterProducer() {
  checkThread("Transport::unregisterProducer");
  if (!hasProducer()) return;
  const auto push = std::exchange(extras_->push, nullptr);
  const auto pull = std::exchange(extras_->pull, nullptr);
  below_->unregisterProducer();
  if (!ended() && (closing_ || writeClosing_)) schedule();
}

/// Tells the push producer what it does not know yet.
void Layer::steer() {
  if (!extras_ || !extras_->push || busy_ || ended()) return;
  const bool pause = extras_->belowPaused || pending_.size() > extras_->high;
  if (pause == extras_->pushPaused) return;
  extras_->pushPaused = pause;
  const auto producer = extras_->push;
  if (pause)
    producer->pauseProducing();
  else
    producer->resumeProducing();
}

void Layer::belowPauses() {
  extras_->belowPaused = true;
  steer();
}

void Layer::belowResumes() {
  extras_->belowPaused = false;
  steer();
}

/// The transport below has sent everything.
void Layer::belowAsks() {
  if (!extras_->pull || extras_->pullAsked || !pending_.empty() || !established_) return;
  extras_->pullAsked = true;
  const auto producer = extras_->pull;
  producer->resumeProducing();
}

void Layer::belowStops() {
  if (!hasProducer()) return;
  const auto push = std::exchange(extras_->push, nullptr);
  const auto pull = std::exchange(extras_->pull, nullptr);
  if (push) push->stopProducing();
  if (pull) pull->stopProducing();
}

void Layer::stopProducers() {
  if (!hasProducer()) return;
  if (!lost_) below_->unregisterProducer();
  try {
    belowStops();
  } catch (...) {
    static const Logger log("bight.tls");
    log.failure("while calling stopProducing", Failure());
  }
}

}  // namespace bight::tls::detail
