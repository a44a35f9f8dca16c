// Offers and answers of permessage-deflate. RFC 6455, section 9.1 (the grammar); RFC 7692, sections 5 and 7.1.
#include <bight/websocket/deflate.hpp>

#include <charconv>
#include <utility>
#include <vector>

#include <bight/http/syntax.hpp>

namespace bight::websocket {

namespace {

constexpr std::string_view extensionName = "permessage-deflate";
constexpr std::size_t mostExtensions = 32;  // in one list, and parameters of one
constexpr int biggestWindow = 15;

struct Parameter {
  std::string_view name;
  std::string value;
  bool hasValue = false;
};

struct Extension {
  std::string_view name;
  std::vector<Parameter> parameters;
};

/// Reads `token *( ";" token [ "=" ( token / quoted-string ) ] )`, separated by commas.
class ExtensionReader {
 public:
  explicit ExtensionReader(std::string_view text) : rest_(text) {}

  /// Nothing if the text is malformed.
  std::optional<std::vector<Extension>> read() {
    std::vector<Extension> all;
    for (;;) {
      while (skip(',')) {
      }
      if (atEnd()) return all;
      if (all.size() == mostExtensions) return std::nullopt;
      Extension& one = all.emplace_back();
      one.name = token();
      if (one.name.empty()) return std::nullopt;
      while (skip(';')) {
        if (one.parameters.size() == mostExtensions) return std::nullopt;
        Parameter& parameter = one.parameters.emplace_back();
        parameter.name = token();
        if (parameter.name.empty()) return std::nullopt;
        if (!skip('=')) continue;
        parameter.hasValue = true;
        if (!value(parameter.value)) return std::nullopt;
      }
      if (!atEnd() && rest_.front() != ',') return std::nullopt;
    }
  }

