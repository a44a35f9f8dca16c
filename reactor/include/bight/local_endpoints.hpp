/// @file
/// Endpoints inside one machine: UNIX sockets, sockets that were opened by somebody else, child processes, the standard
/// input and output.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <bight/adopt.hpp>
#include <bight/endpoint.hpp>
#include <bight/export.hpp>
#include <bight/process.hpp>
#include <bight/unix.hpp>

namespace bight {

/// Connects to a UNIX socket. (Twisted: UNIXClientEndpoint)
class BIGHT_API UNIXClientEndpoint final : public ClientEndpoint {
 public:
  /// @param address  as for `ReactorUNIX::connectUNIX`
  /// @throws std::invalid_argument if it is empty
  UNIXClientEndpoint(ReactorUNIX& reactor, std::string address, UNIXConnectOptions options = {});
  ~UNIXClientEndpoint() override;

  Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

 private:
  ReactorUNIX& reactor_;
  const std::string address_;
  const UNIXConnectOptions options_;
};

/// Listens on a UNIX socket. (Twisted: UNIXServerEndpoint)
class BIGHT_API UNIXServerEndpoint final : public ServerEndpoint {
 public:
  /// @throws std::invalid_argument if `address` is empty
  UNIXServerEndpoint(ReactorUNIX& reactor, std::string address, UNIXListenOptions options = {});
  ~UNIXServerEndpoint() override;

  Deferred<std::shared_ptr<Port>> listen(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

 private:
  ReactorUNIX& reactor_;
  const std::string address_;
  const UNIXListenOptions options_;
};

/// The endpoint can be listened on once, and that has been done. (Twisted: AlreadyListened)
class BIGHT_API AlreadyListened : public std::runtime_error {
 public:
  explicit AlreadyListened(const std::string& where)
      : std::runtime_error("listen() was called a second time on " + where + ", which can be listened on once.") {}
};

/// Accepts connections of a socket that listens already. Once: the second time fails with AlreadyListened. (Twisted:
/// AdoptedStreamServerEndpoint)
class BIGHT_API AdoptedStreamServerEndpoint final : public ServerEndpoint {
 public:
  /// @param fd  stays yours; it must be open until `listen()` has been called, see `ReactorSocket`
  AdoptedStreamServerEndpoint(ReactorSocket& reactor, int fd, AddressFamily family = AddressFamily::any);
  ~AdoptedStreamServerEndpoint() override;

  /// Fails with what `ReactorSocket::adoptStreamPort` throws, too.
  Deferred<std::shared_ptr<Port>> listen(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

 private:
  ReactorSocket& reactor_;
  const int fd_;
  const AddressFamily family_;
  bool listened_ = false;
};

/// The sockets that systemd, or who speaks its protocol, has opened for this process. (Twisted: ListenFDs)
class BIGHT_API ListenFDs {
 public:
  struct Socket {
    int fd;
    std::string name;  ///< from LISTEN_FDNAMES; empty if there is none
  };

  /// Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; finds nothing if they are not there, or meant for another
  /// process. The descriptors stay open, and are closed on exec from now on.
  /// @param first  the number of the first one: 3, except in tests
  /// @throws std::runtime_error if the variables are there and make no sense, or a descriptor is not open
  static ListenFDs fromEnvironment(int first = 3);

  const std::vector<Socket>& sockets() const noexcept { return sockets_; }
  /// @throws std::out_of_range if there is none, or if there are several; the message says which there are
  int named(const std::string& name) const;
  /// @throws std::out_of_range if there are not so many
  int at(std::size_t index) const;

 private:
  std::string list() const;
  std::vector<Socket> sockets_;
};

/// What becomes of the things that a child process writes to its standard error.
enum class StandardErrorBehavior : std::uint8_t { log, drop };

/// Starts a program for each connection, and speaks with its standard input and output. (Twisted: ProcessEndpoint)
///
/// The protocol's transport is a `ProcessTransport`. The end of the child's output closes the connection, as a peer's
/// end of data does (unless the protocol is `HalfCloseable`); `connectionLost()` comes when the child has ended, with
/// ConnectionDone if it ended well, else with its ProcessTerminated.
class BIGHT_API ProcessEndpoint final : public ClientEndpoint {
 public:
  /// @param executable, args, options  as for `ReactorProcess::spawnProcess`
  ProcessEndpoint(ReactorProcess& reactor, std::string executable, std::vector<std::string> args = {},
                  ProcessOptions options = {}, StandardErrorBehavior standardError = StandardErrorBehavior::log);
  ~ProcessEndpoint() override;

  /// Fires at once; fails with SpawnError.
  Deferred<std::shared_ptr<Protocol>> connect(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

 private:
  ReactorProcess& reactor_;
  const std::string executable_;
  const std::vector<std::string> args_;
  const ProcessOptions options_;
  const StandardErrorBehavior standardError_;
};

/// "Listens" on the standard input and output: one connection is there at once. Once: the second time fails with
/// AlreadyListened. (Twisted: StandardIOEndpoint)
class BIGHT_API StandardIOEndpoint final : public ServerEndpoint {
 public:
  explicit StandardIOEndpoint(ReactorProcess& reactor, int stdIn = 0, int stdOut = 1);
  ~StandardIOEndpoint() override;

  /// @return a port without an address; stopping it leaves the connection alone. Fails with NoProtocol if the factory
  ///         refuses, and with what `buildProtocol()` or `ReactorProcess::connectDescriptors` throws
  Deferred<std::shared_ptr<Port>> listen(std::shared_ptr<Factory> factory) override;
  std::string toString() const override;

 private:
  ReactorProcess& reactor_;
  const int in_;
  const int out_;
  bool listened_ = false;
};

}  // namespace bight
