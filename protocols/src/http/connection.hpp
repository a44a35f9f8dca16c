// One connection of a Site.
//
// States of the present exchange:
//
//   reading ──request──► answering ──Response──► (answered) ──► reading      keep-alive: the next request
//      │                        │     └──ResponseStream──► streaming ──finish──►┘
//      │ malformed, too slow    │ client goes: the Deferred is cancelled
//      ▼                        ▼
//   lingering ──► gone        gone
//
// A content that its resource reads itself arrives while the connection is answering or streaming (receiving_); what is left of it after the
// answer is skipped:
//
//   sending: a file goes out, in slices of which each has its time.
//   skipping: answered, and the rest of a short content is read and dropped; then reading.
//   upgrading: "101 Switching Protocols" was said; when nobody looks at the request any more, the connection is given to another Protocol.
//   flushing: answered, but the client does not read; the next request waits until what is buffered has gone out.
//
// An idle connection holds nothing but itself, 120 bytes: an `Input` (parser and unread bytes) is leased from the Site while a request is
// incomplete, or something was sent ahead of an answer; a Request lives from its head to its answer. When much is unread, reading pauses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/http/parser.hpp>
#include <bight/http/resource.hpp>
#include <bight/protocol.hpp>

#include "deadline_wheel.hpp"
#include "gzip_encoder.hpp"

namespace bight::http::detail {

class Connection;
class SiteState;
struct Input;

// What the handles of one ResponseStream share. The connection forgets it when it is over, and it the connection.
struct StreamState final : Consumer {
  StreamState(Connection& owner, bool isChunked, bool hasContent) noexcept
      : connection(&owner), chunked(isChunked), content(hasContent) {}
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;
  ~StreamState() override;

  void write(std::string_view piece) override;
  void registerProducer(std::shared_ptr<PushProducer> producer) override;
  void registerProducer(std::shared_ptr<PullProducer> producer) override;
  void unregisterProducer() override;

  // Lets go of the connection and tells all that wait for the end. That runs users' code, which may drop the last
  // handle on this.
  void over(bool finished);

  Connection* connection;  // null when over
  std::vector<Promise<bool>> ended;
  std::shared_ptr<const void> resource;  // the one that streams lives as long
  std::shared_ptr<Producer> producer;
  std::optional<std::uint64_t> left;  // of a length that was announced
  std::unique_ptr<GzipEncoder> encoder;
  bool chunked;
  bool content;         // false for HEAD
  bool broken = false;  // the client did not read: no more is written
  bool finished = false;
};

class Connection final : public Protocol, public HalfCloseable, public WheelEntry {
 public:
  explicit Connection(SiteState& site) noexcept;
  ~Connection() override;

  void connectionMade() override;
  void dataReceived(std::string_view data) override;
  void connectionLost(const Failure& reason) override;
  void readConnectionLost() override;
  void writeConnectionLost() override {}

  // For the Site: the connection's deadline is over.
  static void deadlinePassed(WheelEntry& entry) { static_cast<Connection&>(entry).timedOut(); }
  // For the Site: no more requests; what is idle ends now, the others after their answer.
  void drain();

  // For Request.
  void forgetRequest() noexcept;
  void contentWanted();

  // For Input: what the reader of a content says.
  void pauseContent();
  void resumeContent();

  // For ResponseStream.
  std::shared_ptr<StreamState> openStream(const Request& request, const Response& response,
                                          std::optional<std::uint64_t> length);
  bool streamWrite(StreamState& stream, std::string_view piece);
  void streamFinish();
  void streamDropped() noexcept;

 private:
  enum class State : std::uint8_t {
    reading,
    answering,
    streaming,
    sending,
    skipping,
    flushing,
    upgrading,
    lingering,
    gone
  };

  void timedOut();

  // Input.
  std::size_t read(Input& input, std::string_view data);
  void waitForMore(Input& input);
  void beginRequest(Input& input, bool moreIsThere);
  void takeContent(Input& input, std::string_view piece);
  void endContent(Input& input);
  void failContent(Input& input, Failure failure);
  void putBack(std::unique_ptr<Input> input);
  void keep(std::string_view data);
  void readOn();
  void readOnSoon();

  // Answers.
  void render(std::shared_ptr<Resource> found = nullptr);
  std::shared_ptr<Resource> findResource();
  void takeAnswer(Answer&& answer, std::shared_ptr<const void> from);
  template <class T>
  void await(Deferred<T> deferred, std::shared_ptr<const void> from);
  template <class T>
  void deferredFired(Result<T> result, const std::shared_ptr<const void>& from) noexcept;
  void upgrade(Upgrade upgrade);
  void switchOver();
  void fail(const Failure& failure);
  static void failedUnseen(const Failure& failure);
  const Headers* moreHeaders() const noexcept;
  bool mustClose() const noexcept;
  bool shallCompress(const Response& response) const noexcept;
  Response compressedResponse(const Response& response);
  static void markCompressed(Headers& headers);
  void sendContent(std::shared_ptr<FileContent> content);
  Deferred<void> sendParts(std::shared_ptr<FileContent> content);
  void partsSent(const Result<void>& result);
  void writeContent(const StreamState& stream, std::string_view piece);
  void noteAnswer(int status, std::uint64_t bytes) noexcept;
  void logAccess(int status = 0, std::uint64_t bytes = 0);
  void respond(const Response& response);
  void refuse(int status, std::string_view sentence);
  void answered();
  void proceed();
  void goOn();
  void skipContent();

  // Ends.
  void leave() noexcept;
  void linger();
  void cutStream() noexcept;
  void lose();

  SiteState& site_;
  std::unique_ptr<Input> input_;  // an incomplete request, or what is unread
  std::unique_ptr<Request> request_;
  bight::detail::ChainReference awaited_;  // the answer that has not come yet, to cancel it
  StreamState* stream_ = nullptr;
  // reading: the second in which the whole request must be there; flushing: how much was buffered when it was last looked at;
  // lingering: how much was dropped.
  std::uint32_t measure_ = 0;
  State state_ = State::reading;
  bool isHead_ : 1 = false;         // the present request is a HEAD
  bool isOld_ : 1 = false;          // it came by HTTP/1.0
  bool close_ : 1 = false;          // the connection ends after its answer
  bool answered_ : 1 = false;       // it has its answer
  bool awaiting_ : 1 = false;       // its Deferred has not fired: the request must stay
  bool forgotten_ : 1 = false;      // unless users' code said that it is not needed
  bool rendering_ : 1 = false;      // inside users' code that holds a Request&
  bool reading_ : 1 = false;        // inside read(): it goes on by itself
  bool soon_ : 1 = false;           // readOn() is scheduled
  bool paused_ : 1 = false;         // reading from the transport
  bool receiving_ : 1 = false;      // the content of the present request comes while it is answered, or after
  bool contentPaused_ : 1 = false;  // who reads it has enough for now
  bool mustContinue_ : 1 = false;   // the client waits for "100 Continue" before it sends the content
  bool lingers_ : 1 = false;        // the connection is to end by linger(): more input may be on its way
  bool inRequest_ : 1 = false;      // bytes of an incomplete request have come: measure_ counts
};

}  // namespace bight::http::detail
