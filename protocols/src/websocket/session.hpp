/// @file
/// Internal: what goes on in a `websocket::Protocol`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <bight/websocket/message_reader.hpp>
#include <bight/websocket/protocol.hpp>

namespace bight::websocket::detail {

/// The inside of one connection. session.cpp has the way in and the end, session_sending.cpp the way out.
class Session {
 public:
  Session(Protocol& owner, Role role, ReactorTime& clock, std::shared_ptr<const Options> options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Opening.
  void accepted(Agreement agreement) { agreement_ = std::move(agreement); }
  Deferred<void> ask(const ClientRequest& request, Duration openTimeout);

  // Events of the connection.
  void made();
  void received(std::string_view data);
  void lost(const Failure& reason);
  std::size_t unread() const noexcept { return held_.size() + left_; }

  // Sending.
  bool sendMessage(std::string_view payload, bool isBinary);
  bool sendControl(Opcode opcode, std::string_view payload);
  bool sendClose(std::uint16_t code, std::string_view reason);
  bool beginMessage(bool isBinary);
  bool beginMessageFrame(std::uint64_t length, bool fin = false);
  std::uint64_t sendMessageFrameData(std::string_view payload);
  bool endMessage();
  void answerPing(std::string_view payload);

  void pause();
  void resume();
  /// The messages that come are put together.
  void collect() noexcept { collecting_ = true; }

  State state() const noexcept { return state_; }
  Role role() const noexcept { return role_; }
  const Options& options() const noexcept { return *options_; }
  const Agreement& agreement() const noexcept { return agreement_; }

 private:
  enum class Waiting : std::uint8_t { nothing, toOpen, idle, pong, close };

  Transport& transport() const { return owner_.transport(); }

  void opened();
  void readAnswer(std::string_view& input);
  std::string_view read(std::string_view input);
  void take(MessageReader::Event event);
  void takeData();
  void takeMessageEnd();
  void takeClose(const ClosePayload& close);
  bool gone() const;

  void fail(std::uint16_t code, std::string_view sentence);
  void drop(std::size_t bytes);
  void abort(std::string_view why);

  void wait(Waiting what, Duration limit);
  void stopWaiting() noexcept;
  void timedOut(Waiting what);
  void watch();

  void writeFrame(FrameHeader header, std::string_view payload);
  void writeControl(Opcode opcode, std::string_view payload);
  void frameComplete();

  Protocol& owner_;
  ReactorTime& clock_;
  const std::shared_ptr<const Options> options_;
  Agreement agreement_;
  std::unique_ptr<ClientHandshake> handshake_;  // a client's, until it is through
  std::optional<Promise<void>> opening_;        // who waits for that
  Duration openTimeout_{};
  std::optional<MessageReader> reader_;  // from then on
  std::unique_ptr<Deflater> deflater_;
  std::string message_;              // what has come of the message that is put together
  std::string held_;                 // input that came while we were paused, or busy
  std::size_t left_ = 0;             // bytes of the present input that have not been read
  std::string behind_;               // control frames that wait for the end of a frame of ours
  std::optional<std::string> pong_;  // the answer that waits until less is buffered
  DelayedCall timer_;
  Closed closed_;              // what onClose() will be told
  std::uint64_t lacking_ = 0;  // bytes of the frame that we are sending
  std::uint64_t sent_ = 0;     // bytes of it that went out: where the mask stands
  std::size_t measure_ = 0;    // awaiting a pong: how much was buffered; dropping: how much was dropped
  MaskKey key_{};
  const Role role_;
  State state_ = State::connecting;
  bool made_ = false;
  bool sentClose_ = false;
  bool gotClose_ = false;
  bool dropping_ = false;  // the peer broke a rule: nothing is read any more
  bool collecting_ = false;
  bool delivered_ = false;  // the present message has been given to onMessage() already
  bool paused_ = false;
  bool midway_ = false;      // paused with something left to read
  bool busy_ = false;        // read() is on the stack
  bool heard_ = false;       // something has come since the last look
  bool sending_ = false;     // between beginMessage and endMessage
  bool firstFrame_ = false;  // and no frame of it has gone out
  bool binary_ = false;      // it is binary
  bool lastFrame_ = false;   // the frame that is being sent is its last
};

}  // namespace bight::websocket::detail
