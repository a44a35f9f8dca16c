/// @file
/// Seeing what goes over connections.
///
/// ```cpp
/// auto seen = std::make_shared<bight::TrafficLoggingFactory>(site, bight::trafficToLog("site.traffic"));
/// ```
/// The bytes of a connection are often secret: passwords, cookies. This is for looking for mistakes, not for keeping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <bight/address.hpp>
#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/log.hpp>
#include <bight/policies/protocol_wrapper.hpp>

namespace bight {

/// Bytes as people read them: sixteen a line, the place, the numbers, the characters.
///
/// ```
/// 00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|
/// ```
BIGHT_API std::string hexDump(std::string_view bytes);

/// Where the lines of one connection go. A text is one event: its first line tells what, the others are the bytes.
using TrafficSink = Function<void(std::string_view text)>;
/// Makes a sink for a connection: the `number`th of the factory, counted from 1, with `peer`. An empty sink: this
/// connection is not logged.
using TrafficLog = Function<TrafficSink(const Address& peer, std::uint64_t number)>;

/// To the log, under the namespace `name`.
BIGHT_API TrafficLog trafficToLog(std::string name, LogLevel level = LogLevel::info);
/// To a file for each connection: `prefix` with "-1", "-2", … behind it, readable by its owner only. A file that exists
/// is not overwritten. When a file cannot be written, or `maxBytes` are in it, this is logged once and the connection
/// goes on without.
BIGHT_API TrafficLog trafficToFiles(std::string prefix, std::size_t maxBytes = std::size_t{16} << 20);

/// What a `TrafficLoggingFactory` shows.
struct TrafficLogOptions {
  /// Bytes of one event that are shown; how many there were is always told.
  std::size_t maxShown = 4096;
  /// Show what is received, what is written.
  bool received = true;
  bool written = true;
};

/// Logs the traffic of a factory's connections: their beginning, each piece with a hex dump, closing calls, their end.
/// What the log throws is logged, and ends the logging of that connection, not the connection. (Twisted:
/// policies.TrafficLoggingFactory and SpewingFactory)
class BIGHT_API TrafficLoggingFactory : public WrappingFactory {
 public:
  /// @throws std::invalid_argument if `log` is empty
  TrafficLoggingFactory(std::shared_ptr<Factory> wrapped, TrafficLog log, const TrafficLogOptions& options = {});
  ~TrafficLoggingFactory() override;

 protected:
  std::shared_ptr<ProtocolWrapper> wrapProtocol(std::shared_ptr<Protocol> protocol, const Address& peer) override;

 private:
  TrafficLog log_;
  TrafficLogOptions options_;
  std::uint64_t number_ = 0;
};

}  // namespace bight
