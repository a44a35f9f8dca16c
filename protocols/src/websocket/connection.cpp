// A protocol that keeps messages until somebody wants them, and the handles on it.
#include <bight/websocket/connection.hpp>

#include <deque>
#include <list>
#include <optional>
#include <stdexcept>
#include <utility>

#include <bight/log.hpp>

namespace bight::websocket {

namespace {
constexpr std::size_t mostKept = 16;                           // messages that nobody has asked for
constexpr std::size_t mostBytesKept = std::size_t{64} * 1024;  // of them, but for the last
constexpr std::size_t muchBuffered = std::size_t{64} * 1024;   // send() waits above
}  // namespace

namespace detail {

/// What all handles of one connection share; when it goes, nobody is left to use the connection.
struct HandleShare {
  explicit HandleShare(std::shared_ptr<HandleProtocol> one) noexcept : protocol(std::move(one)) {}
  HandleShare(const HandleShare&) = delete;
  HandleShare& operator=(const HandleShare&) = delete;
  ~HandleShare();

  const std::shared_ptr<HandleProtocol> protocol;
};

class HandleProtocol final : public Protocol {
 public:
  using Session = std::shared_ptr<Function<Deferred<void>(Connection)>>;

  /// @param session  what to run when it is open, on a server
  explicit HandleProtocol(Session session = nullptr) : session_(std::move(session)) {}

  Connection handle() {
    return Connection(std::make_shared<HandleShare>(std::static_pointer_cast<HandleProtocol>(shared_from_this())));
  }

  void onOpen() override {
    if (const auto session = std::exchange(session_, nullptr)) run(*session);
  }
  void onMessage(std::string_view payload, bool isBinary) override;
  void onClose(bool wasClean, std::uint16_t code, std::string_view reason) override;

  Deferred<Message> receive();
  Deferred<void> send(std::string_view payload, bool isBinary);
  Deferred<Closed> close(std::uint16_t code, std::string_view reason);
  Deferred<Closed> whenClosed();
  void abandon() noexcept;

 private:
  void run(Function<Deferred<void>(Connection)>& session);
  void failReceivers();

