#include "client_connection.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/http/serializer.hpp>

#include "pool.hpp"

namespace bight::http::detail {

namespace {

constexpr std::size_t atOnce = 64 * 1024;  // a content up to this size is written together with the head
constexpr unsigned mostInterim = 100;      // so many 1xx before an answer: each begins the time for reading anew
constexpr Duration patience = std::chrono::seconds(1);  // how long "100 Continue" is waited for

}  // namespace

ClientConnection::ClientConnection(std::shared_ptr<Pool> pool, Host& host, const Limits& limits)
    : pool_(std::move(pool)), host_(host), parser_(limits) {}

ClientConnection::~ClientConnection() {
  // A transport that does not tell of its end: what was to be sent over it is lost all the same.
  if (const Ref<Exchange> exchange = std::exchange(current_, nullptr)) {
    exchange->resent = true;
    static_cast<void>(exchange->lost(Failure(ConnectionLost())));
  }
}

void ClientConnection::start(Ref<Exchange> exchange, std::string_view head) {
  const auto self = shared_from_this();
  const OutgoingRequest& request = exchange->request();
  current_ = exchange;
  interim_ = 0;
  exchange->attach(*this, used_++ > 0);
  parser_.expect(request.method == "HEAD" ? ResponseParser::Request::head : ResponseParser::Request::other);
  const RequestBody& body = request.body;
  if (!body.streamed() && body.bytes().size() <= atOnce) {
    if (body.bytes().empty()) {
      transport().write(head);
    } else {
      transport().writeSequence({head, body.bytes()});
    }
    exchange->sent();
    return;
  }
  transport().write(head);
  sending_ = true;
  const bool askFirst = head.find("\r\nExpect: 100-continue\r\n") != std::string_view::npos;
  Deferred<void> sending = sendBody(exchange, self, !body.length(), askFirst);
  auto guarded = std::move(sending).addErrback([exchange, self, this](const Failure& failure) {
    if (failure.check<CancelledError>()) return;
    if (current_ == exchange && transport().connected()) exchange->fail(failure);
  });
  if (exchange->over()) {
    guarded.cancel();
  } else if (sending_) {
    exchange->sending_.emplace(std::move(guarded));
  }
}

// Writes a large content, in step with the server.
Deferred<void> ClientConnection::sendBody(Ref<Exchange> exchange, [[maybe_unused]] std::shared_ptr<Protocol> self,
                                          bool chunked, bool askFirst) {
  const RequestBody body = exchange->request().body;
  const Ref<Transport> out(&transport());
  if (askFirst) {
    Deferred<void> asked;
    exchange->continue_ = asked.promise();
    exchange->continueTimer_ = pool_->clock().callLater(patience, [exchange] { exchange->continued(); });
    co_await std::move(asked);
    exchange->progressAt_ = pool_->clock().seconds();
  }
  std::uint64_t written = 0;
  std::string_view rest = body.bytes();
  for (;;) {
    std::string piece;
    std::string_view bytes;
    if (body.streamed()) {
      Deferred<std::string> next = body.next();
      piece = co_await std::move(next);
      bytes = piece;
    } else {
      bytes = rest.substr(0, atOnce);
      rest.remove_prefix(bytes.size());
    }
    if (bytes.empty()) break;
    written += bytes.size();
    if (body.length() && written > *body.length()) {
      throw std::runtime_error(exchange->name() + ": the content is longer than the " + std::to_string(*body.length()) +
                               " bytes that were announced.");
    }
    if (chunked) {
      std::string chunk;
      appendChunkSize(chunk, bytes.size());
      out->writeSequence({chunk, bytes, "\r\n"});
    } else {
      out->write(bytes);
    }
    Deferred<void> drained = out->drained();
    co_await std::move(drained);
    exchange->progressAt_ = pool_->clock().seconds();
  }
  if (body.length() && written < *body.length()) {
    throw std::runtime_error(exchange->name() + ": the content ended after " + std::to_string(written) + " of the " +
                             std::to_string(*body.length()) + " bytes that were announced.");
  }
  if (chunked) {
    std::string last;
    appendLastChunk(last);
    out->write(last);
  }
  sending_ = false;
  exchange->progressAt_ = pool_->clock().seconds();
  exchange->sent();
}

void ClientConnection::abandon() {
  current_ = nullptr;
  pool_->gone(*this);
  transport().abortConnection();
}

void ClientConnection::dataReceived(std::string_view data) {
  const auto self = shared_from_this();
  if (!current_) {  // nothing was asked
    pool_->gone(*this);
    transport().abortConnection();
    return;
  }
  const Ref<Exchange> exchange = current_;
  exchange->progress();
  while (current_ == exchange) {
    switch (parser_.next(data)) {
      case ResponseParser::Event::head: {
        const ReceivedHead& head = parser_.head();
        if (head.status < 200 && head.status != 101) {
          if (++interim_ > mostInterim) return exchange->malformed("too many answers that are not final (1xx).");
          if (head.status == 100) exchange->continued();
          break;
        }
        if (head.status == 101) return exchange->malformed("101 Switching Protocols, which nobody had asked for.");
        // Who refuses does not want the rest of the content.
        if (sending_ && head.status >= 300) {
          if (auto sending = std::exchange(exchange->sending_, std::nullopt)) sending->cancel();
        }
        exchange->continued();
        exchange->head(head);
        if (parser_.contentFollows()) exchange->announce();
        break;
      }
      case ResponseParser::Event::body:
        exchange->piece(parser_.body());
        break;
      case ResponseParser::Event::end: {
        // Whoever hears of the end may want the connection: it is given back first.
        current_ = nullptr;
        exchange->connection_ = nullptr;
        if (exchange->paused_) transport().resumeProducing();
        if (!sending_ && data.empty() && parser_.head().keepAlive && pool_->options().persistent &&
            !transport().disconnecting()) {
          pool_->released(std::static_pointer_cast<ClientConnection>(self));
        } else {
          pool_->gone(*this);
          if (sending_) {
            transport().abortConnection();
          } else {
            transport().loseConnection();
          }
        }
        exchange->end();
        return;
      }
      case ResponseParser::Event::needMore:
        return;
      case ResponseParser::Event::refused:
        return exchange->malformed(parser_.refusal().sentence);
      case ResponseParser::Event::closed:
        return;
    }
  }
}

void ClientConnection::connectionLost(const Failure& reason) {
  const auto self = shared_from_this();
  pool_->gone(*this);
  const Ref<Exchange> exchange = std::exchange(current_, nullptr);
  if (!exchange) return;
  if (parser_.endsWithConnection() && reason.check<ConnectionDone>()) {
    exchange->end();
    return;
  }
  if (used_ > 1 && !exchange->answered() && exchange->mayBeRepeated()) {
    static_cast<void>(exchange->lost(reason));
    exchange->resent = true;
    exchange->trace(TraceEvent::What::resent);
    pool_->place(exchange, true);
    return;
  }
  exchange->resent = true;
  static_cast<void>(exchange->lost(reason));
}

}  // namespace bight::http::detail
