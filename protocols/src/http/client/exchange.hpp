// Exchange: one request on its way, and the answer to it.
//
//    queued ──► connecting ──► sending ──► waiting ──► receiving ──► done
//       └─── a free connection ──►┘                                   ▲
//    any: cancelled, timed out, failed, the reader dropped ───────────┘
//
// It is kept by whoever has it to do: the queue, the attempt to connect, the connection; and by the Deferred it answers to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bight/address.hpp>
#include <bight/deferred.hpp>
#include <bight/detail/block_cache.hpp>
#include <bight/http/agent.hpp>
#include <bight/http/client_errors.hpp>
#include <bight/http/decoding.hpp>
#include <bight/ref.hpp>
#include <bight/time.hpp>

#include "../body_pipe.hpp"

namespace bight::http::detail {

class ClientConnection;
class Pool;
struct Host;
struct ResponseState;

class Exchange final : public BodySource {
 public:
  using Stage = RequestError::Stage;

  Exchange(const std::shared_ptr<Pool>& pool, OutgoingRequest&& request);
  static void* operator new(std::size_t size) { return bight::detail::takeBlock(bight::detail::blockSizeFor(size)); }
  static void operator delete(void* block, std::size_t size) noexcept {
    bight::detail::giveBlock(block, bight::detail::blockSizeFor(size));
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Begins the clock, and gives what fires with the answer.
  Deferred<ClientResponse> begin();

  // ---- for the pool ----
  const OutgoingRequest& request() const noexcept { return request_; }
  Host* host = nullptr;
  void queued();
  void dialing();
  void connecting(Deferred<void> dial);
  void stopDialing() noexcept { dial_.reset(); }
  bool over() const noexcept { return over_; }
  // It is to be sent on a connection, of which it is the first user or not.
  void attach(ClientConnection& connection, bool reused);
  void fail(Failure failure);
  void trace(TraceEvent::What what, std::uint64_t bytes = 0);
  bool mayBeRepeated() const noexcept;
  bool resent = false;

  // ---- for the connection ----
  void progress();  // something was sent or received
  void sent();
  void continued();
  void head(const ReceivedHead& head);
  // Gives the answer to who waits for it. One without a content only when its connection is free again: whoever asks
  // for more at once shall find it.
  void announce();
  void piece(std::string_view bytes);
  void end();
  // The connection is gone. False if the exchange wants to be sent once more.
  bool lost(const Failure& reason);
  void malformed(const char* sentence);
  Stage stage() const noexcept { return stage_; }
  // Whether something of the answer has come.
  bool answered() const noexcept { return answered_; }

  // "GET http://a.example/"
  std::string name() const;
  // "192.0.2.1:80"
  std::string where() const;
  // " (connected after 0.01 s)"
  std::string when() const;

  // BodySource
  void pauseBody() override;
  void resumeBody() override;
  void bodyDropped() override;

  void ref() const noexcept { count_.add(); }
  void unref() const noexcept {
    if (count_.drop()) delete this;
  }

 private:
  ~Exchange();

  void cancel();
  void arm();
  void timeUp();
  void finish();
  void decodeMore();
  Duration stageLimit() const noexcept;
  Duration now() const;

  mutable bight::detail::RefCount count_;
  const std::shared_ptr<Pool> pool_;
  const OutgoingRequest request_;
  Promise<ClientResponse> promise_;
  Stage stage_ = Stage::queued;
  bool over_ = false;
  bool answered_ = false;
  bool waited_ = false;       // for a connection
  bool paused_ = false;       // the reader of the content is slow
  bool allReceived_ = false;  // but not all is decoded
  int status_ = 0;
  Duration begun_{};
  Duration connectedAt_{-1};
  Duration progressAt_{};
  Duration armedFor_{};
  DelayedCall timer_;
  std::optional<Address> peer_;  // where it was, once the connection is gone
  std::optional<Deferred<void>> dial_;
  std::optional<Deferred<void>> sending_;
  std::optional<Promise<void>> continue_;
  DelayedCall continueTimer_;
  ClientConnection* connection_ = nullptr;
  Ref<BodyPipe> pipe_;
  std::shared_ptr<ResponseState> answer_;  // that has not been announced
  std::unique_ptr<ContentDecoder> decoder_;
  std::string undecoded_;
  Ref<Exchange> kept_;  // by itself, while all is received and not all is decoded

  friend class ClientConnection;
};

// "0.01 s", "5 s"
std::string secondsText(Duration duration);

}  // namespace bight::http::detail