  Session session_;
  std::optional<Deferred<void>> running_;
  std::deque<Message> messages_;
  std::size_t bytes_ = 0;  // in them
  std::list<Promise<Message>> receivers_;
  std::list<Promise<Closed>> closers_;
  std::optional<Closed> closed_;
  bool slowed_ = false;  // paused, because enough is kept
};

HandleShare::~HandleShare() {
  protocol->abandon();
}

void HandleProtocol::run(Function<Deferred<void>(Connection)>& session) {
  const Connection peer = handle();
  auto running = maybeDeferred([&] { return session(peer); });
  // The handle is kept until the end, so that it is the end which closes, and not the last handle of the function.
  running.addBoth([peer](const Result<void>& result) {
    const bool good = result || result.failure().check<ConnectionClosed, CancelledError>() != nullptr;
    if (!good) Logger("bight.websocket").failure("while a connection was served", result.failure());
    peer.protocol().sendClose(good ? closeCode::normal : closeCode::internalError);
  });
  if (!closed_) running_ = std::move(running);
}

void HandleProtocol::onMessage(std::string_view payload, bool isBinary) {
  if (!receivers_.empty()) {
    const Promise<Message> first = std::move(receivers_.front());
    receivers_.pop_front();
    return first.callback(Message{std::string(payload), isBinary});
  }
  messages_.push_back({std::string(payload), isBinary});
  bytes_ += payload.size();
  if (slowed_ || (messages_.size() < mostKept && bytes_ <= mostBytesKept)) return;
  slowed_ = true;
  pauseProducing();
}

Deferred<Message> HandleProtocol::receive() {
  if (!messages_.empty()) {
    Message message = std::move(messages_.front());
    messages_.pop_front();
    bytes_ -= message.payload.size();
    if (slowed_ && messages_.empty() && !closed_) {
      slowed_ = false;
      resumeProducing();
    }
    return succeed(std::move(message));
  }
  if (closed_) return fail<Message>(ConnectionClosed(*closed_));
  const auto place = receivers_.insert(receivers_.end(), Promise<Message>());
  Deferred<Message> later([weak = weak_from_this(), place] {
    if (const auto self = std::static_pointer_cast<HandleProtocol>(weak.lock())) self->receivers_.erase(place);
  });
  *place = later.promise();
  return later;
}

Deferred<void> HandleProtocol::send(std::string_view payload, bool isBinary) {
  if (!sendMessage(payload, isBinary)) {
    return fail<void>(ConnectionClosed(closed_ ? *closed_ : Closed{false, closeCode::noStatus, "it is being closed"}));
  }
  if (bufferedAmount() <= muchBuffered) return succeed();
  return drained().addErrback([self = shared_from_this()](const Failure& failure) -> Failure {
    const auto& closed = static_cast<HandleProtocol&>(*self).closed_;
    return Failure(ConnectionClosed(closed ? *closed : Closed{false, closeCode::abnormal, failure.getErrorMessage()}));
  });
}

Deferred<Closed> HandleProtocol::close(std::uint16_t code, std::string_view reason) {
  sendClose(code, reason);
  messages_.clear();
  bytes_ = 0;
  if (std::exchange(slowed_, false)) resumeProducing();  // or the answer would not be seen
  return whenClosed();
}

Deferred<Closed> HandleProtocol::whenClosed() {
  if (closed_) return succeed(*closed_);
  const auto place = closers_.insert(closers_.end(), Promise<Closed>());
  Deferred<Closed> later([weak = weak_from_this(), place] {
    if (const auto self = std::static_pointer_cast<HandleProtocol>(weak.lock())) self->closers_.erase(place);
  });
  *place = later.promise();
  return later;
}

/// The last handle has gone.
void HandleProtocol::abandon() noexcept {
  if (closed_) return;
  try {
    close(closeCode::normal, {}).addErrback([](const Failure&) {});
  } catch (...) {
    Logger("bight.websocket").failure("while a connection was closed that nobody uses any more", Failure());
  }
}

void HandleProtocol::failReceivers() {
  while (!receivers_.empty()) {
    const Promise<Message> first = std::move(receivers_.front());
    receivers_.pop_front();
    first.errback(ConnectionClosed(*closed_));
  }
}

void HandleProtocol::onClose(bool wasClean, std::uint16_t code, std::string_view reason) {
  closed_ = {wasClean, code, std::string(reason)};
  const auto self = shared_from_this();
  failReceivers();
  while (!closers_.empty()) {
    const Promise<Closed> first = std::move(closers_.front());
    closers_.pop_front();
    first.callback(*closed_);
  }
  if (auto running = std::exchange(running_, std::nullopt)) running->cancel();
}

}  // namespace detail

using detail::HandleProtocol;

HandleProtocol& Connection::need() const {
  if (!share_) throw std::logic_error("WebSocket: this Connection is a handle on nothing");
  return *share_->protocol;
}

Deferred<Message> Connection::receive() {
  return need().receive();
}
Deferred<void> Connection::sendMessage(std::string_view payload, bool isBinary) {
  return need().send(payload, isBinary);
}
Deferred<Closed> Connection::close(std::uint16_t code, std::string_view reason) {
  return need().close(code, reason);
}
Deferred<Closed> Connection::whenClosed() {
  return need().whenClosed();
}
bool Connection::isOpen() const noexcept {
  return share_ && share_->protocol->state() == State::open;
}
Protocol& Connection::protocol() const {
  return need();
}

Deferred<Connection> connect(const HostReactor& reactor, const Url& url, Options options, ConnectOptions how) {
  return connect(reactor, url, std::make_shared<HandleProtocol>(), std::move(options), std::move(how))
      .addCallback([](const std::shared_ptr<HandleProtocol>& protocol) { return protocol->handle(); });
}

Deferred<Connection> connect(const HostReactor& reactor, const Url& url, Options options) {
  return connect(reactor, url, std::move(options), ConnectOptions());
}

Deferred<Connection> connect(const HostReactor& reactor, const Url& url) {
  return connect(reactor, url, Options(), ConnectOptions());
}

Deferred<Connection> connect(ClientEndpoint& endpoint, ReactorTime& clock, const Url& url) {
  return connect(endpoint, clock, url, Options(), ConnectOptions());
}

Deferred<Connection> connect(ClientEndpoint& endpoint, ReactorTime& clock, const Url& url, Options options,
                             ConnectOptions how) {
  return connect(endpoint, clock, url, std::make_shared<HandleProtocol>(), std::move(options), std::move(how))
      .addCallback([](const std::shared_ptr<HandleProtocol>& protocol) { return protocol->handle(); });
}

std::shared_ptr<http::Resource> serve(ReactorTime& clock, Function<Deferred<void>(Connection)> session,
                                      Options options) {
  auto shared = std::make_shared<Function<Deferred<void>(Connection)>>(std::move(session));
  return std::make_shared<Resource>(
      clock, [shared]() -> std::shared_ptr<Protocol> { return std::make_shared<HandleProtocol>(shared); },
      std::move(options));
}

}  // namespace bight::websocket
