#include <bight/connection_errors.hpp>

#include <cerrno>
#include <system_error>

namespace bight {

namespace {

/// "Says what: 111: Connection refused (where)." The parts that are not there are left out.
std::string sentence(const char* says, int osError, const std::string& detail) {
  std::string text = says;
  if (osError != 0) text += ": " + std::to_string(osError) + ": " + std::generic_category().message(osError);
  if (!detail.empty()) text += osError != 0 ? " (" + detail + ")" : ": " + detail;
  return text + ".";
}

constexpr const char* lostText = "Connection to the other side was lost in a non-clean fashion";

}  // namespace

ConnectionDone::ConnectionDone() : std::runtime_error("Connection was closed cleanly.") {}

ConnectionLost::ConnectionLost() : std::runtime_error(sentence(lostText, 0, {})) {}

ConnectionLost ConnectionLost::fromErrno(int osError) {
  return ConnectionLost(sentence(lostText, osError, {}), osError);
}

ConnectionAborted::ConnectionAborted() : ConnectionLost("Connection was aborted locally using abortConnection().") {}

OutputLimitError::OutputLimitError(std::size_t buffered, std::size_t limit)
    : ConnectionAborted("Connection was aborted: the peer does not read, " + std::to_string(buffered) +
                        " bytes of output wait for it, and the limit is " + std::to_string(limit) +
                        "; wait for drained(), register a producer, or raise setMaxWriteBuffer().") {}

ConnectError::ConnectError(int osError, const std::string& detail)
    : ConnectError("An error occurred while connecting", osError, detail) {}
ConnectError::ConnectError(const char* says, int osError, const std::string& detail)
    : std::runtime_error(sentence(says, osError, detail)), osError_(osError) {}
ConnectionRefusedError::ConnectionRefusedError(int osError, const std::string& detail)
    : ConnectError("Connection was refused by other side", osError, detail) {}
TCPTimedOutError::TCPTimedOutError(int osError, const std::string& detail)
    : ConnectError("TCP connection timed out", osError, detail) {}
NoRouteError::NoRouteError(int osError, const std::string& detail)
    : ConnectError("No route to host", osError, detail) {}
UnknownHostError::UnknownHostError(int osError, const std::string& detail)
    : ConnectError("Hostname couldn't be looked up or reached", osError, detail) {}
ConnectBindError::ConnectBindError(int osError, const std::string& detail)
    : ConnectError("Couldn't bind the local address", osError, detail) {}
BadFileError::BadFileError(int osError, const std::string& detail)
    : ConnectError("File used for UNIX socket is no good", osError, detail) {}
ServiceNameUnknownError::ServiceNameUnknownError(int osError, const std::string& detail)
    : ConnectError("Service name given as port is unknown", osError, detail) {}
UserError::UserError(int osError, const std::string& detail) : UserError("User aborted connection", osError, detail) {}
ConnectTimeoutError::ConnectTimeoutError(int osError, const std::string& detail)
    : UserError("User timeout caused connection failure", osError, detail) {}
SSLError::SSLError(int osError, const std::string& detail)
    : ConnectError("An error occurred with the TLS connection", osError, detail) {}
DNSLookupError::DNSLookupError(int osError, const std::string& detail)
    : ConnectError("DNS lookup failed", osError, detail) {}

std::exception_ptr getConnectError(int osError, const std::string& detail) {
  switch (osError) {
    case ECONNREFUSED:
      return std::make_exception_ptr(ConnectionRefusedError(osError, detail));
    case ETIMEDOUT:
      return std::make_exception_ptr(TCPTimedOutError(osError, detail));
    case ENETUNREACH:
      return std::make_exception_ptr(NoRouteError(osError, detail));
    case EHOSTUNREACH:
    case EHOSTDOWN:
      return std::make_exception_ptr(UnknownHostError(osError, detail));
    case ENOENT:
      return std::make_exception_ptr(BadFileError(osError, detail));
    default:
      return std::make_exception_ptr(ConnectError(osError, detail));
  }
}

CannotListenError::CannotListenError(std::string interface, int port, int osError, const std::string& cause)
    : std::runtime_error("Couldn't listen on " + (interface.empty() ? std::string("any") : interface) + ":" +
                         std::to_string(port) + ": " + cause + "."),
      interface_(std::move(interface)),
      port_(port),
      osError_(osError) {}
CannotListenError::CannotListenError(std::string address, int osError, const std::string& cause)
    : std::runtime_error("Couldn't listen on " + address + ": " + cause + "."),
      interface_(std::move(address)),
      osError_(osError) {}

}  // namespace bight