 private:
  void skipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  bool atEnd() {
    skipSpace();
    return rest_.empty();
  }
  bool skip(char c) {
    skipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view token() {
    skipSpace();
    std::size_t size = 0;
    while (size < rest_.size() && http::isToken(rest_.substr(size, 1))) ++size;
    const std::string_view found = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return found;
  }
  /// A token, also where it is quoted (RFC 6455, 9.1: it must be one after unquoting).
  bool value(std::string& out) {
    if (!skip('"')) {
      out = token();
      return !out.empty();
    }
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return false;
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    return skip('"') && http::isToken(out);
  }

  std::string_view rest_;
};

/// The four parameters, as an offer or an answer has them.
struct Parameters {
  bool serverNoTakeover = false;
  bool clientNoTakeover = false;
  int serverBits = 0;  // 0: not there
  int clientBits = 0;  // 0: not there, or without a value
  bool clientBitsNamed = false;
};

int windowBits(const std::string& text) {
  int bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && text.front() != '0' && bits >= 8 && bits <= biggestWindow ? bits : 0;
}

/// Nothing if a parameter is unknown, occurs twice, or has a value it may not have.
std::optional<Parameters> readParameters(const Extension& extension, bool isOffer) {
  Parameters found;
  for (const Parameter& one : extension.parameters) {
    const auto flag = [&](bool& where) { return !one.hasValue && !std::exchange(where, true); };
    bool good = false;
    if (one.name == "server_no_context_takeover") {
      good = flag(found.serverNoTakeover);
    } else if (one.name == "client_no_context_takeover") {
      good = flag(found.clientNoTakeover);
    } else if (one.name == "server_max_window_bits") {
      good = one.hasValue && found.serverBits == 0 && (found.serverBits = windowBits(one.value)) != 0;
    } else if (one.name == "client_max_window_bits") {
      good = !std::exchange(found.clientBitsNamed, true) &&
             (one.hasValue ? (found.clientBits = windowBits(one.value)) != 0 : isOffer);
    }
    if (!good) return std::nullopt;
  }
  return found;
}

}  // namespace

std::string offerDeflate(const DeflateOptions& options) {
  std::string offer(extensionName);
  // Without a value it says that the server may choose; our own limit is kept anyhow.
  offer += "; client_max_window_bits";
  if (options.ownWindowBits < biggestWindow) offer += "=" + std::to_string(options.ownWindowBits);
  if (options.peerWindowBits < biggestWindow)
    offer += "; server_max_window_bits=" + std::to_string(options.peerWindowBits);
  if (options.ownNoContextTakeover) offer += "; client_no_context_takeover";
  if (options.peerNoContextTakeover) offer += "; server_no_context_takeover";
  return offer;
}

DeflateChoice chooseDeflate(std::string_view offers, const DeflateOptions& options) {
  DeflateChoice choice;
  const auto extensions = ExtensionReader(offers).read();
  if (!extensions) {
    choice.malformed = true;
    return choice;
  }
  for (const Extension& extension : *extensions) {
    if (!http::equalsIgnoringCase(extension.name, extensionName)) continue;
    const auto offered = readParameters(extension, true);
    if (!offered) continue;
    DeflateAgreement agreement;
    std::string response(extensionName);
    const auto add = [&](const char* name, int bits = 0) {
      response += "; ";
      response += name;
      if (bits != 0) response += "=" + std::to_string(bits);
    };
    agreement.ownNoContextTakeover = offered->serverNoTakeover || options.ownNoContextTakeover;
    if (agreement.ownNoContextTakeover) add("server_no_context_takeover");
    agreement.peerNoContextTakeover = offered->clientNoTakeover || options.peerNoContextTakeover;
    if (agreement.peerNoContextTakeover) add("client_no_context_takeover");
    agreement.ownWindowBits = options.ownWindowBits;
    if (offered->serverBits != 0) agreement.ownWindowBits = std::min(agreement.ownWindowBits, offered->serverBits);
    if (offered->serverBits != 0 || agreement.ownWindowBits < biggestWindow)
      add("server_max_window_bits", agreement.ownWindowBits);
    if (offered->clientBitsNamed) {
      agreement.peerWindowBits = options.peerWindowBits;
      if (offered->clientBits != 0) agreement.peerWindowBits = std::min(agreement.peerWindowBits, offered->clientBits);
      if (agreement.peerWindowBits < biggestWindow) add("client_max_window_bits", agreement.peerWindowBits);
    }
    choice.agreement = agreement;
    choice.response = std::move(response);
    return choice;
  }
  return choice;
}

DeflateAnswer readDeflateAnswer(std::string_view answer, const DeflateOptions* options) {
  const auto extensions = ExtensionReader(answer).read();
  if (!extensions) return {{}, "the field Sec-WebSocket-Extensions is malformed"};
  if (extensions->empty()) return {};
  if (!options) return {{}, "the server uses an extension that was not offered"};
  if (extensions->size() > 1 || !http::equalsIgnoringCase(extensions->front().name, extensionName))
    return {{}, "the server uses an extension that was not offered, or one twice"};
  const auto said = readParameters(extensions->front(), false);
  if (!said) return {{}, "the server's parameters of permessage-deflate are not valid"};
  if (options->peerNoContextTakeover && !said->serverNoTakeover)
    return {{}, "the server does not agree to server_no_context_takeover"};
  const int asked = options->peerWindowBits;
  if (asked < biggestWindow && (said->serverBits == 0 || said->serverBits > asked))
    return {{}, "the server does not agree to the server_max_window_bits that were offered"};
  if (said->clientBits > options->ownWindowBits)
    return {{}, "the server allows larger client_max_window_bits than were offered"};
  DeflateAgreement agreement;
  agreement.ownNoContextTakeover = said->clientNoTakeover || options->ownNoContextTakeover;
  agreement.peerNoContextTakeover = said->serverNoTakeover;
  agreement.ownWindowBits = said->clientBits != 0 ? said->clientBits : options->ownWindowBits;
  agreement.peerWindowBits = said->serverBits != 0 ? said->serverBits : biggestWindow;
  return {agreement, nullptr};
}

}  // namespace bight::websocket
