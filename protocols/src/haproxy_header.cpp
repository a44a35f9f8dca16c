// The header of the PROXY protocol, read and written
// --------------------------------------------------
// Version 1 is a line of at most 107 bytes. Version 2 is
//
//   0  12 bytes  0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A
//   12 1 byte    version 2 (high half), command: 0 LOCAL, 1 PROXY (low half)
//   13 1 byte    family: 0 unspecified, 1 IPv4, 2 IPv6, 3 UNIX (high half); 0 unspecified, 1 stream, 2 datagram
//   14 2 bytes   how many bytes follow: addresses, then extensions (type, length, value)
//
// What came is compared with both beginnings byte by byte, so that any fragmentation is taken and nonsense is refused at
// its first wrong byte. Only bytes of the header are taken from the input: what follows is the connection's.
#include <bight/haproxy.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace bight {

namespace {

constexpr std::string_view signature1 = "PROXY ";
constexpr std::string_view signature2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t mostOfVersion1 = 107;
constexpr std::size_t fixedPart = 16;
constexpr std::size_t unixName = 108;

std::uint8_t byteAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t numberAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byteAt(bytes, at) << 8 | byteAt(bytes, at + 1));
}

void append(std::string& to, std::size_t number) {
  to += static_cast<char>(number >> 8 & 0xff);
  to += static_cast<char>(number & 0xff);
}

// ---- version 1 ----

std::uint16_t parsePort(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || (text.size() > 1 && text.front() == '0'))
    throw InvalidProxyHeader("\"" + std::string(text) + "\" is no port");
  return port;
}

template <class A>
A parseHost(std::string_view text, std::uint16_t port) {
  const auto address = text.find('%') == std::string_view::npos ? A::parse(text, port) : std::nullopt;
  if (!address) throw InvalidProxyHeader("\"" + std::string(text) + "\" is no address of the family named");
  return *address;
}

/// @param line  without its end
ProxyHeader parseVersion1(std::string_view line) {
  line.remove_prefix(signature1.size());
  std::vector<std::string_view> words;
  for (std::size_t from = 0; from <= line.size();) {
    const std::size_t end = std::min(line.find(' ', from), line.size());
    words.push_back(line.substr(from, end - from));
    from = end + 1;
  }
  if (words.front() == "UNKNOWN") return {};
  const bool v6 = words.front() == "TCP6";
  if (!v6 && words.front() != "TCP4") throw InvalidProxyHeader("it names neither TCP4 nor TCP6 nor UNKNOWN");
  if (words.size() != 5) throw InvalidProxyHeader("two addresses and two ports were expected");
  const std::uint16_t from = parsePort(words[3]);
  const std::uint16_t to = parsePort(words[4]);
  if (v6) return {parseHost<IPv6Address>(words[1], from), parseHost<IPv6Address>(words[2], to)};
  return {parseHost<IPv4Address>(words[1], from), parseHost<IPv4Address>(words[2], to)};
}

// ---- version 2 ----

template <std::size_t N>
std::array<std::uint8_t, N> bytesAt(std::string_view bytes, std::size_t at) {
  std::array<std::uint8_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = byteAt(bytes, at + i);
  return out;
}

Address unixAt(std::string_view bytes, std::size_t at) {
  std::string_view name = bytes.substr(at, unixName);
  const bool abstract = !name.empty() && name.front() == '\0';
  const std::size_t end = name.find('\0', abstract ? 1 : 0);
  return UNIXAddress{std::string(name.substr(0, end))};
}

std::vector<ProxyHeader::Extension> parseExtensions(std::string_view bytes) {
  std::vector<ProxyHeader::Extension> extensions;
  while (!bytes.empty()) {
    if (bytes.size() < 3 || bytes.size() - 3 < numberAt(bytes, 1))
      throw InvalidProxyHeader("an extension is longer than the header");
    const std::size_t size = numberAt(bytes, 1);
    extensions.push_back({byteAt(bytes, 0), std::string(bytes.substr(3, size))});
    bytes.remove_prefix(3 + size);
  }
  return extensions;
}

ProxyHeader parseVersion2(std::string_view bytes) {
  const unsigned command = byteAt(bytes, 12) & 15U;
  const unsigned family = byteAt(bytes, 13) >> 4;
  const unsigned kind = byteAt(bytes, 13) & 15U;
  if (command == 0) return {};  // LOCAL: the addresses, if there are any, do not count
  if (command != 1) throw InvalidProxyHeader("the command is neither LOCAL nor PROXY");
  if (family > 3 || kind > 2) throw InvalidProxyHeader("the family of addresses is not known");
  std::string_view body = bytes.substr(fixedPart);
  static constexpr std::array<std::size_t, 4> sizes{0, 12, 36, 2 * unixName};
  const std::size_t size = sizes[family];
  if (body.size() < size) throw InvalidProxyHeader("it is too short for the addresses of its family");
  const auto type = kind == 2 ? AddressType::udp : AddressType::tcp;
  ProxyHeader header;
  if (family == 1 && kind > 0) {
    header.source = IPv4Address(bytesAt<4>(body, 0), numberAt(body, 8), type);
    header.destination = IPv4Address(bytesAt<4>(body, 4), numberAt(body, 10), type);
  } else if (family == 2 && kind > 0) {
    header.source = IPv6Address(bytesAt<16>(body, 0), numberAt(body, 32), 0, 0, type);
    header.destination = IPv6Address(bytesAt<16>(body, 16), numberAt(body, 34), 0, 0, type);
  } else if (family == 3 && kind > 0) {
    header.source = unixAt(body, 0);
    header.destination = unixAt(body, unixName);
  }
  header.extensions = parseExtensions(body.substr(size));
  return header;
}

