#include "socket.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <bight/deferred.hpp>
#include <bight/http/status.hpp>
#include <bight/websocket.hpp>

#include "json.hpp"
#include "web.hpp"

namespace chat {

namespace websocket = bight::websocket;

const std::string& NewsWriter::write(const NewsPtr& news) {
  if (news != news_) {
    json_ = toJson(*news);
    news_ = news;
  }
  return json_;
}

namespace {

// region: socket
/// One page. It waits for news, sends them, and waits again when they are on their way; what the page sends is said.
class Page : public websocket::Protocol {
 public:
  Page(Room& room, std::shared_ptr<NewsWriter> writer, Cursor seen, std::string user)
      : room_(room), writer_(std::move(writer)), seen_(std::move(seen)), user_(std::move(user)) {}

 private:
  void onOpen() override { tell(room_.wait(seen_, bight::Duration(0), user_)); }

  void tell(bight::Deferred<NewsPtr> waiting) {
    track(std::move(waiting)).addCallback([this](const NewsPtr& news) {
      sendMessage(writer_->write(news));
      if (room_.closed()) return void(sendClose(websocket::closeCode::goingAway, "The chat ends."));
      seen_ = {.room = news->room, .id = news->last, .people = news->people->version};
      track(drained()).addCallbacks([this] { tell(room_.wait(seen_, longestWait, user_)); },
                                    [](const bight::Failure&) {});
    });
  }

  void onMessage(std::string_view payload, bool) override {
    try {
      room_.say(wordsFromJson(payload));
    } catch (const bight::http::StatusError& refused) {
      sendMessage(refusalToJson(refused.what()));
    }
  }

  Room& room_;
  const std::shared_ptr<NewsWriter> writer_;
  Cursor seen_;
  const std::string user_;
};
// endregion: socket

constexpr std::size_t longestWords = 16 * 1024;  // in JSON

}  // namespace

std::shared_ptr<bight::http::Resource> makeSocket(Room& room) {
  const auto make = [&room, writer = std::make_shared<NewsWriter>()](const bight::http::Request& request) {
    const bight::http::Form query = request.queryForm();
    return std::make_shared<Page>(room, writer, cursorIn(query), userIn(query));
  };
  return std::make_shared<websocket::Resource>(room.clock(), make, websocket::Options{.maxMessage = longestWords});
}

}  // namespace chat
