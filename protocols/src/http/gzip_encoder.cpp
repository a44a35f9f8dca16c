#include "gzip_encoder.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>

#include <bight/http/syntax.hpp>

namespace bight::http::detail {

namespace {

constexpr int gzipWrapping = 16;  // zlib's way to be asked for gzip
// A window of 4 KiB instead of 32 costs some percent of the size and saves 230 KiB for each stream.
constexpr int streamWindow = 12;
constexpr int streamMemory = 5;
constexpr std::size_t portion = 16 * 1024;

void append(z_stream& stream, std::string_view piece, std::string& out, int flush) {
  do {
    const std::size_t most = std::min<std::size_t>(piece.size(), 1U << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));  // zlib does not write there
    stream.avail_in = static_cast<uInt>(most);
    piece.remove_prefix(most);
    do {
      char room[portion];
      stream.next_out = reinterpret_cast<Bytef*>(room);
      stream.avail_out = sizeof room;
      deflate(&stream, piece.empty() ? flush : Z_NO_FLUSH);
      out.append(room, sizeof room - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (!piece.empty());
}

}  // namespace

struct GzipEncoder::State {
  State(int level, int window, int memory) {
    if (deflateInit2(&stream, level, Z_DEFLATED, window + gzipWrapping, memory, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~State() { deflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  z_stream stream{};
};

GzipEncoder::GzipEncoder(int level) : state_(std::make_unique<State>(level, streamWindow, streamMemory)) {}
GzipEncoder::~GzipEncoder() = default;

void GzipEncoder::run(std::string_view piece, std::string& out, bool last) {
  append(state_->stream, piece, out, last ? Z_FINISH : Z_SYNC_FLUSH);
}

std::string gzip(std::string_view content, int level) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, MAX_WBITS + gzipWrapping, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out;
  out.reserve(content.size() / 4 + 64);
  append(stream, content, out, Z_FINISH);
  deflateEnd(&stream);
  return out;
}

bool isCompressible(std::string_view mediaType) noexcept {
  const std::string_view type = trimWhitespace(mediaType.substr(0, mediaType.find(';')));
  if (type.size() > 5 && equalsIgnoringCase(type.substr(0, 5), "text/")) return true;
  for (const std::string_view suffix : {"+json", "+xml"}) {
    if (type.size() > suffix.size() && equalsIgnoringCase(type.substr(type.size() - suffix.size()), suffix))
      return true;
  }
  for (const std::string_view known :
       {"application/json", "application/javascript", "application/xml", "application/x-ndjson", "application/wasm",
        "application/manifest+json", "font/ttf", "font/otf", "application/vnd.ms-fontobject", "image/bmp",
        "image/x-icon", "application/x-www-form-urlencoded"}) {
    if (equalsIgnoringCase(type, known)) return true;
  }
  return false;
}

}  // namespace bight::http::detail
