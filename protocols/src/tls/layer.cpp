// A layer between two transports
// ------------------------------
//
//   the user's Protocol            ▲ dataReceived          │ write
//   ───────────────────────────────┼───────────────────────▼─────────── Layer, the Transport of the protocol above
//                                  │  plaintext         pending_        (what small writes are joined in)
//                              SSL_read                SSL_write
//                                  │  ciphertext           │
//   ───────────────────────────────┼───────────────────────▼─────────── LayerProtocol, the Protocol of the transport below
//   any Transport                  │ dataReceived          │ write
//
// OpenSSL works on memory: a BIO of our own gives it the bytes that have come from where they lie (`input_`), and hands
// what it makes straight to the transport below. Nothing is buffered in between, and OpenSSL gives its own buffers back
// when a record is through, so an idle connection has none.
//
// States
//
//   opening ──handshake, verified──► established ──┬── loseConnection ──► closing_ ──flushed──► sentNotify_ ──┐
//      │                                           ├── loseWriteConnection ► writeClosing_ ───► sentNotify_   │
//      │                                           └── close_notify ──► gotNotify_                            │
//      └──refused, late, not TLS──► fate_ ─────────────────────────────────┐              both ends have said it
//                                                                          ▼                                  ▼
//                                         the transport below closes ──► lost_ ◄──────────────────────── finished_
//
// There is one way out, `lost()`, and it is the transport below that calls it: an end that TLS decides only leaves its
// reason in `fate_` and closes the transport below.
//
// Re-entrancy: while OpenSSL is on the stack (`busy_`), no code of the user's runs. Its output goes into the transport
// below, which may pause us as a producer; that is passed on when OpenSSL has returned. While `run()` is on the stack
// (`inDispatch_`), writes are joined, and encrypted when it ends. Writes from elsewhere ask the transport below for
// the end of its dispatch.
//
// Rejected: two memory BIOs (they copy every byte once more, and keep their buffers); telling the protocol above of the
// connection only after the handshake (a protocol could not greet, and Twisted's order is known to people; that what it
// writes stays here until the peer is verified gives the same safety).
#include "layer.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>
#include <bight/tls/errors.hpp>

#include "bio.hpp"

namespace bight::tls::detail {

namespace {

/// At least one record, so that a full one is never cut; small enough to be in the cache.
constexpr std::size_t mostAtOnce = 64 * 1024;

bool isAddress(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

/// A name as certificates have it: without the dot at its end.
std::string canonical(std::string hostname) {
  if (hostname.size() > 1 && hostname.back() == '.') hostname.pop_back();
  return hostname;
}

/// No TLS record and no SSL 2 hello begins with a letter; every protocol of text does.
bool isPlainText(std::string_view first) {
  const auto c = static_cast<unsigned char>(first.front());
  return (c >= 0x20 && c < 0x7f) || c == '\r' || c == '\n' || c == '\t';
}

}  // namespace

// ---- life
// ---------------------------------------------------------------------------------------------------------------

Layer::Layer(ReactorTime& clock, std::shared_ptr<Protocol> above, const ServerContext& context)
    : clock_(clock), above_(std::move(above)) {
  attach(context.state_->makeConnection(), false);
}

Layer::Layer(ReactorTime& clock, std::shared_ptr<Protocol> above, const ClientContext& context,
             const std::string& hostname)
    : clock_(clock), above_(std::move(above)), client_(std::make_unique<ClientPart>()) {
  checkHostname(hostname);
  client_->hostname = canonical(hostname);
  client_->sessions = context.state_->sessions();
  attach(context.state_->makeConnection(), true);
  const std::string& host = client_->hostname;
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl_.get());
  // The subject's common name says nothing about names any more (RFC 6125, RFC 9525).
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool verifies = Settings::of(SSL_get_SSL_CTX(ssl_.get())).verifies;
  bool worked = true;
  if (isAddress(host)) {
    if (verifies) worked = X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1;
  } else {
    if (verifies) worked = X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size()) == 1;
    worked = worked && SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1;
    serverName_ = host;
  }
  if (!worked) throw Error("OpenSSL does not take \"" + printable(host) + "\" as a host name: " + takeError());
}

