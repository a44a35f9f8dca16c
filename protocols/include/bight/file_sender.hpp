/// @file
/// Sending a stream of bytes, from a file or anywhere else, as fast as the consumer takes it.
///
/// ```cpp
/// auto sender = std::make_shared<bight::FileSender>();
/// sender->beginFileTransfer(bight::readDescriptor(fd), transport())
///     .addCallback([this](bight::FileSent sent) { transport().loseConnection(); });
/// ```
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/producer.hpp>

namespace bight {

/// Where bytes come from: fills the beginning of what it is given, and returns how many bytes that are; 0 at the end.
/// What it throws ends the transfer.
using ByteSource = Function<std::size_t(std::span<char>)>;
/// Changes each portion on its way.
using ByteTransform = Function<std::string(std::string_view)>;

/// The bytes of a string.
BIGHT_API ByteSource readString(std::string bytes);
/// What read(2) gives, from where the descriptor stands. It is not closed. Reading a regular file blocks for as long as
/// the disk takes.
/// @throws std::system_error (from the source) if read(2) fails
BIGHT_API ByteSource readDescriptor(int fd);

/// The consumer has gone before everything was sent.
class BIGHT_API TransferStoppedError : public std::runtime_error {
 public:
  explicit TransferStoppedError(std::uint64_t sent);
  /// How many bytes had been written.
  std::uint64_t sent() const noexcept { return sent_; }

 private:
  std::uint64_t sent_;
};

/// What a transfer has come to.
struct FileSent {
  std::uint64_t bytes = 0;       ///< written, after the transform
  std::optional<char> lastSent;  ///< the last of them, if there were any. Telnet and mail want to know it
};

/// A pull producer over a stream of bytes: 16 KiB each time that the consumer has sent what it had. (Twisted:
/// basic.FileSender)
///
/// Make one with `std::make_shared`: the consumer keeps it. It can be used again after a transfer has ended.
class BIGHT_API FileSender final : public PullProducer, public std::enable_shared_from_this<FileSender> {
 public:
  static constexpr std::size_t chunkSize = 16384;

  FileSender() = default;

  /// Registers with `consumer` and sends until the end of the source; then unregisters.
  ///
  /// The Deferred fires when the last portion has been written (not: has arrived). It fails with what the source or the
  /// transform threw, or with `TransferStoppedError` if the consumer is lost. Cancelling it ends the transfer after
  /// what was written already. In every case the consumer has no producer any more when it fires; the connection stays
  /// open, and closing it is the caller's.
  /// @throws std::logic_error if a transfer is under way, or the consumer has another producer; std::invalid_argument
  /// if the source is empty
  Deferred<FileSent> beginFileTransfer(ByteSource source, Consumer& consumer, ByteTransform transform = {});

  // PullProducer
  void resumeProducing() override;
  void stopProducing() override;

 private:
  void finish();
  void sendPortion();

  ByteSource source_;
  ByteTransform transform_;
  Consumer* consumer_ = nullptr;  // null: no transfer. It unregisters us before it dies
  std::optional<Promise<FileSent>> done_;
  FileSent sent_;
};

}  // namespace bight
