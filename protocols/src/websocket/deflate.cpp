// The two halves of permessage-deflate, on zlib.
//
// A direction whose context is taken over from message to message keeps a stream of zlib's for as long as the connection
// lives. One whose context is not borrows a stream for each message from a few that the thread keeps.
#include <bight/websocket/deflate.hpp>

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace bight::websocket {

namespace {

constexpr std::size_t mostStreamsKept = 4;  // streams of each kind in a thread, between messages

[[noreturn]] void refused(int status) {
  if (status == Z_MEM_ERROR) throw std::bad_alloc();
  throw std::logic_error("WebSocket: zlib refuses its parameters, or is another version than it was compiled for");
}

// zlib reads through pointers that are not const.
Bytef* bytes(std::string_view view) noexcept {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(view.data()));
}

}  // namespace

void DeflateOptions::check() const {
  if (ownWindowBits < 8 || ownWindowBits > 15 || peerWindowBits < 8 || peerWindowBits > 15)
    throw std::invalid_argument("WebSocket: the bits of a window for permessage-deflate are 8 to 15");
  if (level < 1 || level > 9 || memoryLevel < 1 || memoryLevel > 9)
    throw std::invalid_argument("WebSocket: level and memoryLevel of permessage-deflate are 1 to 9");
}

// ---- compressing ----

struct Deflater::Stream {
  Stream(int windowBits, int compression, int memory) : bits(windowBits), level(compression), memoryLevel(memory) {
    // zlib has no window of 8 bits for raw streams; one that only ever looks back by one byte fits into any.
    const int strategy = windowBits == 8 ? Z_RLE : Z_DEFAULT_STRATEGY;
    const int status = deflateInit2(&zlib, level, Z_DEFLATED, -std::max(windowBits, 9), memoryLevel, strategy);
    if (status != Z_OK) refused(status);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { deflateEnd(&zlib); }

  z_stream zlib{};
  int bits;
  int level;
  int memoryLevel;
};

namespace {
template <class Stream>
std::vector<std::unique_ptr<Stream>>& kept() {
  thread_local std::vector<std::unique_ptr<Stream>> streams;
  return streams;
}

template <class Stream, class Fits>
std::unique_ptr<Stream> takeKept(Fits fits) {
  auto& streams = kept<Stream>();
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const auto& one) { return fits(*one); });
  if (found == streams.end()) return nullptr;
  auto stream = std::move(*found);
  streams.erase(found);
  return stream;
}

template <class Stream>
void keep(std::unique_ptr<Stream> stream) noexcept {
  try {
    auto& streams = kept<Stream>();
    if (streams.size() >= mostStreamsKept) streams.erase(streams.begin());
    streams.push_back(std::move(stream));
  } catch (const std::bad_alloc&) {
    // Then it is not kept.
  }
}
}  // namespace

Deflater::Deflater(const DeflateAgreement& agreement, const DeflateOptions& options) noexcept
    : windowBits_(static_cast<std::uint8_t>(agreement.ownWindowBits)),
      level_(static_cast<std::uint8_t>(options.level)),
      memoryLevel_(static_cast<std::uint8_t>(options.memoryLevel)),
      takeover_(!agreement.ownNoContextTakeover) {}

Deflater::~Deflater() = default;

std::unique_ptr<Deflater::Stream> Deflater::take(int windowBits, int level, int memoryLevel) {
  auto stream = takeKept<Stream>([&](const Stream& one) {
    return one.bits == windowBits && one.level == level && one.memoryLevel == memoryLevel;
  });
  return stream ? std::move(stream) : std::make_unique<Stream>(windowBits, level, memoryLevel);
}

void Deflater::giveBack(std::unique_ptr<Stream> stream) noexcept {
  deflateReset(&stream->zlib);
  keep(std::move(stream));
}

