#include <bight/tls/context.hpp>

#include <array>
#include <new>
#include <utility>

#include <bight/tls/errors.hpp>

#include "settings.hpp"

namespace bight::tls {
namespace detail {

namespace {

SslPtr makeSsl(SSL_CTX* context) {
  SslPtr ssl(SSL_new(context));
  if (!ssl) throw Error("OpenSSL makes no connection: " + takeError());
  return ssl;
}

/// Sessions of before the reload can be resumed after it: the new context gets the keys of the old one's tickets.
void handTicketKeysOver(SSL_CTX* from, SSL_CTX* to) {
  std::array<unsigned char, 256> keys{};
  const auto size = SSL_CTX_get_tlsext_ticket_keys(from, nullptr, 0);
  if (size <= 0 || static_cast<std::size_t>(size) > keys.size()) return;
  if (SSL_CTX_get_tlsext_ticket_keys(from, keys.data(), size) == 1)
    SSL_CTX_set_tlsext_ticket_keys(to, keys.data(), size);
  OPENSSL_cleanse(keys.data(), keys.size());
}

}  // namespace

ServerState::ServerState(ServerOptions options) : options_(std::move(options)), context_(makeContext(options_)) {}

void ServerState::reload(const ServerOptions* options) {
  ServerOptions wanted = [&] {
    const std::lock_guard lock(mutex_);
    return options ? *options : options_;
  }();
  SslCtxPtr made = makeContext(wanted);
  const std::lock_guard lock(mutex_);
  // A client that is not trusted any more must not come back on an old ticket.
  if (wanted.clientCertificates == ClientCertificates::ignored) handTicketKeysOver(context_.get(), made.get());
  options_ = std::move(wanted);
  context_ = std::move(made);
}

SslPtr ServerState::makeConnection() const {
  const std::lock_guard lock(mutex_);
  return makeSsl(context_.get());
}

ClientState::ClientState(ClientOptions options)
    : options_(std::move(options)), context_(makeContext(options_)), sessions_(std::make_shared<SessionCache>()) {}

void ClientState::reload(const ClientOptions* options) {
  ClientOptions wanted = [&] {
    const std::lock_guard lock(mutex_);
    return options ? *options : options_;
  }();
  SslCtxPtr made = makeContext(wanted);
  const std::lock_guard lock(mutex_);
  options_ = std::move(wanted);
  context_ = std::move(made);
  sessions_ = std::make_shared<SessionCache>();
}

std::shared_ptr<SessionCache> ClientState::sessions() const {
  const std::lock_guard lock(mutex_);
  return sessions_;
}

SslPtr ClientState::makeConnection() const {
  const std::lock_guard lock(mutex_);
  return makeSsl(context_.get());
}

void SessionCache::put(const std::string& server, SessionPtr session) {
  std::list<Kept> dropped;  // dies outside of the lock
  const std::lock_guard lock(mutex_);
  kept_.push_front({server, std::move(session)});
  std::size_t same = 0;
  for (auto at = kept_.begin(); at != kept_.end();) {
    const auto here = at++;
    if (here->server == server && ++same > mostPerServer) dropped.splice(dropped.end(), kept_, here);
  }
  if (kept_.size() > most) dropped.splice(dropped.end(), kept_, std::prev(kept_.end()));
}

SessionPtr SessionCache::take(const std::string& server) {
  const std::lock_guard lock(mutex_);
  for (auto at = kept_.begin(); at != kept_.end();) {
    const auto here = at++;
    if (here->server != server) continue;
    if (SSL_SESSION_is_resumable(here->session.get()) != 1) {
      kept_.erase(here);
      continue;
    }
    if (SSL_SESSION_get_protocol_version(here->session.get()) >= TLS1_3_VERSION) {
      SessionPtr session = std::move(here->session);
      kept_.erase(here);
      return session;
    }
    SSL_SESSION_up_ref(here->session.get());
    return SessionPtr(here->session.get());
  }
  return nullptr;
}

std::size_t SessionCache::size() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

}  // namespace detail

ServerContext::ServerContext(ServerOptions options)
    : state_(std::make_shared<detail::ServerState>(std::move(options))) {}
void ServerContext::reload() {
  state_->reload(nullptr);
}
void ServerContext::reload(ServerOptions options) {
  state_->reload(&options);
}

ClientContext::ClientContext(ClientOptions options)
    : state_(std::make_shared<detail::ClientState>(std::move(options))) {}
void ClientContext::reload() {
  state_->reload(nullptr);
}
void ClientContext::reload(ClientOptions options) {
  state_->reload(&options);
}
std::size_t ClientContext::sessionCount() const {
  return state_->sessions()->size();
}

}  // namespace bight::tls
