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

bool isAddress(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

/// A name as certificates have it: without the dot at its end.
std::string canonical(std::string hostname) {
  if (hostname.size() > 1 && hostname.back() == '.') hostname.pop_back();
  return hostname;
}

}  // namespace

// ---- life ----

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
    steerFor(std::move(taken.push), taken.pushPaused);
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

// ---- what the transport below says, and OpenSSL ----

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