void Deflater::compress(std::string_view message, std::string& out) {
  if (message.empty()) {
    out += '\0';  // an empty stored block, less the tail: zlib gives nothing for nothing
    return;
  }
  if (!stream_) {
    stream_ = takeover_ ? std::make_unique<Stream>(windowBits_, level_, memoryLevel_)
                        : take(windowBits_, level_, memoryLevel_);
  }
  z_stream& zlib = stream_->zlib;
  // zlib counts in 32 bits.
  constexpr std::size_t mostAtOnce = std::size_t{1} << 30;
  do {
    const std::string_view part = message.substr(0, mostAtOnce);
    message.remove_prefix(part.size());
    zlib.next_in = bytes(part);
    zlib.avail_in = static_cast<uInt>(part.size());
    const int flush = message.empty() ? Z_SYNC_FLUSH : Z_NO_FLUSH;
    do {
      std::array<char, 8192> room;
      zlib.next_out = reinterpret_cast<Bytef*>(room.data());
      zlib.avail_out = static_cast<uInt>(room.size());
      deflate(&zlib, flush);
      out.append(room.data(), room.size() - zlib.avail_out);
    } while (zlib.avail_out == 0);
  } while (!message.empty());
  out.resize(out.size() - Inflater::tail().size());
  if (!takeover_) giveBack(std::move(stream_));
}

// ---- decompressing ----

struct Inflater::Stream {
  explicit Stream(int windowBits) : bits(windowBits) {
    const int status = inflateInit2(&zlib, -windowBits);
    if (status != Z_OK) refused(status);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { inflateEnd(&zlib); }

  z_stream zlib{};
  int bits;
};

Inflater::Inflater(const DeflateAgreement& agreement) noexcept
    : windowBits_(static_cast<std::uint8_t>(agreement.peerWindowBits)), takeover_(!agreement.peerNoContextTakeover) {}

Inflater::~Inflater() = default;

std::unique_ptr<Inflater::Stream> Inflater::take(int windowBits) {
  auto stream = takeKept<Stream>([&](const Stream& one) { return one.bits == windowBits; });
  return stream ? std::move(stream) : std::make_unique<Stream>(windowBits);
}

void Inflater::giveBack(std::unique_ptr<Stream> stream) noexcept {
  inflateReset(&stream->zlib);
  keep(std::move(stream));
}

std::size_t Inflater::inflate(std::string_view& input, std::span<char> room) {
  if (failed_) return 0;
  if (!stream_) stream_ = takeover_ ? std::make_unique<Stream>(windowBits_) : take(windowBits_);
  z_stream& zlib = stream_->zlib;
  const auto given = static_cast<uInt>(std::min<std::size_t>(input.size(), std::size_t{1} << 30));
  const auto most = static_cast<uInt>(std::min<std::size_t>(room.size(), std::size_t{1} << 30));
  zlib.next_in = bytes(input);
  zlib.avail_in = given;
  zlib.next_out = reinterpret_cast<Bytef*>(room.data());
  zlib.avail_out = most;
  for (;;) {
    const int status = ::inflate(&zlib, Z_SYNC_FLUSH);
    if (status == Z_STREAM_END) {
      // A block that says it is the last one. More may follow, and refer to what came before (RFC 7692, 7.2.3.4).
      inflateResetKeep(&zlib);
      if (zlib.avail_in > 0 && zlib.avail_out > 0) continue;
      break;
    }
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    failed_ = status != Z_OK && status != Z_BUF_ERROR;
    break;
  }
  input.remove_prefix(given - zlib.avail_in);
  return most - zlib.avail_out;
}

bool Inflater::atBoundary() const noexcept {
  if (!stream_ || failed_) return !failed_;
  // zlib tells where it stands: 128 between two blocks, and in the low bits how many of a byte it has not used.
  const int place = stream_->zlib.data_type;
  return (place & 128) != 0 && (place & 63) == 0;
}

bool Inflater::endMessage() noexcept {
  const bool whole = atBoundary();
  if (stream_ && !takeover_) giveBack(std::move(stream_));
  return whole;
}

}  // namespace bight::websocket
