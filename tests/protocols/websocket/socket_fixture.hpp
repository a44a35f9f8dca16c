// The two ends of a WebSocket connection for tests: protocols that write down what happens to them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/testing/clock.hpp>
#include <bight/testing/io_pump.hpp>
#include <bight/testing/string_transport.hpp>
#include <bight/websocket.hpp>
#include <bight/websocket/message_reader.hpp>

namespace bight::testcases {

/// Writes down what it hears: "open", "text:hello", "binary:3", "ping:x", "pong:", "close:clean,1000,bye".
class Diary : public websocket::Protocol {
 public:
  explicit Diary(bool isEcho = false) : echo_(isEcho) {}

  void onOpen() override { note("open"); }
  void onMessage(std::string_view payload, bool isBinary) override {
    note((isBinary ? "binary:" : "text:") + shown(payload));
    if (echo_) sendMessage(payload, isBinary);
    if (pauseAfterEach) pauseProducing();
  }
  void onPing(std::string_view payload) override {
    note("ping:" + shown(payload));
    Protocol::onPing(payload);
  }
  void onPong(std::string_view payload) override { note("pong:" + shown(payload)); }
  void onClose(bool wasClean, std::uint16_t code, std::string_view why) override {
    note("close:" + std::string(wasClean ? "clean," : "") + std::to_string(code));
    reason = std::string(why);
  }

  /// Everything since the last call.
  std::string entries() { return std::exchange(diary_, {}); }

  std::string reason;
  bool pauseAfterEach = false;

 protected:
  void note(const std::string& entry) { diary_ += (diary_.empty() ? "" : " ") + entry; }
  static std::string shown(std::string_view payload) {
    return payload.size() <= 40 ? std::string(payload) : std::to_string(payload.size());
  }

 private:
  std::string diary_;
  const bool echo_;
};

inline std::string frame(websocket::Opcode opcode, std::string_view payload, bool fin = true, bool rsv1 = false,
                         bool masked = true) {
  std::string out;
  websocket::appendFrame(
      out, {.opcode = opcode, .fin = fin, .rsv1 = rsv1, .masked = masked, .key = {0xA1, 0xB2, 0xC3, 0xD4}}, payload);
  return out;
}

/// A server's protocol whose handshake is through, and a client that is nothing but bytes.
class Served {
 public:
  explicit Served(std::shared_ptr<websocket::Protocol> one, websocket::Options options = {},
                  websocket::Agreement agreement = {})
      : protocol(std::move(one)), transport(makeRef<testing::StringTransport>()), deflate_(agreement.deflate) {
    protocol->prepareServer(clock, std::make_shared<const websocket::Options>(std::move(options)));
    protocol->accepted(std::move(agreement));
    protocol->makeConnection(*transport);
  }
  ~Served() {
    if (transport->connected()) lose();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  void send(std::string_view bytes) {
    if (transport->connected()) protocol->dataReceived(bytes);
  }
  void lose() { transport->lose(*protocol, Failure(ConnectionDone())); }
  /// What the server has sent since the last call, read as a client would; "(fin)" and "(lost)" for how it ends.
  std::string sent() {
    std::string all;
    const auto add = [&all](const std::string& word) { all += (all.empty() ? "" : " ") + word; };
    const std::string bytes = transport->value();
    transport->clear();
    std::string_view input = bytes;
    using Event = websocket::MessageReader::Event;
    for (;;) {
      const Event event = reader().next(input);
      if (event == Event::needMore) break;
      if (event == Event::messageBegin) message_.clear();
      if (event == Event::frameBegin) ++frames_;
      if (event == Event::data) message_ += reader().data();
      if (event == Event::messageEnd) {
        const std::string shown = message_.size() <= 40 ? message_ : std::to_string(message_.size());
        add((reader().isBinary() ? "binary:" : "text:") + shown + (frames_ > 1 ? "/" + std::to_string(frames_) : ""));
        frames_ = 0;
      }
      if (event == Event::ping) add("ping:" + std::string(reader().data()));
      if (event == Event::pong) add("pong:" + std::string(reader().data()));
      if (event == Event::close) add("close:" + std::to_string(reader().close().code));
      if (event == Event::refused) {
        add(std::string("refused: ") + reader().violation().sentence);
        break;
      }
    }
    if (transport->aborting()) {
      add("(aborted)");
    } else if (transport->disconnecting()) {
      add("(lost)");
    } else if (transport->writeClosed()) {
      add("(fin)");
    }
    return all;
  }

  testing::Clock clock;
  std::shared_ptr<websocket::Protocol> protocol;
  Ref<testing::StringTransport> transport;

 private:
  websocket::MessageReader& reader() {
    if (!reader_) {
      std::optional<websocket::DeflateAgreement> theirs;
      if (deflate_)
        theirs = websocket::DeflateAgreement{.peerWindowBits = deflate_->ownWindowBits,
                                             .peerNoContextTakeover = deflate_->ownNoContextTakeover};
      reader_ = std::make_unique<websocket::MessageReader>(websocket::MessageReader::Options{
          .role = websocket::Role::client, .maxMessage = websocket::unlimited, .deflate = theirs});
    }
    return *reader_;
  }

  std::optional<websocket::DeflateAgreement> deflate_;
  std::unique_ptr<websocket::MessageReader> reader_;
  std::string message_;
  int frames_ = 0;
};

}  // namespace bight::testcases
