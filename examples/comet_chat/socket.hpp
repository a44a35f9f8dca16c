/// @file
/// The room over WebSocket: `GET /socket?since=<cursor>&user=<name>`.
///
/// What is new comes as `/wait` would answer it, one message each time, and every 25 seconds in any case; words are said
/// by sending them as `POST /put` takes them in JSON. Words that are refused come back as `{"refused":"…"}`.
#pragma once

#include <memory>

#include <bight/http/resource.hpp>

#include "room.hpp"

namespace chat {

/// Writes news as JSON. When ten thousand waited for the same news, that is done once.
class NewsWriter {
 public:
  const std::string& write(const NewsPtr& news);

 private:
  NewsPtr news_;
  std::string json_;
};

/// The resource. `room` must outlive it, and its connections.
std::shared_ptr<bight::http::Resource> makeSocket(Room& room);

}  // namespace chat
