// BodyPipe: what lies between a connection, which has pieces of a content, and a BodyReader, which wants them.
//
//    connection ── push, end, fail ──►  BodyPipe  ──► read, readAll, forEach ── BodyReader
//        ▲                                 │
//        └── pauseBody, resumeBody, bodyDropped
//
// It keeps what nobody has asked for yet, and says so when that is more than it wants to keep; a source that goes on nevertheless (what
// it had read already) is kept too. Everything may be called from inside everything else: what is fired runs user code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/detail/block_cache.hpp>
#include <bight/failure.hpp>
#include <bight/function.hpp>
#include <bight/producer.hpp>
#include <bight/ref.hpp>

namespace bight::http::detail {

// Whoever fills a pipe.
class BodySource {
 public:
  // More waits than is good: stop reading, if that is possible. Each is called only when it changes something.
  virtual void pauseBody() = 0;
  virtual void resumeBody() = 0;
  // Nobody will read the rest. The pipe has forgotten the source when this is called, and ignores whatever comes.
  virtual void bodyDropped() = 0;

 protected:
  BodySource() = default;
  BodySource(const BodySource&) = default;
  BodySource& operator=(const BodySource&) = default;
  ~BodySource() = default;
};

class BodyPipe final {
 public:
  static constexpr std::size_t mostUnread = std::size_t{64} << 10;

  // `source` must call end, fail or detach before it dies.
  explicit BodyPipe(BodySource* source, std::optional<std::uint64_t> length = std::nullopt)
      : source_(source), length_(length) {}
  BodyPipe(const BodyPipe&) = delete;
  BodyPipe& operator=(const BodyPipe&) = delete;
  static void* operator new(std::size_t size) { return bight::detail::takeBlock(bight::detail::blockSizeFor(size)); }
  static void operator delete(void* block, std::size_t size) noexcept {
    bight::detail::giveBlock(block, bight::detail::blockSizeFor(size));
  }

  // ---- for the source ----

  // A piece has arrived. It is copied if it cannot be handed on at once.
  void push(std::string_view piece);
  // That was all.
  void end();
  // It went wrong. Whoever reads gets the pieces before first.
  void fail(Failure failure);
  // The source is gone and has nothing to say any more.
  void detach() noexcept { source_ = nullptr; }
  // Whether somebody still wants what is pushed.
  bool wanted() const noexcept { return !dropped_; }
  bool paused() const noexcept { return paused_; }

  // ---- for the reader ----

  using Take = Function<std::optional<Deferred<void>>(std::string_view)>;

  Deferred<std::string> read();
  Deferred<std::string> readAll(std::size_t limit);
  Deferred<void> each(Take take, bool keepPieces);
  Deferred<void> pipeTo(Consumer& consumer);
  // The handle is gone: the rest is unwanted, when what is under way has ended.
  void drop();

  std::optional<std::uint64_t> length() const noexcept { return length_; }
  std::uint64_t received() const noexcept { return received_; }
  bool over() const noexcept { return unread_.empty() && (ended_ || failure_ || dropped_); }

  void ref() const noexcept { count_.add(); }
  void unref() const noexcept {
    if (count_.drop()) delete this;
  }

 private:
  class Outlet;
  enum class Mode : std::uint8_t { idle, one, all, each };

  ~BodyPipe();

  void demandIdle() const;
  void give();
  void giveEach();
  void takePiece(std::string_view piece);
  void finishRead();
  void finishAll();
  void tooLong();
  void giveUp(Failure why);
  void settle();
  void dropRest();

  mutable bight::detail::RefCount count_;
  BodySource* source_;
  std::optional<std::uint64_t> length_;
  std::uint64_t received_ = 0;
  Mode mode_ = Mode::idle;
  bool paused_ = false;   // the source was told to
  bool ended_ = false;    // nothing comes any more
  bool dropped_ = false;  // nobody wants it
  bool handleGone_ = false;
  bool giving_ = false;  // giveEach is running: what is pushed meanwhile waits
  bool keepPieces_ = false;
  bool consumerPaused_ = false;  // by pipeTo
  unsigned holds_ = 0;           // why the next piece has to wait: a Deferred, a paused outlet
  std::size_t limit_ = 0;
  std::string unread_;
  std::string piece_;  // what `take_` looks at while its Deferred is not fired
  std::optional<Failure> failure_;
  std::optional<Promise<std::string>> promise_;  // of read and readAll
  std::optional<Promise<void>> eachPromise_;
  Take take_;
  std::optional<Deferred<void>> waiting_;  // what `take_` returned
  std::shared_ptr<Outlet> outlet_;
};

}  // namespace bight::http::detail
