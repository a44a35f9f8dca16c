/// @file
/// The room on the web: which URL does what.
///
/// | request | answer |
/// |---|---|
/// | `GET /` | the page, and the files that belong to it |
/// | `POST /put`, a form or JSON with `user`, `text` and perhaps a `key` | `{"id":7,"room":"5f3a9c01"}` |
/// | `GET /wait?since=<cursor>` | `{"messages":[…],"last":7,"missed":false,"room":…,"who":{…}}`, as soon as there is anything newer |
/// | `GET /events?since=<cursor>` | the same without end, as server-sent events |
/// | `GET /socket?since=<cursor>` | the same by WebSocket, see socket.hpp |
/// | `GET /who` | `{"version":3,"count":2,"names":["Ada","Grace"]}` |
///
/// With `whole=1`, `/events` sends the whole answer of `/wait` as one event, for pages.
///
/// A cursor is the id of the last message seen, `7`, or better `5f3a9c01-7`: with the room, so that a reader notices
/// when the program was started again, and its ids with it. `/wait` and `/events` also take `user=` (who asks: then
/// that name is listed as being here), and `/wait` takes `timeout=` (seconds, at most 25, which is the default) and
/// `who=` (the version of the list of people that the reader has; then it is told of changes). What a client sends
/// wrongly is answered with 400 and a sentence.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <bight/http/form.hpp>
#include <bight/http/resource.hpp>
#include <bight/time.hpp>

#include "room.hpp"

namespace chat {

/// How long `/wait` holds a question back, and how often `/events` shows a sign of life.
constexpr bight::Duration longestWait = std::chrono::seconds(25);

/// What a query says of where its reader stands, and of who it is.
/// @throws http::StatusError 400
Cursor cursorIn(const bight::http::Form& query);
std::string userIn(const bight::http::Form& query);

/// The root of the site. It uses `room` until it is destroyed, and so do the answers that are still under way then.
std::shared_ptr<bight::http::Resource> makeWeb(Room& room);

}  // namespace chat
