// A fuzzing entry point for permessage-deflate and its negotiation. Whatever is compressed comes back, with every agreement two sides can
// come to; whatever bytes are decompressed, in any pieces, end in the same way and within the room there is; no offer and no answer makes
// two sides that disagree. Built as a libFuzzer program under clang (`ninja -C build tests/fuzz/websocket_deflate_fuzz`); the tests replay it.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <bight/websocket/deflate.hpp>

using namespace bight::websocket;

namespace {

[[noreturn]] void found(const char* what, std::string_view about = {}) {
  std::cerr << what << ' ' << about << std::endl;
  std::abort();
}

/// All that comes out of one message, or nothing if it cannot be decompressed.
std::optional<std::string> decompress(Inflater& inflater, std::string_view message, std::size_t pieceSize,
                                      std::size_t roomSize) {
  std::string out;
  std::array<char, 4096> room;
  const std::span<char> space(room.data(), std::min(roomSize, room.size()));
  const auto feed = [&](std::string_view piece) {
    for (;;) {
      const std::size_t size = inflater.inflate(piece, space);
      if (size > space.size()) found("more was written than there is room for");
      out.append(space.data(), size);
      if (size < space.size() || out.size() > 100000) return;
    }
  };
  for (std::size_t at = 0; at < message.size(); at += pieceSize) feed(message.substr(at, pieceSize));
  feed(Inflater::tail());
  if (out.size() > 100000) return std::nullopt;
  if (inflater.failed() || !inflater.endMessage()) return std::nullopt;
  return out;
}

void negotiate(const DeflateOptions& client, const DeflateOptions& server, std::string_view spice) {
  const std::string offer = offerDeflate(client) + std::string(spice);
  const DeflateChoice choice = chooseDeflate(offer, server);
  if (spice.empty() && !choice.agreement) found("our server does not take our client's offer", offer);
  if (!choice.agreement || !spice.empty()) return;
  const DeflateAnswer answer = readDeflateAnswer(choice.response, &client);
  if (answer.refusal != nullptr) found(answer.refusal, offer + " -> " + choice.response);
  if (!answer.agreement || answer.agreement->ownWindowBits > choice.agreement->peerWindowBits ||
      answer.agreement->peerWindowBits < choice.agreement->ownWindowBits)
    found("the two sides disagree about windows", offer + " -> " + choice.response);
  if ((choice.agreement->peerNoContextTakeover && !answer.agreement->ownNoContextTakeover) ||
      (answer.agreement->peerNoContextTakeover && !choice.agreement->ownNoContextTakeover))
    found("the two sides disagree about contexts", offer + " -> " + choice.response);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  DeflateOptions client;
  DeflateOptions server;
  client.ownWindowBits = 8 + data[0] % 8;
  client.peerWindowBits = 8 + data[0] / 8 % 8;
  client.ownNoContextTakeover = (data[0] & 64) != 0;
  client.peerNoContextTakeover = (data[0] & 128) != 0;
  server.ownWindowBits = 8 + data[1] % 8;
  server.peerWindowBits = 8 + data[1] / 8 % 8;
  server.memoryLevel = 1 + data[1] / 64;
  const std::size_t pieceSize = 1 + data[2] % 97;
  const std::size_t roomSize = 1 + std::size_t{data[3]} * 16;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 4, size - 4);

  negotiate(client, server, {});
  negotiate(client, server, bytes);
  static_cast<void>(readDeflateAnswer(bytes, &client));

  // There and back, three messages over one agreement.
  const DeflateAgreement mine{.ownWindowBits = client.ownWindowBits,
                              .ownNoContextTakeover = client.ownNoContextTakeover};
  Deflater deflater(mine, client);
  Inflater inflater({.peerWindowBits = client.ownWindowBits, .peerNoContextTakeover = client.ownNoContextTakeover});
  for (const std::string_view message : {bytes, bytes.substr(bytes.size() / 2), bytes}) {
    std::string compressed;
    deflater.compress(message, compressed);
    const auto back = decompress(inflater, compressed, pieceSize, roomSize);
    if (!back || *back != message.substr(0, 100000)) {
      if (message.size() < 100000) found("what was compressed does not come back");
    }
  }

  // Anything at all: whole and in pieces. (With the full window, see websocket_frame_fuzz.cpp.)
  Inflater whole(DeflateAgreement{});
  Inflater pieces(DeflateAgreement{});
  if (decompress(whole, bytes, bytes.size() + 1, 4096) != decompress(pieces, bytes, pieceSize, roomSize))
    found("two cuts of the same bytes were decompressed differently");
  return 0;
}
