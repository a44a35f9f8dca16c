#include "terminal.hpp"

#include <utility>

#include <bight/http/status.hpp>

#include "web.hpp"
#include "words.hpp"

namespace chat {

void Terminal::connectionMade() {
  sendLine("What shall people call you?");
}

void Terminal::lineReceived(std::string_view line) {
  try {
    if (name_.empty()) {
      enter(checkedName(line));
    } else {
      room_.say({.user = name_, .text = std::string(line), .key = {}});
    }
  } catch (const bight::http::StatusError& refused) {
    sendLine(std::string("! ") + refused.what());
  }
}

void Terminal::enter(std::string name) {
  name_ = std::move(name);
  sendLine("Welcome, " + name_ + ". Whatever you write now, everybody reads.");
  listen();
}

/// Waits for news, shows them, and waits again. track() cancels the waiting when the connection is lost.
void Terminal::listen() {
  track(room_.wait(seen_, longestWait, name_)).addCallback([this](const NewsPtr& news) {
    show(*news);
    if (room_.closed()) return transport().loseConnection();
    seen_ = {.room = news->room, .id = news->last, .people = news->people->version};
    listen();
  });
}

void Terminal::show(const News& news) {
  if (news.missed) sendLine("* Older messages are not kept.");
  for (const auto& message : news.messages) {
    if (message->user != name_) sendLine(message->user + ": " + message->text);
  }
  if (seen_.people != news.people->version) {
    std::string here;
    for (const std::string& name : news.people->names) here += (here.empty() ? "" : ", ") + name;
    sendLine("* Here: " + here);
  }
}

}  // namespace chat
