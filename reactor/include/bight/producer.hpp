/// @file
/// Flow control: those who make bytes, and those who take them.
///
/// | | tells | is told |
/// |---|---|---|
/// | `PushProducer` | writes whenever it has something | `pauseProducing()`; later `resumeProducing()` |
/// | `PullProducer` | writes a portion for each call | `resumeProducing()` for the next portion |
/// | `Consumer` | | `registerProducer`, `write`, `unregisterProducer` when the producer is done |
///
/// A push producer is paused when more than the high limit waits in the consumer's buffer, and resumed when that has
/// fallen to the low one. A pull producer is asked when it is registered, and each time the buffer has drained.
///
/// Twisted's IPushProducer, IPullProducer and IConsumer; which kind a producer is (Twisted's `streaming` flag) is its
/// type here. Every `Transport` is a consumer of what you write; what it receives is a push producer, see
/// `Transport::asProducer`.
#pragma once

#include <memory>
#include <string_view>

#include <bight/export.hpp>

namespace bight {

/// What both kinds of producer have: an end.
class BIGHT_API Producer {
 public:
  virtual ~Producer() = default;
  /// Stop for ever: the consumer is gone. It has unregistered the producer already; do not write to it any more.
  virtual void stopProducing() = 0;

 protected:
  Producer() = default;
  Producer(const Producer&) = default;
  Producer& operator=(const Producer&) = default;
};

/// Makes bytes at its own pace, until told to pause.
class BIGHT_API PushProducer : public Producer {
 public:
  /// Stop writing until `resumeProducing()`. May be called from inside the producer's own `write()`.
  virtual void pauseProducing() = 0;
  /// Write on.
  virtual void resumeProducing() = 0;
};

/// Makes bytes one portion at a time, when asked.
class BIGHT_API PullProducer : public Producer {
 public:
  /// Write one portion now, or later; nothing more is asked for until it has left the buffer. At the end call
  /// `unregisterProducer()`.
  virtual void resumeProducing() = 0;
};

/// Takes bytes, and steers the one producer registered with it.
class BIGHT_API Consumer {
 public:
  /// Takes `data`; the bytes are copied or sent before the call returns. Never blocks.
  virtual void write(std::string_view data) = 0;

  /// Registers the one producer; it is kept alive until it is unregistered or the consumer is lost. A push producer is
  /// told to pause when more is buffered than the high limit; a pull producer is asked for its first portion before
  /// this returns. On a consumer that is lost already, `stopProducing()` is called at once instead.
  /// @throws std::logic_error if there is a producer already
  virtual void registerProducer(std::shared_ptr<PushProducer> producer) = 0;
  virtual void registerProducer(std::shared_ptr<PullProducer> producer) = 0;

  /// The producer is done. Nothing happens if there is none. A `loseConnection()` that waited for the producer goes on.
  virtual void unregisterProducer() = 0;

 protected:
  Consumer() = default;
  Consumer(const Consumer&) = default;
  Consumer& operator=(const Consumer&) = default;
  virtual ~Consumer() = default;
};

}  // namespace bight