template <std::size_t N>
void append(std::string& to, const std::array<std::uint8_t, N>& bytes) {
  for (const std::uint8_t byte : bytes) to += static_cast<char>(byte);
}

void appendUnix(std::string& to, const std::string& name) {
  to.append(name, 0, unixName);
  to.append(unixName - std::min(name.size(), unixName), '\0');
}

}  // namespace

InvalidProxyHeader::InvalidProxyHeader(const std::string& why)
    : std::runtime_error("The connection does not begin with a valid header of the PROXY protocol: " + why + '.') {}

std::optional<ProxyHeader> ProxyHeaderReader::next(std::string_view& input) {
  while (!input.empty()) {
    const bool version2 = buffer_.empty() ? input.front() == signature2.front() : buffer_.front() == signature2.front();
    const std::string_view signature = version2 ? signature2 : signature1;
    // How far it can be taken without looking: to the end of what is known to belong to the header.
    std::size_t known = buffer_.size() + 1;
    if (version2 && buffer_.size() >= signature.size())
      known = buffer_.size() < fixedPart ? fixedPart : fixedPart + numberAt(buffer_, 14);
    const std::size_t taken = std::min(known - buffer_.size(), input.size());
    buffer_.append(input.substr(0, taken));
    input.remove_prefix(taken);
    if (buffer_.size() <= signature.size()) {
      if (buffer_.back() != signature[buffer_.size() - 1]) throw InvalidProxyHeader("it begins with neither signature");
      continue;
    }
    if (!version2) {
      if (buffer_.back() == '\n') {
        if (buffer_[buffer_.size() - 2] != '\r') throw InvalidProxyHeader("the line does not end with CR and LF");
        return parseVersion1(std::string_view(buffer_).substr(0, buffer_.size() - 2));
      }
      if (buffer_.size() >= mostOfVersion1) throw InvalidProxyHeader("the line is longer than 107 bytes");
      continue;
    }
    if (byteAt(buffer_, 12) >> 4 != 2) throw InvalidProxyHeader("the version is not 2");
    if (buffer_.size() < fixedPart) continue;
    const std::size_t whole = fixedPart + numberAt(buffer_, 14);
    if (whole > mostBytes_)
      throw InvalidProxyHeader("it has " + std::to_string(whole) + " bytes, and may have " +
                               std::to_string(mostBytes_));
    if (buffer_.size() == whole) return parseVersion2(buffer_);
  }
  return std::nullopt;
}

std::string ProxyHeader::toVersion1() const {
  const auto line = [](std::string_view family, const auto& from, const auto& to) {
    return "PROXY " + std::string(family) + ' ' + from.host() + ' ' + to.host() + ' ' + std::to_string(from.port()) +
           ' ' + std::to_string(to.port()) + "\r\n";
  };
  if (source && destination) {
    const auto* from4 = source->get<IPv4Address>();
    const auto* to4 = destination->get<IPv4Address>();
    if (from4 && to4) return line("TCP4", *from4, *to4);
    const auto* from6 = source->get<IPv6Address>();
    const auto* to6 = destination->get<IPv6Address>();
    if (from6 && to6)
      return line("TCP6", IPv6Address(from6->bytes(), from6->port()), IPv6Address(to6->bytes(), to6->port()));
  }
  return "PROXY UNKNOWN\r\n";
}

std::string ProxyHeader::toVersion2() const {
  std::string body;
  char family = 0;
  if (source && destination) {
    const auto* from4 = source->get<IPv4Address>();
    const auto* to4 = destination->get<IPv4Address>();
    const auto* from6 = source->get<IPv6Address>();
    const auto* to6 = destination->get<IPv6Address>();
    const auto* fromUnix = source->get<UNIXAddress>();
    const auto* toUnix = destination->get<UNIXAddress>();
    const auto kind = [](const auto& address) { return address.type() == AddressType::udp ? 2 : 1; };
    if (from4 && to4) {
      family = static_cast<char>(0x10 | kind(*from4));
      append(body, from4->bytes());
      append(body, to4->bytes());
    } else if (from6 && to6) {
      family = static_cast<char>(0x20 | kind(*from6));
      append(body, from6->bytes());
      append(body, to6->bytes());
    } else if (fromUnix && toUnix) {
      family = 0x31;
      appendUnix(body, fromUnix->name);
      appendUnix(body, toUnix->name);
    }
    if (family != 0 && !fromUnix) {
      append(body, source->port());
      append(body, destination->port());
    }
  }
  // The extensions may have something to say although the addresses have not; LOCAL has none by definition.
  const bool local = family == 0 && extensions.empty();
  for (const auto& extension : extensions) {
    if (extension.value.size() > 0xffff) throw std::length_error("toVersion2: an extension has more than 65535 bytes");
    body += static_cast<char>(extension.type);
    append(body, extension.value.size());
    body += extension.value;
  }
  if (body.size() > 0xffff) throw std::length_error("toVersion2: the header has more than 65535 bytes");
  std::string header(signature2);
  header += static_cast<char>(local ? 0x20 : 0x21);
  header += family;
  append(header, body.size());
  return header + body;
}

}  // namespace bight