Layer::~Layer() = default;

void Layer::checkHostname(const std::string& hostname) {
  const auto bad = [](char c) { return c <= 0x20 || c >= 0x7f; };  // char is signed or not: both ends are caught
  if (hostname.empty() || hostname.size() > 255 || std::any_of(hostname.begin(), hostname.end(), bad))
    throw std::invalid_argument("tls: \"" + printable(hostname) +
                                "\" is no host name: ASCII is wanted (xn--… for other names), without blanks");
}

void Layer::attach(SslPtr ssl, bool client) {
  ssl_ = std::move(ssl);
  SSL_set_app_data(ssl_.get(), this);
  BIO* bio = makeBio(*this).release();
  SSL_set_bio(ssl_.get(), bio, bio);
  if (client)
    SSL_set_connect_state(ssl_.get());
  else
    SSL_set_accept_state(ssl_.get());
  opening_ = std::make_unique<Opening>();
  opening_->timeout = Settings::of(SSL_get_SSL_CTX(ssl_.get())).handshakeTimeout;
}

void Layer::made(Transport& below) {
  below_ = Ref<Transport>(&below);
  above_->makeConnection(*this);
  begin();
}

void Layer::slippedUnder(Transport& below, Takeover taken) {
  below_ = Ref<Transport>(&below);
  above_->changeTransport(*this);
  reading_ = !taken.readingPaused;
  if (taken.push) {
    registerProducer(std::move(taken.push));
    if (extras_) extras_->pushPaused = taken.pushPaused;
  } else if (taken.pull) {
    registerProducer(std::move(taken.pull));
  }
  begin();
}

void Layer::begin() {
  if (ended()) return;
  if (opening_->timeout > Duration::zero())
    opening_->deadline = clock_.callLater(opening_->timeout, [self = Ref<Layer>(this)] { self->handshakeOver(); });
  if (!client_) return;
  client_->server = client_->hostname + ':' + std::to_string(getPeer().port());
  if (const SessionPtr session = client_->sessions->take(client_->server)) SSL_set_session(ssl_.get(), session.get());
  run();
}

/// The deadline.
void Layer::handshakeOver() {
  if (ended() || established_) return;
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(opening_->timeout).count();
  fate_ = Failure(HandshakeTimeout("the TLS handshake with " + getPeer().toString() + " was not through after " +
                                   std::to_string(limit) + " ms"));
  below_->abortConnection();
}

Failure Layer::lost(const Failure& reason) {
  if (lost_) return reason;
  lost_ = true;
  const Failure why = reasonFor(reason);
  fate_ = why;
  // Whatever the protocol above throws, the rest is done.
  struct AtTheEnd {
    Layer& layer;
    const Failure& why;
    ~AtTheEnd() {
      auto waiters = layer.opening_ ? std::exchange(layer.opening_->waiters, {}) : std::vector<Promise<void>>();
      if (layer.extras_)
        for (auto& waiter : std::exchange(layer.extras_->waiters, {})) waiters.push_back(std::move(waiter));
      for (const auto& waiter : waiters)
        if (!waiter.called()) waiter.errback(why);
      std::string().swap(layer.pending_);
      std::string().swap(layer.held_);
      if (!layer.inDispatch_) layer.ssl_.reset();
    }
  };
  const AtTheEnd atTheEnd{*this, why};
  if (opening_ && opening_->deadline.active()) opening_->deadline.cancel();
  if (extras_ && extras_->gracefulCall.active()) extras_->gracefulCall.cancel();
  stopProducers();
  above_->breakConnection(why);
  return why;
}

void Layer::letGo() noexcept {
  const Ref<Layer> self(this);
  const auto above = std::move(above_);
  above_ = nullptr;
}

