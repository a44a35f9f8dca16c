#include <bight/websocket/protocol.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "session.hpp"

namespace bight::websocket {

using detail::Session;

namespace {

std::string sentenceFor(const Closed& closed) {
  std::string text = "The WebSocket connection is closed: " + std::to_string(closed.code);
  if (const auto meaning = describeCloseCode(closed.code); !meaning.empty()) text += " (" + std::string(meaning) + ")";
  if (!closed.reason.empty()) text += ": " + closed.reason;
  return text;
}

std::shared_ptr<const Options> checked(std::shared_ptr<const Options> options) {
  if (!options) throw std::invalid_argument("WebSocket: the options are null");
  options->check();
  return options;
}

}  // namespace

ConnectionClosed::ConnectionClosed(Closed closed)
    : std::runtime_error(sentenceFor(closed)), closed_(std::move(closed)) {}

Protocol::Protocol() = default;
Protocol::~Protocol() = default;

Session& Protocol::session() const {
  if (!session_)
    throw std::logic_error(
        "WebSocket: this protocol was not prepared: make it in a websocket::Resource, or give it to "
        "websocket::connect");
  return *session_;
}

// ---- what happens ----

Deferred<Acceptance> Protocol::onConnect(const Opening& opening) {
  Acceptance acceptance;
  const auto& ours = options().subprotocols;
  const auto found =
      std::find_if(ours.begin(), ours.end(), [&](const std::string& one) { return opening.offers(one); });
  if (found != ours.end()) acceptance.subprotocol = *found;
  return succeed(std::move(acceptance));
}

void Protocol::onPing(std::string_view payload) {
  session().answerPing(payload);
}

void Protocol::onMessageBegin(bool) {
  session().collect();
}

// ---- what you do ----

bool Protocol::sendMessage(std::string_view payload, bool isBinary) {
  return session().sendMessage(payload, isBinary);
}
bool Protocol::sendPing(std::string_view payload) {
  return session().sendControl(Opcode::ping, payload);
}
bool Protocol::sendPong(std::string_view payload) {
  return session().sendControl(Opcode::pong, payload);
}
bool Protocol::sendClose(std::uint16_t code, std::string_view reason) {
  return session().sendClose(code, reason);
}
bool Protocol::beginMessage(bool isBinary) {
  return session().beginMessage(isBinary);
}
bool Protocol::beginMessageFrame(std::uint64_t length) {
  return session().beginMessageFrame(length);
}
std::uint64_t Protocol::sendMessageFrameData(std::string_view payload) {
  return session().sendMessageFrameData(payload);
}
bool Protocol::sendMessageFrame(std::string_view payload) {
  if (!session().beginMessageFrame(payload.size())) return false;
  session().sendMessageFrameData(payload);
  return true;
}
bool Protocol::endMessage() {
  return session().endMessage();
}

// ---- what it is ----

State Protocol::state() const noexcept {
  return session_ ? session_->state() : State::connecting;
}
const std::string& Protocol::subprotocol() const noexcept {
  static const std::string none;
  return session_ ? session_->agreement().subprotocol : none;
}
const std::optional<DeflateAgreement>& Protocol::compression() const noexcept {
  static const std::optional<DeflateAgreement> none;
  return session_ ? session_->agreement().deflate : none;
}
Role Protocol::role() const noexcept {
  return session_ ? session_->role() : Role::server;
}
const Options& Protocol::options() const noexcept {
  static const Options defaults;
  return session_ ? session_->options() : defaults;
}
std::size_t Protocol::bufferedAmount() const {
  return transport().writeBufferSize();
}
Deferred<void> Protocol::drained() {
  return transport().drained();
}
void Protocol::pauseProducing() {
  session().pause();
}
void Protocol::resumeProducing() {
  session().resume();
}

// ---- for those who make the connections ----

void Protocol::prepareServer(ReactorTime& clock, std::shared_ptr<const Options> options) {
  if (session_) throw std::logic_error("WebSocket: a protocol is for one connection, and this one has had it");
  session_ = std::make_unique<Session>(*this, Role::server, clock, checked(std::move(options)));
}

void Protocol::accepted(Agreement agreement) {
  session().accepted(std::move(agreement));
}

Deferred<void> Protocol::prepareClient(ReactorTime& clock, std::shared_ptr<const Options> options,
                                       const ClientRequest& request, Duration openTimeout) {
  if (session_) throw std::logic_error("WebSocket: a protocol is for one connection, and this one has had it");
  auto session = std::make_unique<Session>(*this, Role::client, clock, checked(std::move(options)));
  auto open = session->ask(request, openTimeout);
  session_ = std::move(session);
  return open;
}

void Protocol::connectionMade() {
  session().made();
}
void Protocol::dataReceived(std::string_view data) {
  session().received(data);
}
void Protocol::connectionLost(const Failure& reason) {
  session().lost(reason);
}
std::size_t Protocol::unreadInput() const noexcept {
  return session_ ? session_->unread() : 0;
}

}  // namespace bight::websocket
