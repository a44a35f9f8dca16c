#include <bight/file_stream.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "file_state.hpp"
#include "socket.hpp"

namespace bight {

FileTransferStopped::FileTransferStopped(const std::string& path)
    : std::runtime_error("the connection was lost before \"" + path + "\" had been sent") {}

// ---- from a file ----

namespace {

constexpr std::size_t portion = 64 * 1024;
/// What the system may copy before others have their turn.
constexpr std::size_t mostPerTurn = 512 * 1024;

/// Sends a file: by the system, from a descriptor of its own (the file may be closed meanwhile), or in portions.
class FileProducer final : public PullProducer, public std::enable_shared_from_this<FileProducer> {
 public:
  FileProducer(File file, Transport& transport, const SendFileOptions& options)
      : file_(std::move(file)),
        transport_(&transport),
        offset_(options.offset),
        left_(options.length),
        bySystem_(options.bySystem) {}

  Deferred<std::uint64_t> start() {
    // The transport's registration is what keeps us, and so the promise.
    Deferred<std::uint64_t> done([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->end(std::nullopt, true);
    });
    promise_ = done.promise();
    bySystem_ = bySystem_ && transport_->connected();
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
    if (bySystem_) return copy();
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(portion, left_));
    if (most == 0) return end(std::nullopt);
    reading_ = true;
    file_.readAt(offset_, most)
        .addCallback([self = shared_from_this(), most](const std::string& data) { self->read(data, most); })
        .addErrback([self = shared_from_this()](Failure failure) { self->end(std::move(failure)); });
  }

  void stopProducing() override { end(Failure(FileTransferStopped(file_.path()))); }

 private:
  /// Asked for the first time: gets a descriptor. Later: lets the system copy.
  void copy() {
    if (!fd_) {
      if (!transport_->holdWrites()) {
        bySystem_ = false;
        return resumeProducing();
      }
      reading_ = true;
      detail::inTurn(file_.state(),
                     [](File::State& file) {
                       file.check("sending");
                       const int fd = ::fcntl(file.fd, F_DUPFD_CLOEXEC, 3);
                       if (fd < 0) file.fail("sending");
                       return std::make_shared<detail::Descriptor>(fd);
                     })
          .addCallback([self = shared_from_this()](std::shared_ptr<detail::Descriptor> fd) {
            self->fd_ = std::move(fd);
            self->reading_ = false;
            self->resumeProducing();
          })
          .addErrback([self = shared_from_this()](Failure failure) { self->end(std::move(failure)); });
      return;
    }
    for (std::size_t copied = 0; copied < mostPerTurn && left_ > 0;) {
      const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(mostPerTurn - copied, left_));
      const std::ptrdiff_t sent = transport_->sendFrom(fd_->get(), offset_, most);
      if (sent < 0 && errno == EAGAIN) return;
      if (sent < 0 && sent_ == 0 && (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP)) {
        // Not with this kind of file.
        bySystem_ = false;
        transport_->releaseWrites();
        return resumeProducing();
      }
      if (sent < 0) {
        const int error = errno;
        // A connection that is lost is told so by stopProducing(); this is about the file.
        if (error == EPIPE) return;
        return end(Failure(FileError("sending", file_.path(), error)));
      }
      if (sent == 0) return end(std::nullopt);
      const auto bytes = static_cast<std::size_t>(sent);
      copied += bytes;
      sent_ += bytes;
      offset_ += bytes;
      left_ -= bytes;
    }
    if (left_ == 0) end(std::nullopt);
  }

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
    if (bySystem_) transport_->releaseWrites();
    fd_.reset();
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
  std::shared_ptr<detail::Descriptor> fd_;
  bool bySystem_;
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
  push_ = producer;
  paused_ = waiting_ > high_;  // by what came before it
  if (paused_) producer->pauseProducing();
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
