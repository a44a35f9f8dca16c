/// @file
/// Why a connection ended, or never began.
///
/// Reasons that reach `connectionLost()`:
///
/// | reason | when |
/// |---|---|
/// | `ConnectionDone` | our `loseConnection()` has completed, or the peer has closed in order |
/// | `ConnectionLost` | the peer reset the connection, the network failed, or the reactor stopped |
/// | `ConnectionAborted` (is a `ConnectionLost`) | our `abortConnection()`, or a graceful limit ran out |
/// | `FileDescriptorOverrun` (is a `ConnectionLost`) | descriptors were sent without bytes, or did not fit |
/// | `OutputLimitError` (is a `ConnectionAborted`) | the peer does not read, and more was written than may be kept |
/// | anything else | what the protocol's own `connectionMade()` or `dataReceived()` threw |
///
/// Reasons that reach `clientConnectionFailed()` are `ConnectError`s, `DNSLookupError` included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

#include <bight/export.hpp>

namespace bight {

/// The connection was closed cleanly.
class BIGHT_API ConnectionDone : public std::runtime_error {
 public:
  ConnectionDone();
  explicit ConnectionDone(const std::string& what) : std::runtime_error(what) {}
};

/// The connection to the other side was lost in a non-clean fashion. `osError()` is the system's error number, or 0.
class BIGHT_API ConnectionLost : public std::runtime_error {
 public:
  ConnectionLost();
  explicit ConnectionLost(const std::string& what, int osError = 0) : std::runtime_error(what), osError_(osError) {}
  /// From an error number: "…: 104: Connection reset by peer."
  static ConnectionLost fromErrno(int osError);
  int osError() const noexcept { return osError_; }

 private:
  int osError_ = 0;
};

/// This side aborted the connection.
class BIGHT_API ConnectionAborted : public ConnectionLost {
 public:
  ConnectionAborted();
  explicit ConnectionAborted(const std::string& what) : ConnectionLost(what) {}
};

/// More was written than may wait for a peer that does not read.
class BIGHT_API OutputLimitError : public ConnectionAborted {
 public:
  OutputLimitError(std::size_t buffered, std::size_t limit);
};

/// Descriptors and bytes do not go together: see `Transport::sendFileDescriptor()`; or descriptors that the peer sent
/// got lost, because this process has no room for more.
class BIGHT_API FileDescriptorOverrun : public ConnectionLost {
 public:
  explicit FileDescriptorOverrun(const std::string& what) : ConnectionLost(what) {}
};

/// A connection could not be made. `osError()` is the system's error number, or 0.
class BIGHT_API ConnectError : public std::runtime_error {
 public:
  explicit ConnectError(int osError = 0, const std::string& detail = {});
  int osError() const noexcept { return osError_; }

 protected:
  ConnectError(const char* says, int osError, const std::string& detail);

 private:
  int osError_ = 0;
};

/// Nobody listens there.
class BIGHT_API ConnectionRefusedError : public ConnectError {
 public:
  explicit ConnectionRefusedError(int osError = 0, const std::string& detail = {});
};
/// The system gave up waiting (ETIMEDOUT).
class BIGHT_API TCPTimedOutError : public ConnectError {
 public:
  explicit TCPTimedOutError(int osError = 0, const std::string& detail = {});
};
/// There is no way to that network.
class BIGHT_API NoRouteError : public ConnectError {
 public:
  explicit NoRouteError(int osError = 0, const std::string& detail = {});
};
/// The host or network cannot be reached, or is not known.
class BIGHT_API UnknownHostError : public ConnectError {
 public:
  explicit UnknownHostError(int osError = 0, const std::string& detail = {});
};
/// The address given in `ConnectOptions::bindAddress` could not be bound.
class BIGHT_API ConnectBindError : public ConnectError {
 public:
  explicit ConnectBindError(int osError = 0, const std::string& detail = {});
};
/// A UNIX socket's file is not there, or may not be used.
class BIGHT_API BadFileError : public ConnectError {
 public:
  explicit BadFileError(int osError = 0, const std::string& detail = {});
};
/// A service name is not known.
class BIGHT_API ServiceNameUnknownError : public ConnectError {
 public:
  explicit ServiceNameUnknownError(int osError = 0, const std::string& detail = {});
};
/// The user stopped the attempt: `Connector::stopConnecting()`.
class BIGHT_API UserError : public ConnectError {
 public:
  explicit UserError(int osError = 0, const std::string& detail = {});

 protected:
  UserError(const char* says, int osError, const std::string& detail) : ConnectError(says, osError, detail) {}
};
/// `ConnectOptions::timeout` ran out. (Twisted: error.TimeoutError)
class BIGHT_API ConnectTimeoutError : public UserError {
 public:
  explicit ConnectTimeoutError(int osError = 0, const std::string& detail = {});
};
/// The TLS layer refused.
class BIGHT_API SSLError : public ConnectError {
 public:
  explicit SSLError(int osError = 0, const std::string& detail = {});
};
/// The host's name has no address.
class BIGHT_API DNSLookupError : public ConnectError {
 public:
  explicit DNSLookupError(int osError = 0, const std::string& detail = {});
};

/// The fitting error for what `connect(2)` said, as something to make a Failure of. (Twisted: getConnectError)
BIGHT_API std::exception_ptr getConnectError(int osError, const std::string& detail = {});

/// A port could not be opened. Thrown by `listenTCP()` and its kin at the call.
class BIGHT_API CannotListenError : public std::runtime_error {
 public:
  CannotListenError(std::string interface, int port, int osError, const std::string& cause);
  /// For a UNIX socket: `address` is "unix:/run/chat.sock".
  CannotListenError(std::string address, int osError, const std::string& cause);
  /// The interface, or the whole address of a UNIX socket.
  const std::string& interface() const noexcept { return interface_; }
  int port() const noexcept { return port_; }
  int osError() const noexcept { return osError_; }

 private:
  std::string interface_;
  int port_ = 0;
  int osError_ = 0;
};

/// `stopConnecting()` without an attempt under way.
class BIGHT_API NotConnectingError : public std::logic_error {
 public:
  explicit NotConnectingError(const std::string& what) : std::logic_error(what) {}
};

}  // namespace bight
