// gzip (RFC 1952), piece by piece.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace bight::http::detail {

class GzipEncoder {
 public:
  explicit GzipEncoder(int level);
  ~GzipEncoder();
  GzipEncoder(const GzipEncoder&) = delete;
  GzipEncoder& operator=(const GzipEncoder&) = delete;

  // Appends to `out` what a reader needs to see all of `piece`.
  void write(std::string_view piece, std::string& out) { run(piece, out, false); }
  // Appends the end.
  void finish(std::string& out) { run({}, out, true); }

 private:
  struct State;
  void run(std::string_view piece, std::string& out, bool last);

  std::unique_ptr<State> state_;
};

// All of it at once.
std::string gzip(std::string_view content, int level);

// Whether contents of this media type become much smaller.
bool isCompressible(std::string_view mediaType) noexcept;

}  // namespace bight::http::detail
