#include "terminal.hpp"

#include <utility>

#include <bight/http/status.hpp>

#include "web.hpp"
#include "words.hpp"

namespace chat {
namespace {

/// With its further lines moved to the right, so that none of them looks as if somebody else had said it.
std::string indented(std::string_view text) {
  std::string lines;
  for (const char character : text) {
    lines += character;
    if (character == '\n') lines += "    ";
  }
  return lines;
}

}  // namespace

// region: protocol
void Terminal::connectionMade() {
  setDelimiter("\n");  // what nc sends; a carriage return before it is white space to us
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
// endregion: protocol

void Terminal::enter(std::string name) {
  name_ = std::move(name);
  sendLine("Welcome, " + name_ + ". Whatever you write now, everybody reads.");
  listen();
}

// region: listen
/// Waits for news, shows them, and waits again. track() cancels the waiting when the connection is lost.
void Terminal::listen() {
  track(room_.wait(seen_, longestWait, name_)).addCallback([this](const NewsPtr& news) {
    show(*news);
    if (room_.closed()) return transport().loseConnection();
    seen_ = {.room = news->room, .id = news->last, .people = news->people->version};
    listen();
  });
}
// endregion: listen

void Terminal::show(const News& news) {
  if (news.missed) sendLine("* Older messages are not kept.");
  for (const auto& message : news.messages) {
    if (message->user != name_) sendLine(message->user + ": " + indented(message->text));
  }
  if (seen_.people != news.people->version) {
    std::string here;
    for (const std::string& name : news.people->names) here += (here.empty() ? "" : ", ") + name;
    sendLine("* Here: " + here);
  }
}

}  // namespace chat
