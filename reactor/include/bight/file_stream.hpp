/// @file
/// From a file into a connection, and from a connection into a file, neither faster than the slower of the two.
///
/// ```cpp
/// openFile(*reactor, "film.mkv").addCallback([this](File film) { return sendFile(film, transport()); });
///
/// upload_ = std::make_shared<FileConsumer>(file);                      // in connectionMade
/// upload_->registerProducer(transport().asProducer());
/// upload_->write(data);                                                // in dataReceived
/// upload_->finish().addCallback([](std::uint64_t bytes) { ... });      // when all has come
/// ```
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/files.hpp>
#include <bight/producer.hpp>
#include <bight/transport.hpp>

namespace bight {

struct SendFileOptions {
  std::uint64_t offset = 0;
  /// Less is sent if the file ends before.
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();
  /// Let the system copy from the file to the connection (sendfile), where the transport can do that.
  bool bySystem = true;
};

/// The consumer went away before the file had been sent.
class BIGHT_API FileTransferStopped : public std::runtime_error {
 public:
  explicit FileTransferStopped(const std::string& path);
};

/// Sends a file, or part of it, behind what has been written. It is the transport's producer meanwhile:
/// `loseConnection()` may be called at once, and waits. Over plain TCP and UNIX sockets the system copies it; what is
/// written meanwhile comes behind the file. Over other transports it is read in portions of 64 KiB in the thread pool,
/// each when the one before has left; write nothing meanwhile.
///
/// Fires with the number of bytes when they are with the system, or in the transport's buffer. Fails with a FileError,
/// or with FileTransferStopped if the connection is lost. Cancelling ends the transfer after what has left, and leaves
/// the connection open: what the peer has is then a part.
/// @throws std::logic_error if the transport has a producer
BIGHT_API Deferred<std::uint64_t> sendFile(File file, Transport& transport, SendFileOptions options = {});

/// Writes what it is given to a file, in order, in the thread pool. A push producer that is registered is paused while
/// more than the limit waits for the disk.
class BIGHT_API FileConsumer final : public Consumer, public std::enable_shared_from_this<FileConsumer> {
 public:
  /// @param high bytes that may wait before the producer is paused; it is resumed when all have been written
  explicit FileConsumer(File file, std::size_t high = 1024 * 1024);
  ~FileConsumer() override;

  /// After a failure, or after `finish()`, it is ignored.
  void write(std::string_view data) override;
  /// @throws std::logic_error if there is one; std::invalid_argument if it is null
  void registerProducer(std::shared_ptr<PushProducer> producer) override;
  void registerProducer(std::shared_ptr<PullProducer> producer) override;
  void unregisterProducer() override;

  /// No more comes. Fires with the number of bytes when all have been written; fails with the FileError of the first
  /// write that failed. May be asked for any number of times.
  Deferred<std::uint64_t> finish();

  /// Bytes that wait for the disk.
  std::size_t waiting() const noexcept { return waiting_; }

 private:
  void work();
  void wrote(std::size_t bytes);
  void failed(const Failure& failure);
  void answer();

  File file_;
  std::size_t high_;
  std::string gathered_;
  std::size_t waiting_ = 0;
  std::uint64_t written_ = 0;
  std::shared_ptr<PushProducer> push_;
  std::shared_ptr<PullProducer> pull_;
  std::vector<Promise<std::uint64_t>> finishers_;
  std::optional<Failure> failure_;
  bool busy_ = false;
  bool paused_ = false;
  bool finished_ = false;
};

}  // namespace bight
