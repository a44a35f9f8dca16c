#include <bight/http/client_response.hpp>

#include <utility>

#include <bight/http/client_errors.hpp>
#include <bight/http/form.hpp>
#include <bight/http/serializer.hpp>
#include <bight/http/syntax.hpp>

#include "charset.hpp"
#include "response_state.hpp"

namespace bight::http {

namespace {

Result<std::string> jsonText(std::string content) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (content.compare(0, mark.size(), mark) == 0) content.erase(0, mark.size());
  if (content.empty()) return Failure(DecodingError("The content is empty where JSON is expected."));
  if (!isUtf8(content)) return Failure(DecodingError("The content is not UTF-8, which JSON is written in."));
  return content;
}

}  // namespace

ClientResponse ClientResponse::make(int status, const Headers& headers, std::string content, const Url& url,
                                    std::string method) {
  auto state = std::make_shared<detail::ResponseState>(url);
  std::string bytes;
  appendResponseHead(bytes, {.status = status, .headers = &headers});
  ResponseParser parser;
  std::string_view input = bytes;
  parser.expect(ResponseParser::Request::head);
  if (parser.next(input) == ResponseParser::Event::head) state->keepHead(parser.head());
  state->method = std::move(method);
  state->body = BodyReader(std::move(content));
  return ClientResponse(std::move(state));
}

int ClientResponse::status() const noexcept {
  return state_->status;
}
std::string_view ClientResponse::reason() const noexcept {
  return state_->raw.substr(state_->reasonAt, state_->reasonSize);
}
int ClientResponse::minorVersion() const noexcept {
  return state_->minorVersion;
}
Fields ClientResponse::headers() const noexcept {
  return state_->fields();
}
const std::string& ClientResponse::method() const noexcept {
  return state_->method;
}
const Url& ClientResponse::url() const noexcept {
  return state_->url;
}
const std::vector<ClientResponse>& ClientResponse::history() const noexcept {
  return state_->history;
}
std::optional<std::uint64_t> ClientResponse::length() const noexcept {
  return state_->body.length();
}
bool ClientResponse::endsWithConnection() const noexcept {
  return state_->endsWithConnection;
}
BodyReader& ClientResponse::body() noexcept {
  return state_->body;
}

std::vector<std::pair<std::string, std::string>> ClientResponse::cookies() const {
  std::vector<std::pair<std::string, std::string>> found;
  for (std::string_view value : headers().getAll("Set-Cookie")) {
    value = value.substr(0, value.find(';'));
    const std::size_t equals = value.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = trimWhitespace(value.substr(0, equals));
    if (!name.empty()) found.emplace_back(name, trimWhitespace(value.substr(equals + 1)));
  }
  return found;
}

Deferred<std::string> ClientResponse::content(std::size_t limit) {
  detail::ResponseState& state = *state_;
  if (state.content) {
    if (state.content->size() > limit) return fail<std::string>(BodyTooLong(limit));
    return succeed(*state.content);
  }
  if (state.failure) return fail<std::string>(*state.failure);
  if (state.reading) {
    Deferred<std::string> d;
    state.waiting.push_back(d.promise());
    return d;
  }
  Deferred<std::string> all = state.body.readAll(limit);
  state.reading = true;
  all.addBoth([kept = state_](Result<std::string> result) {
    kept->reading = false;
    if (result) {
      kept->content = *result;
    } else {
      kept->failure = result.failure();
    }
    for (const Promise<std::string>& promise : std::exchange(kept->waiting, {})) promise.callback(Result(result));
    return result;
  });
  return all;
}

Deferred<std::string> ClientResponse::text() {
  return text(std::string());
}

Deferred<std::string> ClientResponse::text(std::string encoding, std::size_t limit) {
  if (encoding.empty()) encoding = detail::charsetOf(header("Content-Type").value_or(""));
  return content(limit).addCallback(
      [encoding = std::move(encoding)](std::string content) { return detail::toUtf8(std::move(content), encoding); });
}

Deferred<std::string> ClientResponse::json(std::size_t limit) {
  return content(limit).addCallback(jsonText);
}

void ClientResponse::raiseForStatus() const {
  if (status() < 400) return;
  throw BadStatus(status(), method() + " " + url().withoutUserinfo().str() + ": answered with " +
                                std::to_string(status()) + (reason().empty() ? "" : " ") + std::string(reason()) + ".");
}

}  // namespace bight::http
