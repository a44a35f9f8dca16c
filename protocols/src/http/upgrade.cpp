#include <bight/http/upgrade.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <bight/http/message.hpp>
#include <bight/http/serializer.hpp>
#include <bight/http/syntax.hpp>
#include <bight/log.hpp>
#include <bight/policies/protocol_wrapper.hpp>

#include "connection.hpp"
#include "site_state.hpp"

namespace bight::http {

namespace {

bool lists(const Request& request, std::string_view field, std::string_view wanted) noexcept {
  for (const Field& one : request.headers()) {
    if (!equalsIgnoringCase(one.name, field)) continue;
    std::string_view rest = one.value;
    for (std::string_view item = nextListItem(rest); !item.empty(); item = nextListItem(rest)) {
      if (equalsIgnoringCase(item, wanted)) return true;
    }
  }
  return false;
}

}  // namespace

bool mayUpgrade(const Request& request, std::string_view protocol) noexcept {
  return request.method() == "GET" && request.minorVersion() >= 1 && lists(request, "Connection", "upgrade") &&
         lists(request, "Upgrade", protocol);
}

namespace detail {

namespace {

constexpr std::size_t mostAtOnce = 64 * 1024;

// Stands between the connection and the new protocol when the client has sent more than its request, and gives that to the protocol first.
// Meanwhile nothing is read from the connection.
class EarlyInput : public ProtocolWrapper {
 public:
  EarlyInput(std::shared_ptr<Protocol> protocol, ReactorTime& clock, std::string early)
      : ProtocolWrapper(std::move(protocol)), clock_(clock), early_(std::move(early)) {}

  void connectionMade() override {
    transport().pauseProducing();
    ProtocolWrapper::connectionMade();
    deliver();
  }
  void connectionLost(const Failure& reason) override {
    if (soon_.active()) soon_.cancel();
    early_.clear();
    ProtocolWrapper::connectionLost(reason);
  }
  void pauseProducing() override {
    paused_ = true;
    ProtocolWrapper::pauseProducing();
  }
  void resumeProducing() override {
    paused_ = false;
    if (early_.empty()) {
      ProtocolWrapper::resumeProducing();
    } else if (made_ && !soon_.active()) {
      soon_ = clock_.callLater(Duration(0), [this] { deliver(); });
    }
  }
  std::size_t unreadInput() const noexcept override { return early_.size() + ProtocolWrapper::unreadInput(); }

 private:
  void deliver() {
    made_ = true;
    const std::shared_ptr<Protocol> self = shared_from_this();
    try {
      while (!early_.empty() && !paused_ && !disconnecting()) {
        const std::string piece = early_.substr(0, mostAtOnce);
        early_.erase(0, piece.size());
        dataReceived(piece);
      }
    } catch (...) {
      Logger("bight.http").failure("while giving a protocol what came behind the request for it", Failure());
      early_.clear();
      abortConnection();
    }
    if (early_.empty() && !paused_) ProtocolWrapper::resumeProducing();
  }

  ReactorTime& clock_;
  std::string early_;
  DelayedCall soon_;
  bool paused_ = false;
  bool made_ = false;
};

}  // namespace

// The answer is an upgrade: says so, or what is missing. The rest is done when nobody looks at the request any more.
void Connection::upgrade(Upgrade upgrade) {
  if (state_ != State::answering || answered_) return;
  const std::optional<std::string_view> name = upgrade.headers.get("Upgrade");
  if (!upgrade.protocol) throw std::logic_error("bight::http::Upgrade: the protocol is null");
  if (!name) throw std::logic_error("bight::http::Upgrade: the headers name no protocol in an Upgrade field");
  if (!request_) throw std::logic_error("bight::http::Upgrade: the request has been forgotten");
  if (request_->method() != "GET" || isOld_) {
    return respond(Response::error(400, "Another protocol can be asked for only by GET, in HTTP/1.1."));
  }
  if (!lists(*request_, "Connection", "upgrade") || !request_->header("Upgrade")) {
    return respond(Response::error(426, "At this address another protocol is spoken: ask for an upgrade to it.")
                       .with("Upgrade", *name)
                       .with("Connection", "Upgrade"));
  }
  if (!upgrade.headers.contains("Connection")) upgrade.headers.add("Connection", "Upgrade");
  std::string& out = site_.scratch();
  appendResponseHead(out, {.status = 101, .date = site_.date(), .headers = &upgrade.headers, .more = moreHeaders()});
  transport().write(out);
  noteAnswer(101, 0);
  state_ = State::upgrading;
  answered_ = true;
  site_.upgradeTo = std::move(upgrade.protocol);
}

void Connection::switchOver() {
  std::shared_ptr<Protocol> next = std::exchange(site_.upgradeTo, nullptr);
  const std::shared_ptr<Protocol> self = shared_from_this();
  const Ref<Transport> below(&transport());
  std::string early;
  if (input_) early = input_->unread();
  site_.giveInput(std::move(input_));
  site_.deadlines().remove(*this);
  site_.went();
  state_ = State::gone;
  if (below->disconnecting()) return;
  if (!early.empty()) next = makeWrapper<EarlyInput>(std::move(next), site_.clock(), std::move(early));
  try {
    const Takeover given = below->takeOver(next);
    next->makeConnection(*below);
  } catch (...) {
    Logger("bight.http").failure("while giving a connection to the protocol it was upgraded to", Failure());
    below->abortConnection();
  }
}

}  // namespace detail

}  // namespace bight::http
