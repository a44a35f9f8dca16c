#include <bight/websocket/close_code.hpp>

namespace bight::websocket {

bool mayBeSent(std::uint16_t code) noexcept {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

std::string_view describeCloseCode(std::uint16_t code) noexcept {
  switch (code) {
    case closeCode::normal:
      return "normal";
    case closeCode::goingAway:
      return "going away";
    case closeCode::protocolError:
      return "protocol error";
    case closeCode::unsupported:
      return "unsupported data";
    case closeCode::noStatus:
      return "no status";
    case closeCode::abnormal:
      return "abnormal end";
    case closeCode::invalidData:
      return "invalid data";
    case closeCode::policy:
      return "policy violation";
    case closeCode::tooBig:
      return "message too big";
    case closeCode::noExtension:
      return "an extension is missing";
    case closeCode::internalError:
      return "internal error";
    case closeCode::restart:
      return "service restart";
    case closeCode::tryLater:
      return "try again later";
    case 1014:
      return "bad gateway";
    default:
      return {};
  }
}

}  // namespace bight::websocket
