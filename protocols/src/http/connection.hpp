// One connection of a Site.
//
// States of the present exchange:
//
//   reading ──whole request──► answering ──Response──► (answered) ──► reading      keep-alive: the next request
//      │                        │     └──ResponseStream──► streaming ──finish──►┘
//      │ malformed, too slow    │ client goes: the Deferred is cancelled
//      ▼                        ▼
//   lingering ──► gone        gone
//
//   flushing: answered, but the client does not read; the next request waits until what is buffered has gone out.
//
// An idle connection holds nothing but itself: the parser is leased from the Site while a request comes in, a request
// lives from its head to its answer, and unread input (`Tail`) exists only while an answer is awaited. When the tail is
// full, reading pauses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <bight/deferred.hpp>
#include <bight/http/parser.hpp>
#include <bight/http/resource.hpp>
#include <bight/protocol.hpp>

#include "deadline_wheel.hpp"

namespace bight::http::detail {

class Connection;
class SiteState;

// What the handles of one ResponseStream share. The connection forgets it when it is over, and it the connection.
struct StreamState {
  StreamState(Connection& owner, bool isChunked, bool hasContent) noexcept
      : connection(&owner), chunked(isChunked), content(hasContent) {}
  StreamState(const StreamState&) = delete;
  StreamState& operator=(const StreamState&) = delete;
  ~StreamState();

  // Lets go of the connection and tells all that wait for the end. That runs users' code, which may drop the last
  // handle on this.
  void over(bool finished);

  Connection* connection;  // null when over
  std::vector<Promise<bool>> ended;
  bool chunked;
  bool content;         // false for HEAD
  bool broken = false;  // the client did not read: no more is written
  bool finished = false;
};

class Connection final : public Protocol, public HalfCloseable, public WheelEntry {
 public:
  explicit Connection(SiteState& site) noexcept : site_(site) {}

  void connectionMade() override;
  void dataReceived(std::string_view data) override;
  void connectionLost(const Failure& reason) override;
  void readConnectionLost() override;
  void writeConnectionLost() override {}

  // For ResponseStream.
  std::shared_ptr<StreamState> openStream(const Request& request, const Response& response);
  bool streamWrite(StreamState& stream, std::string_view piece);
  void streamFinish();
  void streamDropped() noexcept;

 private:
  enum class State : std::uint8_t { reading, answering, streaming, flushing, lingering, gone };

  struct Tail {
    std::string bytes;
    std::size_t used = 0;
    std::string_view unread() const noexcept { return std::string_view(bytes).substr(used); }
  };

  void deadlinePassed() override;

  // Input.
  std::size_t read(std::string_view data);
  void waitForMore();
  void beginRequest(bool moreIsThere);
  void keep(std::string_view data);
  void readTail();
  void readTailSoon();

  // Answers.
  void render();
  std::shared_ptr<Resource> findResource();
  void takeAnswer(Answer answer, std::shared_ptr<Resource> from);
  void await(Deferred<Response> deferred);
  void deferredFired(Result<Response> result) noexcept;
  void fail(const Failure& failure);
  void respond(const Response& response);
  void refuse(int status, std::string_view sentence);
  void answered();
  void proceed();

  // Ends.
  void leave() noexcept;
  void linger();
  void cutStream() noexcept;
  void lose();

  SiteState& site_;
  std::unique_ptr<RequestParser> parser_;
  std::unique_ptr<Request> request_;
  std::unique_ptr<Tail> tail_;
  bight::detail::ChainReference awaited_;  // the answer that has not come yet, to cancel it
  StreamState* stream_ = nullptr;
  std::uint32_t requestEnd_ = 0;  // the second in which the whole request must be there
  std::uint32_t waiting_ =
      0;  // flushing: how much was buffered when it was last looked at; lingering: how much was dropped
  State state_ = State::reading;
  bool close_ : 1 = false;      // after this answer
  bool answered_ : 1 = false;   // the present request has its answer
  bool awaiting_ : 1 = false;   // its Deferred has not fired: the request must stay
  bool rendering_ : 1 = false;  // inside users' code that holds a Request&
  bool reading_ : 1 = false;    // inside read(): it goes on by itself
  bool soon_ : 1 = false;       // readTail() is scheduled
  bool paused_ : 1 = false;
  bool inRequest_ : 1 = false;  // bytes of an incomplete request have come: requestEnd_ counts
};

}  // namespace bight::http::detail
