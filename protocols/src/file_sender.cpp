#include <bight/file_sender.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace bight {

ByteSource readString(std::string bytes) {
  return [bytes = std::move(bytes), at = std::size_t{0}](std::span<char> into) mutable {
    const std::size_t count = bytes.copy(into.data(), into.size(), at);
    at += count;
    return count;
  };
}

ByteSource readDescriptor(int fd) {
  return [fd](std::span<char> into) {
    for (;;) {
      const ssize_t got = ::read(fd, into.data(), into.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR)
        throw std::system_error(errno, std::generic_category(), "reading descriptor " + std::to_string(fd));
    }
  };
}

TransferStoppedError::TransferStoppedError(std::uint64_t sent)
    : std::runtime_error("Consumer asked us to stop producing: it was lost after " + std::to_string(sent) +
                         " bytes had been written to it."),
      sent_(sent) {}

Deferred<FileSent> FileSender::beginFileTransfer(ByteSource source, Consumer& consumer, ByteTransform transform) {
  if (consumer_)
    throw std::logic_error("beginFileTransfer: a transfer is under way; one FileSender sends one at a time");
  if (!source) throw std::invalid_argument("beginFileTransfer needs a source, and got an empty function");
  source_ = std::move(source);
  transform_ = std::move(transform);
  sent_ = {};
  Deferred<FileSent> done([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || !self->consumer_) return;
    const auto cancelled = std::exchange(self->done_, std::nullopt);
    self->finish();
    if (cancelled) cancelled->errback(CancelledError());
  });
  done_ = done.promise();
  consumer_ = &consumer;
  try {
    consumer.registerProducer(std::static_pointer_cast<PullProducer>(shared_from_this()));
  } catch (...) {
    consumer_ = nullptr;
    done.addErrback([](const Failure&) { return FileSent(); });  // the exception tells it already
    done_.reset();
    throw;
  }
  return done;
}

void FileSender::resumeProducing() {
  const auto self = shared_from_this();  // unregistering may drop the last pointer
  try {
    sendPortion();
  } catch (...) {
    const Failure why;
    const auto done = std::exchange(done_, std::nullopt);
    finish();
    if (done) done->errback(why);
  }
}

/// Writes one portion, or finishes. A transform may drop portions: then nobody would ask again, so it goes on at once.
void FileSender::sendPortion() {
  std::array<char, chunkSize> chunk;  // not zeroed: the source fills it
  while (consumer_) {
    // Both may end the transfer, which must not destroy the function that is running.
    ByteSource source = std::move(source_);
    ByteTransform transform = std::move(transform_);
    const std::size_t count = std::min(source(std::span<char>(chunk)), chunk.size());
    if (!consumer_) return;
    if (count == 0) {
      const auto done = std::exchange(done_, std::nullopt);
      finish();
      if (done) done->callback(sent_);
      return;
    }
    std::string changed;
    std::string_view bytes(chunk.data(), count);
    if (transform) bytes = changed = transform(bytes);
    if (!consumer_) return;
    source_ = std::move(source);
    transform_ = std::move(transform);
    if (bytes.empty()) continue;
    sent_.bytes += bytes.size();
    sent_.lastSent = bytes.back();
    return consumer_->write(bytes);
  }
}

void FileSender::stopProducing() {
  if (!consumer_) return;
  const auto self = shared_from_this();
  consumer_ = nullptr;
  source_ = {};
  transform_ = {};
  if (const auto done = std::exchange(done_, std::nullopt)) done->errback(TransferStoppedError(sent_.bytes));
}

void FileSender::finish() {
  const auto self = shared_from_this();
  Consumer* consumer = std::exchange(consumer_, nullptr);
  source_ = {};
  transform_ = {};
  if (consumer) consumer->unregisterProducer();
}

}  // namespace bight
