#include <bight/policies/traffic_logging.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace bight {

namespace {

const Logger& log() {
  static const Logger logger("bight.traffic");
  return logger;
}

/// A file that is closed with its sink.
class OwnedFile {
 public:
  explicit OwnedFile(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot write traffic to " + path);
  }
  ~OwnedFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OwnedFile(OwnedFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFile& operator=(OwnedFile&&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "cannot write traffic");
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

 private:
  int fd_;
};

class LoggedConnection : public ProtocolWrapper {
 public:
  LoggedConnection(std::shared_ptr<Protocol> wrapped, TrafficSink sink, const TrafficLogOptions& options)
      : ProtocolWrapper(std::move(wrapped)), sink_(std::move(sink)), options_(options) {}

  void connectionMade() override {
    say("connection of " + getPeer().toString() + " to " + getHost().toString());
    ProtocolWrapper::connectionMade();
  }
  void dataReceived(std::string_view data) override {
    if (options_.received) show("received ", data);
    ProtocolWrapper::dataReceived(data);
  }
  void connectionLost(const Failure& reason) override {
    say("connection lost: " + reason.getErrorMessage());
    ProtocolWrapper::connectionLost(reason);
  }
  void write(std::string_view data) override {
    if (options_.written) show("written ", data);
    ProtocolWrapper::write(data);
  }
  void writeSequence(std::span<const std::string_view> pieces) override {
    if (options_.written) {
      std::string joined;
      for (const auto piece : pieces) joined += piece;
      show("written ", joined);
    }
    ProtocolWrapper::writeSequence(pieces);
  }
  void readConnectionLost() override {
    say("the peer's end of data");
    ProtocolWrapper::readConnectionLost();
  }
  void loseConnection() override {
    say("loseConnection()");
    ProtocolWrapper::loseConnection();
  }
  void loseWriteConnection() override {
    say("loseWriteConnection()");
    ProtocolWrapper::loseWriteConnection();
  }
  void abortConnection() override {
    say("abortConnection()");
    ProtocolWrapper::abortConnection();
  }

 private:
  void say(std::string_view text) {
    if (!sink_) return;
    try {
      sink_(text);
    } catch (...) {
      log().failure("while logging traffic; this connection is not logged any more", Failure(), LogLevel::error);
      sink_ = {};
    }
  }

  void show(std::string_view what, std::string_view data) {
    if (!sink_ || data.empty()) return;
    std::string text(what);
    text += std::to_string(data.size()) + " bytes";
    if (data.size() > options_.maxShown) text += ", the first " + std::to_string(options_.maxShown);
    const std::string dump = hexDump(data.substr(0, options_.maxShown));
    if (!dump.empty()) text += ":\n" + dump;
    say(text);
  }

  TrafficSink sink_;
  TrafficLogOptions options_;
};

}  // namespace

std::string hexDump(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  static constexpr std::size_t perLine = 16;
  std::string text;
  text.reserve((bytes.size() + perLine - 1) / perLine * 79);
  for (std::size_t from = 0; from < bytes.size(); from += perLine) {
    if (from > 0) text += '\n';
    for (int shift = 28; shift >= 0; shift -= 4) text += digits[(from >> shift) & 15];
    text += ' ';
    const std::string_view line = bytes.substr(from, perLine);
    for (std::size_t i = 0; i < perLine; ++i) {
      if (i % 8 == 0) text += ' ';
      if (i < line.size()) {
        const auto byte = static_cast<unsigned char>(line[i]);
        text += digits[byte >> 4];
        text += digits[byte & 15];
        text += ' ';
      } else {
        text += "   ";
      }
    }
    text += " |";
    for (const char c : line) text += c >= ' ' && c <= '~' ? c : '.';
    text += '|';
  }
  return text;
}

TrafficLog trafficToLog(std::string name, LogLevel level) {
  return [logger = std::make_shared<const Logger>(std::move(name)), level](const Address& peer,
                                                                           std::uint64_t number) -> TrafficSink {
    if (!logger->enabled(level)) return {};
    return [logger, level, who = "#" + std::to_string(number) + ' ' + peer.toString() + ": "](std::string_view text) {
      logger->log(level, who + std::string(text));
    };
  };
}

TrafficLog trafficToFiles(std::string prefix, std::size_t maxBytes) {
  return [prefix = std::move(prefix), maxBytes](const Address&, std::uint64_t number) -> TrafficSink {
    const std::string path = prefix + '-' + std::to_string(number);
    return [file = OwnedFile(path), left = maxBytes, path](std::string_view text) mutable {
      if (text.size() + 1 > left)
        throw std::length_error("the file of traffic " + path + " has become as long as it may be");
      left -= text.size() + 1;
      std::string line(text);
      line += '\n';
      file.write(line);
    };
  };
}

TrafficLoggingFactory::TrafficLoggingFactory(std::shared_ptr<Factory> wrapped, TrafficLog log,
                                             const TrafficLogOptions& options)
    : WrappingFactory(std::move(wrapped)), log_(std::move(log)), options_(options) {
  if (!log_) throw std::invalid_argument("TrafficLoggingFactory needs a log, and got an empty function");
}

TrafficLoggingFactory::~TrafficLoggingFactory() = default;

std::shared_ptr<ProtocolWrapper> TrafficLoggingFactory::wrapProtocol(std::shared_ptr<Protocol> protocol,
                                                                     const Address& peer) {
  TrafficSink sink;
  try {
    sink = log_(peer, ++number_);
  } catch (...) {
    log().failure("while logging traffic; this connection is not logged", Failure(), LogLevel::error);
  }
  return makeWrapper<LoggedConnection>(std::move(protocol), std::move(sink), options_);
}

}  // namespace bight
