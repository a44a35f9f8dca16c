#include <bight/file_stream.hpp>

#include <algorithm>
#include <utility>

#include "file_state.hpp"

namespace bight {

FileTransferStopped::FileTransferStopped(const std::string& path)
    : std::runtime_error("the connection was lost before \"" + path + "\" had been sent") {}

// ---- from a file ----

namespace {

constexpr std::size_t portion = 64 * 1024;

/// Sends a file in portions, for transports that cannot do it by themselves.
class FileProducer final : public PullProducer, public std::enable_shared_from_this<FileProducer> {
 public:
  FileProducer(File file, Transport& transport, const SendFileOptions& options)
      : file_(std::move(file)), transport_(&transport), offset_(options.offset), left_(options.length) {}

  Deferred<std::uint64_t> start() {
    // The transport's registration is what keeps us, and so the promise.
    Deferred<std::uint64_t> done([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->end(std::nullopt, true);
    });
    promise_ = done.promise();
    try {
      transport_->registerProducer(shared_from_this());
    } catch (...) {
      over_ = true;
      done.addErrback([](const Failure&) { return std::uint64_t{0}; });  // it is thrown instead
      throw;
    }
    return done;
  }

  void resumeProducing() override {
    if (over_ || reading_) return;
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(portion, left_));
    if (most == 0) return end(std::nullopt);
    reading_ = true;
    file_.readAt(offset_, most)
        .addCallback([self = shared_from_this(), most](const std::string& data) { self->read(data, most); })
        .addErrback([self = shared_from_this()](Failure failure) { self->end(std::move(failure)); });
  }

  void stopProducing() override { end(Failure(FileTransferStopped(file_.path()))); }

 private:
  void read(const std::string& data, std::size_t most) {
    reading_ = false;
    if (over_) return;
    sent_ += data.size();
    offset_ += data.size();
    left_ -= data.size();
    if (!data.empty()) transport_->write(data);
    if (data.size() < most || left_ == 0) end(std::nullopt);
  }

  void end(std::optional<Failure> failure, bool cancelled = false) {
    if (std::exchange(over_, true)) return;
    const auto keep = shared_from_this();
    transport_->unregisterProducer();
    transport_.reset();
    const auto promise = std::exchange(promise_, {});
    if (cancelled) return promise.errback(CancelledError());
    if (failure)
      promise.errback(*std::move(failure));
    else
      promise.callback(sent_);
  }

  File file_;
  Ref<Transport> transport_;
  Promise<std::uint64_t> promise_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::uint64_t sent_ = 0;
  bool reading_ = false;
  bool over_ = false;
};

}  // namespace

Deferred<std::uint64_t> sendFile(File file, Transport& transport, SendFileOptions options) {
  return std::make_shared<FileProducer>(std::move(file), transport, options)->start();
}

// ---- into a file ----

FileConsumer::FileConsumer(File file, std::size_t high) : file_(std::move(file)), high_(high) {}

FileConsumer::~FileConsumer() = default;

void FileConsumer::write(std::string_view data) {
  if (finished_ || failure_ || data.empty()) return;
  gathered_.append(data);
  waiting_ += data.size();
  if (!busy_) work();
  if (push_ && !paused_ && waiting_ > high_) {
    paused_ = true;
    const auto producer = push_;
    producer->pauseProducing();
  }
}

void FileConsumer::work() {
  busy_ = true;
  const std::size_t bytes = gathered_.size();
  file_.write(std::exchange(gathered_, {}))
      .addCallback([self = shared_from_this(), bytes] { self->wrote(bytes); })
      .addErrback([self = shared_from_this()](const Failure& failure) { self->failed(failure); });
}

void FileConsumer::wrote(std::size_t bytes) {
  busy_ = false;
  waiting_ -= bytes;
  written_ += bytes;
  if (!gathered_.empty()) return work();
  if (push_ && std::exchange(paused_, false)) {
    const auto producer = push_;
    producer->resumeProducing();
  } else if (pull_) {
    const auto producer = pull_;
    producer->resumeProducing();
  }
  answer();
}

void FileConsumer::failed(const Failure& failure) {
  busy_ = false;
  failure_ = failure;
  gathered_.clear();
  waiting_ = 0;
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
  if (push) push->stopProducing();
  if (pull) pull->stopProducing();
  answer();
}

void FileConsumer::answer() {
  if (failure_ ? false : (!finished_ || busy_)) return;
  for (const auto& each : std::exchange(finishers_, {})) {
    if (each.called()) continue;
    if (failure_)
      each.errback(*failure_);
    else
      each.callback(written_);
  }
}

void FileConsumer::registerProducer(std::shared_ptr<PushProducer> producer) {
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (finished_ || failure_) return producer->stopProducing();
  if (push_ || pull_) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  push_ = std::move(producer);
  paused_ = false;
}

void FileConsumer::registerProducer(std::shared_ptr<PullProducer> producer) {
  if (!producer) throw std::invalid_argument("registerProducer needs a producer, and got a null pointer");
  if (finished_ || failure_) return producer->stopProducing();
  if (push_ || pull_) throw std::logic_error("registerProducer: there is a producer already; unregister it first");
  pull_ = producer;
  producer->resumeProducing();
}

void FileConsumer::unregisterProducer() {
  const auto push = std::exchange(push_, nullptr);
  const auto pull = std::exchange(pull_, nullptr);
}

Deferred<std::uint64_t> FileConsumer::finish() {
  Deferred<std::uint64_t> done;
  finishers_.push_back(done.promise());
  finished_ = true;
  answer();
  return done;
}

}  // namespace bight