Failure Layer::reasonFor(const Failure& below) const {
  if (fate_) return *fate_;
  if (!below.check<ConnectionDone>()) return below;
  if (!established_) return Failure(Error("the peer closed the connection in the middle of the TLS handshake"));
  if (gotNotify_ || closing_) return below;
  return Failure(TruncationError());
}

/// TLS is at its end, for a reason. What OpenSSL had to say about it to the peer is with the transport below already.
void Layer::fail(Failure reason) {
  if (ended()) return;
  fate_ = std::move(reason);
  std::string().swap(pending_);
  std::string().swap(held_);
  finish();
}

/// In a `catch`: the user's code threw, and there is nobody above us on the stack who would care.
void Layer::userFailed() noexcept {
  Failure failure;
  static const Logger log("bight.tls");
  log.failure("the protocol over TLS failed; its connection is closed", failure);
  try {
    fail(std::move(failure));
  } catch (...) {
    log.failure("while closing the connection of a protocol that failed", Failure());
  }
}

// ---- reading
// ------------------------------------------------------------------------------------------------------------

void Layer::received(std::string_view data) {
  if (ended()) return;
  if (held_.empty()) {
    input_ = data;
  } else {
    held_.append(data);
    input_ = held_;
  }
  run();
}

/// Goes on with what has come, then encrypts what was written meanwhile.
void Layer::run() {
  struct Here {
    explicit Here(Layer& l) : layer(l) { layer.inDispatch_ = true; }
    ~Here() {
      layer.inDispatch_ = false;
      if (layer.lost_) layer.ssl_.reset();
    }
    Layer& layer;
  };
  try {
    const Here here(*this);
    if (!established_) shakeHands();
    if (established_) read();
    keepRest();
  } catch (...) {
    input_ = {};
    // What was written before the user's code threw still leaves; but the first exception is the one to be told.
    try {
      flush();
    } catch (...) {
    }
    throw;
  }
  flush();
}

/// Input that was not used (the user has paused us) is kept; the transport below is paused, so there is no more to come.
void Layer::keepRest() {
  if (ended() || input_.empty()) {
    if (!held_.empty()) std::string().swap(held_);
  } else if (held_.empty()) {
    held_.assign(input_);
  } else {
    held_.erase(0, held_.size() - input_.size());
  }
  input_ = {};
}

/// Whether there is something to deliver that has come already.
bool Layer::hasRest() const noexcept {
  return !held_.empty() || (established_ && ssl_ && SSL_pending(ssl_.get()) > 0);
}

void Layer::shakeHands() {
  if (!opening_->heard && !input_.empty()) {
    opening_->heard = true;
    if (isPlainText(input_)) {
      const auto line = input_.substr(0, std::min(input_.find_first_of("\r\n"), std::size_t{60}));
      return fail(Failure(PlainTextError("the peer does not speak TLS: it sent plain text, beginning with \"" +
                                         printable(std::string(line)) + "\"")));
    }
  }
  const int error = withSsl(SSL_do_handshake);
  steer();
  if (error == SSL_ERROR_NONE) return established();
  if (error != SSL_ERROR_WANT_READ) fail(handshakeFailure(error));
}

void Layer::established() {
  established_ = true;
  const auto opening = std::move(opening_);
  if (opening->deadline.active()) opening->deadline.cancel();
  try {
    if (auto* listener = dynamic_cast<HandshakeListener*>(above_.get())) listener->handshakeCompleted();
  } catch (...) {
    const Failure failure;
    for (const auto& waiter : opening->waiters)
      if (!waiter.called()) waiter.errback(failure);
    throw;
  }
  for (const auto& waiter : opening->waiters)
    if (!waiter.called()) waiter.callback();
  if (!reading_ && !ended()) below_->pauseProducing();
}

