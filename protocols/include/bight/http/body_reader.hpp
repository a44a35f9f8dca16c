/// @file
/// `BodyReader`: the receiving end of a content that arrives while it is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/producer.hpp>
#include <bight/ref.hpp>

namespace bight::http {

namespace detail {
class BodyPipe;
}

/// A content is larger than whoever reads it allows.
class BIGHT_API BodyTooLong : public std::runtime_error {
 public:
  /// @param what  which content, such as "The content of GET http://a.example/"
  explicit BodyTooLong(std::uint64_t limit, const std::string& what = "The content");
  /// How many bytes were allowed.
  std::uint64_t limit() const noexcept { return limit_; }

 private:
  std::uint64_t limit_;
};

/// A content ended before its end: the connection was lost, or somebody gave up.
class BIGHT_API IncompleteBody : public std::runtime_error {
 public:
  /// @param expected  how long it was to be, if that is known
  /// @param why  the rest of the sentence, such as "the connection was lost"
  IncompleteBody(std::uint64_t received, std::optional<std::uint64_t> expected, const std::string& why);
  std::uint64_t received() const noexcept { return received_; }
  std::optional<std::uint64_t> expected() const noexcept { return expected_; }

 private:
  std::uint64_t received_;
  std::optional<std::uint64_t> expected_;
};

/// Reads a content piece by piece, at the pace of whoever reads: when more than 64 KiB wait to be read, the other end
/// of the connection is made to wait too.
///
///     for (std::string piece = co_await body.read(); !piece.empty(); piece = co_await body.read()) file.write(piece);
///
/// One operation at a time: a second one while the first has not ended throws std::logic_error. What goes wrong (the
/// connection is lost, a limit or a time is exceeded) fails the operation, after what had arrived before was handed
/// out.
///
/// **Lifetime.** To drop the reader before the end says that nobody wants the rest: a client closes the connection, a
/// server skips the rest or closes. An operation under way keeps it: `Deferred<std::string> all = take().readAll();`
/// reads to the end though the reader is gone.
class BIGHT_API BodyReader {
 public:
  /// A content of no bytes.
  BodyReader() noexcept;
  /// A content that is there already, for tests.
  explicit BodyReader(std::string content);
  BodyReader(BodyReader&& other) noexcept;
  BodyReader& operator=(BodyReader&& other) noexcept;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  ~BodyReader();

  /// The next piece, as much as has arrived; empty at the end, and ever after. Cancelling gives up this read only, and
  /// no byte is lost.
  Deferred<std::string> read();

  /// All that is left. Fails with BodyTooLong if that is more than `limit` bytes (at once, if the length is known), and
  /// drops the rest then. Cancelling drops the rest too.
  Deferred<std::string> readAll(std::size_t limit = std::size_t{16} << 20);

  /// Calls `take(std::string_view)` for each piece; fires at the end. If `take` returns a Deferred (as a coroutine
  /// does), the next piece waits until that has fired, and this one stays valid until then. What `take` throws, or its
  /// Deferred fails with, ends it all: the rest is dropped. So does cancelling. Twisted: `treq.collect`.
  ///
  ///     co_await body.forEach([&](std::string_view piece) { hash.update(piece); });
  template <class F>
  Deferred<void> forEach(F take) {
    using Returned = std::invoke_result_t<F&, std::string_view>;
    if constexpr (std::is_void_v<Returned>) {
      return each(
          [take = std::move(take)](std::string_view piece) mutable -> std::optional<Deferred<void>> {
            take(piece);
            return std::nullopt;
          },
          false);
    } else {
      static_assert(std::is_same_v<Returned, Deferred<void>>,
                    "bight: the function given to forEach returns nothing, or a Deferred<void>");
      return each([take = std::move(take)](
                      std::string_view piece) mutable -> std::optional<Deferred<void>> { return take(piece); },
                  true);
    }
  }

  /// Writes all pieces to `consumer`, which must outlive it: a Transport, a file. It steers the pace as the producer of
  /// the consumer. Fires at the end, when the consumer is free for another producer; the consumer is not closed. Fails
  /// with ConnectionLost if the consumer is gone.
  /// @throws std::logic_error if the consumer has a producer already
  Deferred<void> pipeTo(Consumer& consumer);

  /// How long the whole content will be, if that is known beforehand.
  std::optional<std::uint64_t> length() const noexcept;
  /// How many bytes have arrived, read or not.
  std::uint64_t received() const noexcept;
  /// Whether all has arrived and been read, or nothing more can come.
  bool ended() const noexcept;

  /// @cond internal
  explicit BodyReader(Ref<detail::BodyPipe> pipe) noexcept;
  /// @endcond

 private:
  Deferred<void> each(Function<std::optional<Deferred<void>>(std::string_view)> take, bool keepPieces);
  detail::BodyPipe& pipe();

  Ref<detail::BodyPipe> pipe_;  // null: a content of no bytes
};

}  // namespace bight::http
