/// @file
/// The vocabulary of the chat as JSON, and back.
#pragma once

#include <string>
#include <string_view>

#include "news.hpp"
#include "words.hpp"

namespace chat {

/// `{"id":7,"user":"Ada","text":"Hello","time":"2026-11-20T09:15:00.250Z"}`, with the "key" it was sent with, if there
/// was one.
std::string toJson(const Message& message);

/// `{"version":3,"count":2,"names":["Ada","Grace"]}`
std::string toJson(const People& people);

/// `{"messages":[...],"last":7,"missed":false,"room":"5f3a9c01","who":{...}}`
std::string toJson(const News& news);

/// `{"refused":"A message needs a text."}`
std::string refusalToJson(std::string_view sentence);

/// Reads `{"user":"Ada","text":"Hello"}`, with a "key" or not; further members are ignored. The words are not checked
/// yet.
/// @throws http::StatusError 400 for anything else
Words wordsFromJson(std::string_view text);

}  // namespace chat
