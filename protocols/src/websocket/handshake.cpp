#include <bight/websocket/handshake.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <bight/http/serializer.hpp>
#include <bight/http/status.hpp>
#include <bight/http/syntax.hpp>

namespace bight::websocket {

namespace {

using http::equalsIgnoringCase;
using http::StatusError;

constexpr std::string_view version = "13";
constexpr std::size_t mostSubprotocols = 64;
constexpr std::size_t mostHead = std::size_t{16} * 1024;

/// Fields that only the handshake itself may set.
bool isOurs(std::string_view name) noexcept {
  static constexpr std::string_view prefix = "Sec-WebSocket-";
  return equalsIgnoringCase(name.substr(0, prefix.size()), prefix) || equalsIgnoringCase(name, "Upgrade") ||
         equalsIgnoringCase(name, "Connection") || equalsIgnoringCase(name, "Content-Length") ||
         equalsIgnoringCase(name, "Transfer-Encoding");
}

/// All fields of that name, as one list (RFC 9110, 5.3).
template <class AnyFields>
std::string joined(const AnyFields& fields, std::string_view name) {
  std::string all;
  for (const std::string_view value : fields.getAll(name)) {
    if (!all.empty()) all += ", ";
    all += value;
  }
  return all;
}

template <class AnyFields>
bool lists(const AnyFields& fields, std::string_view name, std::string_view wanted) {
  for (std::string_view value : fields.getAll(name)) {
    for (std::string_view item = http::nextListItem(value); !item.empty(); item = http::nextListItem(value)) {
      if (equalsIgnoringCase(item, wanted)) return true;
    }
  }
  return false;
}

/// 16 bytes in base64: 22 digits, the last of which has only two bits, and two signs of equality.
bool isKey(std::string_view key) noexcept {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  const auto isDigit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return std::all_of(key.begin(), key.begin() + 22, isDigit) &&
         std::string_view("AQgw").find(key[21]) != std::string_view::npos;
}

/// "https://example.org:8443" without its scheme.
std::string_view hostOf(std::string_view origin) noexcept {
  const std::size_t at = origin.find("://");
  return at == std::string_view::npos ? std::string_view() : origin.substr(at + 3);
}

/// A Host field as an Origin would have it: without a port that the scheme has anyhow.
std::string_view withoutPort(std::string_view host, std::string_view origin) noexcept {
  const std::string_view port = equalsIgnoringCase(origin.substr(0, 6), "https:") ? ":443" : ":80";
  return host.ends_with(port) ? host.substr(0, host.size() - port.size()) : host;
}

bool mayConnect(std::string_view origin, std::string_view host, const Options& options) {
  if (origin.empty()) return true;
  if (options.allowedOrigins.empty()) return equalsIgnoringCase(hostOf(origin), withoutPort(host, origin));
  return std::any_of(options.allowedOrigins.begin(), options.allowedOrigins.end(),
                     [&](const std::string& one) { return one == "*" || equalsIgnoringCase(one, origin); });
}

}  // namespace

void Options::check() const {
  if (deflate) deflate->check();
  if (maxMessage == 0 || maxFrame == 0 || maxBuffered == 0)
    throw std::invalid_argument("WebSocket: maxMessage, maxFrame and maxBuffered must be above 0");
  if (pingInterval < Duration(0) || pingTimeout < Duration(0) || closeTimeout < Duration(0))
    throw std::invalid_argument("WebSocket: a time is negative; 0 means without limit");
  for (auto one = subprotocols.begin(); one != subprotocols.end(); ++one) {
    if (!http::isToken(*one)) throw std::invalid_argument("WebSocket: \"" + *one + "\" cannot be a subprotocol");
    if (std::find(subprotocols.begin(), one, *one) != one)
      throw std::invalid_argument("WebSocket: the subprotocol \"" + *one + "\" is there twice");
  }
}

// ---- the server's side ----

bool Opening::offers(std::string_view subprotocol) const noexcept {
  return std::find(subprotocols.begin(), subprotocols.end(), subprotocol) != subprotocols.end();
}

Opening readOpening(const http::Request& request, const Options& options) {
  const http::Fields fields = request.headers();
  if (request.method() != "GET") throw StatusError(405, "WebSocket is asked for by GET.");
  if (request.minorVersion() < 1) throw StatusError(426, "WebSocket needs HTTP/1.1.");
  if (!lists(fields, "Upgrade", "websocket")) throw StatusError(426, "At this address WebSocket is spoken.");
  if (!lists(fields, "Connection", "upgrade")) throw StatusError(400, "The Connection field does not say \"upgrade\".");
  const auto versions = fields.getAll("Sec-WebSocket-Version");
  if (versions.size() != 1 || versions.front() != version)
    throw StatusError(426, "Only version 13 of WebSocket is spoken here.");
  const auto keys = fields.getAll("Sec-WebSocket-Key");
  if (keys.size() != 1) throw StatusError(400, "There must be one Sec-WebSocket-Key.");
  if (!isKey(keys.front())) throw StatusError(400, "Sec-WebSocket-Key is not 16 bytes in base64.");

  Opening opening{request, keys.front(), {}, {}};
  const auto origins = fields.getAll("Origin");
  if (origins.size() > 1) throw StatusError(400, "There is more than one Origin.");
  if (!origins.empty()) opening.origin = origins.front();
  for (std::string_view value : fields.getAll("Sec-WebSocket-Protocol")) {
    bool any = false;
    for (std::string_view item = http::nextListItem(value); !item.empty(); item = http::nextListItem(value)) {
      any = true;
      if (!http::isToken(item) || opening.offers(item) || opening.subprotocols.size() == mostSubprotocols)
        throw StatusError(400, "Sec-WebSocket-Protocol is not a list of different names.");
      opening.subprotocols.push_back(item);
    }
    if (!any) throw StatusError(400, "Sec-WebSocket-Protocol is empty.");
  }
  if (!mayConnect(opening.origin, request.host(), options))
    throw StatusError(403, "Pages of this origin may not connect.");
  return opening;
}

http::Headers refusalFields(int status) {
  if (status == 405) return {{"Allow", "GET"}};
  if (status == 426) return {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", version}};
  return {};
}

http::Headers makeAnswer(const Opening& opening, const Acceptance& acceptance, const Options& options,
                         Agreement& agreement) {
  if (!acceptance.subprotocol.empty() && !opening.offers(acceptance.subprotocol))
    throw std::logic_error("WebSocket: the subprotocol \"" + acceptance.subprotocol + "\" was not asked for");
  http::Headers headers{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
  headers.add("Sec-WebSocket-Accept", acceptFor(opening.key));
  agreement = {acceptance.subprotocol, {}};
  if (!acceptance.subprotocol.empty()) headers.add("Sec-WebSocket-Protocol", acceptance.subprotocol);
  if (options.deflate) {
    const DeflateChoice choice =
        chooseDeflate(joined(opening.request.headers(), "Sec-WebSocket-Extensions"), *options.deflate);
    if (choice.malformed) throw StatusError(400, "Sec-WebSocket-Extensions is not a list of extensions.");
    agreement.deflate = choice.agreement;
    if (choice.agreement) headers.add("Sec-WebSocket-Extensions", choice.response);
  }
  for (const http::Field field : acceptance.headers) {
    if (isOurs(field.name))
      throw std::logic_error("WebSocket: the field " + std::string(field.name) + " is set by the handshake alone");
    headers.add(field.name, field.value);
  }
  return headers;
}

// ---- the client's side ----

ClientHandshake::ClientHandshake(const ClientRequest& request, const Options& options) : key_(makeKey()) {
  http::Headers headers{{"Host", request.host}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
  headers.add("Sec-WebSocket-Key", key_).add("Sec-WebSocket-Version", version);
  if (!request.origin.empty()) headers.add("Origin", request.origin);
  std::string wanted;
  for (const std::string& one : options.subprotocols) wanted += (wanted.empty() ? "" : ", ") + one;
  if (!wanted.empty()) headers.add("Sec-WebSocket-Protocol", wanted);
  if (options.deflate) headers.add("Sec-WebSocket-Extensions", offerDeflate(*options.deflate));
  for (const http::Field field : request.headers) {
    if (isOurs(field.name) || equalsIgnoringCase(field.name, "Host"))
      throw std::invalid_argument("WebSocket: the field " + std::string(field.name) + " is set by the handshake alone");
    headers.add(field.name, field.value);
  }
  http::appendRequest(request_, "GET", request.target, headers);
}

bool ClientHandshake::read(std::string_view& input, const Options& options) {
  // The end of the head may be cut: look from three bytes before what is new.
  const std::size_t before = head_.size();
  const std::size_t room = mostHead - before;
  head_ += input.substr(0, room);
  const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    if (input.size() >= room) throw HandshakeError("The server's answer has a head of over 16 KiB.");
    if (const std::size_t most = std::min<std::size_t>(head_.size(), 5); head_.compare(0, most, "HTTP/", most) != 0)
      throw HandshakeError("What answers is no HTTP server.");
    input = {};
    return false;
  }
  input.remove_prefix(end + 4 - before);
  head_.resize(end + 2);  // with the end of the last line
  readHead(head_, options);
  head_ = {};
  return true;
}

void ClientHandshake::readHead(std::string_view head, const Options& options) {
  const auto line = [&head] {
    const std::size_t end = head.find("\r\n");
    const std::string_view found = head.substr(0, end);
    head.remove_prefix(end + 2);
    return found;
  };
  const std::string_view first = line();
  const auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  const bool wellFormed = first.size() >= 12 && first.starts_with("HTTP/1.") && isDigit(first[7]) && first[8] == ' ' &&
                          std::all_of(first.begin() + 9, first.begin() + 12, isDigit) &&
                          (first.size() == 12 || first[12] == ' ');
  if (!wellFormed) throw HandshakeError("What answers is no HTTP/1.1 server.");
  const int status = (first[9] - '0') * 100 + (first[10] - '0') * 10 + (first[11] - '0');
  if (status != 101) {
    std::string said(first.substr(9, 100));
    std::replace_if(said.begin(), said.end(), [](char c) { return c < ' ' || c > '~'; }, '?');  // it goes into logs
    throw HandshakeError("The server does not speak WebSocket at this address: it answers " + said + ".", status);
  }
  const auto refuse = [&](const std::string& why) {
    throw HandshakeError("WebSocket handshake: " + why + ".", status);
  };
  http::Headers& fields = answer_.headers;
  while (!head.empty()) {
    const std::string_view one = line();
    const std::size_t colon = one.find(':');
    const std::string_view name = one.substr(0, colon);
    if (colon == std::string_view::npos || !http::isToken(name)) refuse("a header field is malformed");
    const std::string_view value = http::trimWhitespace(one.substr(colon + 1));
    if (!http::isFieldValue(value)) refuse("a header field is malformed");
    fields.add(name, value);
  }
  if (!lists(fields, "Upgrade", "websocket")) refuse("the Upgrade field does not say \"websocket\"");
  if (!lists(fields, "Connection", "upgrade")) refuse("the Connection field does not say \"upgrade\"");
  const auto accepts = fields.getAll("Sec-WebSocket-Accept");
  if (accepts.size() != 1 || accepts.front() != acceptFor(key_)) refuse("Sec-WebSocket-Accept does not fit the key");
  const auto chosen = fields.getAll("Sec-WebSocket-Protocol");
  if (chosen.size() > 1) refuse("the server chose more than one subprotocol");
  if (!chosen.empty()) {
    const std::string one(chosen.front());
    if (std::find(options.subprotocols.begin(), options.subprotocols.end(), one) == options.subprotocols.end())
      refuse("the server chose a subprotocol that was not asked for");
    answer_.agreement.subprotocol = one;
  }
  const DeflateAnswer deflate =
      readDeflateAnswer(joined(fields, "Sec-WebSocket-Extensions"), options.deflate ? &*options.deflate : nullptr);
  if (deflate.refusal != nullptr) refuse(deflate.refusal);
  answer_.agreement.deflate = deflate.agreement;
}

}  // namespace bight::websocket
