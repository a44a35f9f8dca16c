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
//   upgrading: "101 Switching Protocols" was said; when nobody looks at the request any more, the connection is given to another Protocol.
//   flushing: answered, but the client does not read; the next request waits until what is buffered has gone out.
//
// An idle connection holds nothing but itself, 120 bytes: an `Input` (parser and unread bytes) is leased from the Site while a request is
// incomplete, or something was sent ahead of an answer; a Request lives from its head to its answer. When much is unread, reading pauses.
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
struct Input;

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
  std::shared_ptr<Resource> resource;  // the one that streams lives as long
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

  // For Request.
  void forgetRequest() noexcept;

  // For ResponseStream.
  std::shared_ptr<StreamState> openStream(const Request& request, const Response& response);
  bool streamWrite(StreamState& stream, std::string_view piece);
  void streamFinish();
  void streamDropped() noexcept;

 private:
  enum class State : std::uint8_t { reading, answering, streaming, flushing, upgrading, lingering, gone };

  void timedOut();

  // Input.
  std::size_t read(RequestParser& parser, std::string_view data);
  void waitForMore(const RequestParser& parser);
  void beginRequest(const RequestHead& head, bool moreIsThere);
  void putBack(std::unique_ptr<Input> input);
  void keep(std::string_view data);
  void readOn();
  void readOnSoon();

  // Answers.
  void render();
  std::shared_ptr<Resource> findResource();
  void takeAnswer(Answer answer, std::shared_ptr<Resource> from);
  template <class T>
  void await(Deferred<T> deferred, std::shared_ptr<Resource> from);
  template <class T>
  void deferredFired(Result<T> result, const std::shared_ptr<Resource>& from) noexcept;
  void upgrade(Upgrade upgrade);
  void switchOver();
  void fail(const Failure& failure);
  static void failedUnseen(const Failure& failure);
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
  std::unique_ptr<Input> input_;  // an incomplete request, or what is unread
  std::unique_ptr<Request> request_;
  bight::detail::ChainReference awaited_;  // the answer that has not come yet, to cancel it
  StreamState* stream_ = nullptr;
  // reading: the second in which the whole request must be there; flushing: how much was buffered when it was last looked at;
  // lingering: how much was dropped.
  std::uint32_t measure_ = 0;
  State state_ = State::reading;
  bool isHead_ : 1 = false;     // the present request is a HEAD
  bool isOld_ : 1 = false;      // it came by HTTP/1.0
  bool close_ : 1 = false;      // the connection ends after its answer
  bool answered_ : 1 = false;   // it has its answer
  bool awaiting_ : 1 = false;   // its Deferred has not fired: the request must stay
  bool forgotten_ : 1 = false;  // unless users' code said that it is not needed
  bool rendering_ : 1 = false;  // inside users' code that holds a Request&
  bool reading_ : 1 = false;    // inside read(): it goes on by itself
  bool soon_ : 1 = false;       // readOn() is scheduled
  bool paused_ : 1 = false;
  bool inRequest_ : 1 = false;  // bytes of an incomplete request have come: measure_ counts
};

}  // namespace bight::http::detail
