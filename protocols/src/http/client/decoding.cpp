#include <bight/http/decoding.hpp>

#include <zlib.h>
#if BIGHT_HAVE_BROTLI
#include <brotli/decode.h>
#endif
#if BIGHT_HAVE_ZSTD
#include <zstd.h>
#endif

#include <algorithm>
#include <stdexcept>
#include <string>

#include <bight/http/client_errors.hpp>
#include <bight/http/syntax.hpp>

namespace bight::http {

class ContentDecoder::Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;
  virtual std::size_t decode(std::string_view& input, char* room, std::size_t size) = 0;
  virtual bool complete() const noexcept = 0;
};

namespace {

[[noreturn]] void broken(const char* coding, const char* why) {
  throw DecodingError(std::string("The content is not what its Content-Encoding says, ") + coding + ": " + why + ".");
}

class Zlib final : public ContentDecoder::Stream {
 public:
  explicit Zlib(bool gzip) : gzip_(gzip) {
    if (inflateInit2(&stream_, gzip ? 15 + 16 : 15) != Z_OK) throw std::bad_alloc();
  }
  ~Zlib() override { inflateEnd(&stream_); }

  std::size_t decode(std::string_view& input, char* room, std::size_t size) override {
    if (ended_) {
      // Another member of gzip may follow, and so may zeros that pad; of deflate there is only one.
      if (input.empty()) return 0;
      if (!gzip_) broken("deflate", "there is something behind its end");
      while (!input.empty() && input.front() == '\0') input.remove_prefix(1);
      if (input.empty()) return 0;
      if (inflateReset(&stream_) != Z_OK) broken("gzip", "it cannot begin anew");
      ended_ = false;
    }
    if (!gzip_ && !begun_ && !input.empty()) {
      // zlib's first byte has 8 in its lower half; a bare deflate hardly ever has.
      begun_ = true;
      if ((input.front() & 0x0f) != 8) inflateReset2(&stream_, -15);
    }
    begun_ = begun_ || !input.empty();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(input.size(), 1u << 30));
    stream_.next_out = reinterpret_cast<Bytef*>(room);
    stream_.avail_out = static_cast<uInt>(size);
    const uInt given = stream_.avail_in;
    const int rc = inflate(&stream_, Z_NO_FLUSH);
    input.remove_prefix(given - stream_.avail_in);
    if (rc == Z_STREAM_END) {
      ended_ = true;
    } else if (rc != Z_OK && rc != Z_BUF_ERROR) {
      broken(gzip_ ? "gzip" : "deflate", stream_.msg ? stream_.msg : "zlib refuses it");
    }
    return size - stream_.avail_out;
  }
  bool complete() const noexcept override { return ended_ || !begun_; }

 private:
  z_stream stream_{};
  const bool gzip_;
  bool begun_ = false;
  bool ended_ = false;
};

#if BIGHT_HAVE_BROTLI
class Brotli final : public ContentDecoder::Stream {
 public:
  Brotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (!state_) throw std::bad_alloc();
  }
  ~Brotli() override { BrotliDecoderDestroyInstance(state_); }

  std::size_t decode(std::string_view& input, char* room, std::size_t size) override {
    if (ended_) {
      if (!input.empty()) broken("br", "there is something behind its end");
      return 0;
    }
    begun_ = begun_ || !input.empty();
    std::size_t availableIn = input.size(), availableOut = size;
    const auto* nextIn = reinterpret_cast<const std::uint8_t*>(input.data());
    auto* nextOut = reinterpret_cast<std::uint8_t*>(room);
    const auto rc = BrotliDecoderDecompressStream(state_, &availableIn, &nextIn, &availableOut, &nextOut, nullptr);
    input.remove_prefix(input.size() - availableIn);
    if (rc == BROTLI_DECODER_RESULT_ERROR) broken("br", BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state_)));
    ended_ = rc == BROTLI_DECODER_RESULT_SUCCESS;
    return size - availableOut;
  }
  bool complete() const noexcept override { return ended_ || !begun_; }

 private:
  BrotliDecoderState* const state_;
  bool begun_ = false;
  bool ended_ = false;
};
#endif

#if BIGHT_HAVE_ZSTD
class Zstd final : public ContentDecoder::Stream {
 public:
  Zstd() : stream_(ZSTD_createDStream()) {
    if (!stream_) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, 23);
  }
  ~Zstd() override { ZSTD_freeDStream(stream_); }

  std::size_t decode(std::string_view& input, char* room, std::size_t size) override {
    if (input.empty() && hint_ == 0) return 0;  // between two frames
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{room, size, 0};
    hint_ = ZSTD_decompressStream(stream_, &out, &in);
    if (ZSTD_isError(hint_)) broken("zstd", ZSTD_getErrorName(hint_));
    input.remove_prefix(in.pos);
    return out.pos;
  }
  bool complete() const noexcept override { return hint_ == 0; }

 private:
  ZSTD_DStream* const stream_;
  std::size_t hint_ = 0;  // what the frame still needs
};
#endif

std::unique_ptr<ContentDecoder::Stream> makeStream(std::string_view coding) {
  if (equalsIgnoringCase(coding, "gzip") || equalsIgnoringCase(coding, "x-gzip")) return std::make_unique<Zlib>(true);
  if (equalsIgnoringCase(coding, "deflate")) return std::make_unique<Zlib>(false);
#if BIGHT_HAVE_BROTLI
  if (equalsIgnoringCase(coding, "br")) return std::make_unique<Brotli>();
#endif
#if BIGHT_HAVE_ZSTD
  if (equalsIgnoringCase(coding, "zstd")) return std::make_unique<Zstd>();
#endif
  throw std::invalid_argument("bight::http::ContentDecoder: the coding \"" + std::string(coding) +
                              "\" is not known here");
}

}  // namespace

bool ContentDecoder::knows(std::string_view coding) noexcept {
  return equalsIgnoringCase(coding, "gzip") || equalsIgnoringCase(coding, "x-gzip") ||
         equalsIgnoringCase(coding, "deflate") || (BIGHT_HAVE_BROTLI && equalsIgnoringCase(coding, "br")) ||
         (BIGHT_HAVE_ZSTD && equalsIgnoringCase(coding, "zstd"));
}

std::string_view ContentDecoder::accepted() noexcept {
#if BIGHT_HAVE_BROTLI && BIGHT_HAVE_ZSTD
  return "gzip, deflate, br, zstd";
#elif BIGHT_HAVE_BROTLI
  return "gzip, deflate, br";
#elif BIGHT_HAVE_ZSTD
  return "gzip, deflate, zstd";
#else
  return "gzip, deflate";
#endif
}

ContentDecoder::ContentDecoder(std::string_view coding) : stream_(makeStream(coding)) {}

ContentDecoder::~ContentDecoder() = default;

std::size_t ContentDecoder::decode(std::string_view& input, char* room, std::size_t size) {
  const std::size_t before = input.size();
  const std::size_t made = stream_->decode(input, room, size);
  in_ += before - input.size();
  out_ += made;
  return made;
}

void ContentDecoder::finish() {
  if (!stream_->complete()) throw DecodingError("The encoded content ends before its end.");
}

}  // namespace bight::http