/// Decrypts and delivers, until the input is used up or the user has had enough.
void Layer::read() {
  while (reading_ && !ended() && !gotNotify_) {
    Scratch buffer;
    std::size_t size = 0;
    int error = SSL_ERROR_NONE;
    // As many records as fit: small ones cost one call of the protocol above for all, not one for each.
    while (size < mostAtOnce) {
      std::size_t got = 0;
      error = withSsl([&](SSL* ssl) { return SSL_read_ex(ssl, buffer.data() + size, mostAtOnce - size, &got); });
      if (error != SSL_ERROR_NONE) break;
      size += got;
      if (input_.empty() && SSL_pending(ssl_.get()) == 0) break;
    }
    // OpenSSL's error queue belongs to the thread: read it before the user's code may use OpenSSL.
    std::optional<Failure> failure;
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN)
      failure = recordFailure(error, "reading");
    steer();
    if (size > 0 && !closing_ && !ended()) above_->dataReceived({buffer.data(), size});
    if (failure) return fail(std::move(*failure));
    if (error == SSL_ERROR_ZERO_RETURN) return peerNotified();
    if (error == SSL_ERROR_WANT_READ || (input_.empty() && ssl_ && SSL_pending(ssl_.get()) == 0)) return;
  }
  // Behind the peer's close_notify there is nothing of interest.
  if (gotNotify_) input_ = {};
}

/// The peer has said that no more will come.
void Layer::peerNotified() {
  gotNotify_ = true;
  input_ = {};
  if (closing_ || ended()) return;  // flush() goes on
  if (auto* halfCloseable = dynamic_cast<HalfCloseable*>(above_.get())) return halfCloseable->readConnectionLost();
  stopProducers();
  closing_ = true;
  startGraceful();
}

/// The end of data of the transport below.
void Layer::peerEnded() {
  if (ended()) return;
  if (hasRest()) {
    input_ = held_;
    run();
    if (ended()) return;
  }
  peerGone_ = true;
  if (!established_) return fail(reasonFor(Failure(ConnectionDone())));
  if (gotNotify_ || closing_) return flush();
  flush();
  fail(Failure(TruncationError()));
}

void Layer::pauseProducing() {
  if (ended() || closing_ || !reading_) return;
  reading_ = false;
  if (established_) below_->pauseProducing();
}

void Layer::resumeProducing() {
  if (ended() || closing_ || reading_) return;
  reading_ = true;
  if (!established_) return;
  below_->resumeProducing();
  if (inDispatch_ || !hasRest()) return;
  readDue_ = true;
  schedule();
}

// ---- what the transport below says, and OpenSSL
// -------------------------------------------------------------------------

void LayerProtocol::slipUnder(Transport& below, Takeover taken) {
  taken_ = std::move(taken);
  makeConnection(below);
}

void LayerProtocol::connectionMade() {
  if (!taken_) return layer_->made(transport());
  Takeover taken = std::move(*taken_);
  taken_.reset();
  layer_->slippedUnder(transport(), std::move(taken));
}

void LayerProtocol::connectionLost(const Failure& reason) {
  struct AtTheEnd {
    LayerProtocol& protocol;
    Failure why;
    ~AtTheEnd() {
      if (protocol.reason_) *protocol.reason_ = why;
    }
  };
  AtTheEnd atTheEnd{*this, reason};
  atTheEnd.why = layer_->lost(reason);
}

std::size_t Layer::giveInput(char* to, std::size_t size) noexcept {
  const std::size_t given = std::min(size, input_.size());
  if (given == 0) return 0;
  std::memcpy(to, input_.data(), given);
  input_.remove_prefix(given);
  return given;
}

int Layer::verifyCallback(int passed, X509_STORE_CTX* context) noexcept {
  if (passed == 1) return 1;
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (const auto& opening = of(ssl).opening_) {
    opening->refusal = X509_STORE_CTX_get_error(context);
    opening->refused = share(X509_STORE_CTX_get_current_cert(context));
  }
  return 0;
}

int Layer::newSessionCallback(SSL* ssl, SSL_SESSION* session) noexcept {
  const auto& client = of(ssl).client_;
  try {
    SSL_SESSION_up_ref(session);
    client->sessions->put(client->server, SessionPtr(session));
  } catch (...) {
    // without memory the next handshake is a full one
  }
  return 0;
}

}  // namespace bight::tls::detail
