/// @file
/// The room from a terminal: `nc 127.0.0.1 8001`. The first line is a name, every further one is said.
///
/// It shows how a Protocol and a Factory are written: the Protocol is one visitor, the Factory is what all visitors
/// share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <bight/factory.hpp>
#include <bight/line_receiver.hpp>

#include "news.hpp"
#include "room.hpp"

namespace chat {

/// One visitor. The connection owns it.
class Terminal : public bight::LineOnlyReceiver {
 public:
  explicit Terminal(Room& room) : room_(room) {}

  void connectionMade() override;
  void lineReceived(std::string_view line) override;

 private:
  void enter(std::string name);
  void listen();
  void show(const News& news);

  Room& room_;
  std::string name_;
  Cursor seen_{.people = 0};
};

// region: factory
/// Makes a Terminal for each connection.
class TerminalFactory : public bight::Factory {
 public:
  explicit TerminalFactory(Room& room) : room_(room) {}

  std::shared_ptr<bight::Protocol> buildProtocol(const bight::Address&) override {
    return std::make_shared<Terminal>(room_);
  }

 private:
  Room& room_;
};
// endregion: factory

}  // namespace chat
