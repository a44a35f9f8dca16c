/// @file
/// UNIX sockets: connections and datagrams inside one machine, by the name of a file, and passing open descriptors.
///
/// A name that begins with a zero byte is *abstract* (Linux): no file, gone with its last user.
/// `std::string("\0chat", 5)`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <bight/datagram.hpp>
#include <bight/export.hpp>
#include <bight/factory.hpp>
#include <bight/file_descriptor.hpp>
#include <bight/tcp.hpp>

namespace bight {

/// How to listen on a UNIX socket.
struct UNIXListenOptions {
  /// How many connections may wait to be accepted.
  int backlog = 50;
  /// Who may connect: the permissions of the socket's file. They hold from the first moment on, whatever the umask.
  unsigned mode = 0666;
};

/// How to connect to a UNIX socket.
struct UNIXConnectOptions {
  /// How long the attempt may take (a server whose backlog is full makes us wait). Zero or less: no limit of ours.
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);
};

/// How to open a UNIX datagram port.
struct UNIXDatagramOptions {
  /// What is longer is cut to this many bytes.
  std::size_t maxPacketSize = 8192;
  /// The permissions of the socket's file.
  unsigned mode = 0666;
  /// For `connectUNIXDatagram`: the own name, so that the peer can answer. "" has none.
  std::string bindAddress = {};
};

/// Mixed into a Protocol that wants the descriptors which the peer passes. (Twisted: IFileDescriptorReceiver)
///
/// Without it, descriptors that a peer sends are closed unseen.
class BIGHT_API FileDescriptorReceiver {
 public:
  /// A descriptor has come, before the `dataReceived()` that brings the byte it was sent with; closed on exec. Unless
  /// it is moved from, it is closed when this returns. An exception closes the connection with it as the reason.
  ///
  /// The bytes it came with are delivered next, also if this function pauses the transport.
  virtual void fileDescriptorReceived(FileDescriptor descriptor) = 0;

 protected:
  FileDescriptorReceiver() = default;
  FileDescriptorReceiver(const FileDescriptorReceiver&) = default;
  FileDescriptorReceiver& operator=(const FileDescriptorReceiver&) = default;
  ~FileDescriptorReceiver() = default;
};

/// The part of a reactor that speaks through UNIX sockets. (Twisted: IReactorUNIX, IReactorUNIXDatagram)
///
/// **The file.** It is made when listening begins and removed when it ends, if it is still ours. A file that a dead
/// server has left behind is replaced: who finds the name taken knocks at it, and only if nobody answers (and it is a
/// socket) it is removed. Two servers that start at the same moment do not take it from each other, because the
/// directory is locked (flock) meanwhile. (Twisted: wantPID, checkPID)
class BIGHT_API ReactorUNIX {
 public:
  /// Opens a port; listens when this returns.
  /// @param address  the path of the socket's file (at most 107 bytes on Linux), or an abstract name
  /// @throws CannotListenError; std::invalid_argument for an empty address, a null factory
  std::shared_ptr<Port> listenUNIX(const std::string& address, std::shared_ptr<Factory> factory,
                                   const UNIXListenOptions& options = {});

  /// Connects. As `connectTCP`: failures come later, through `clientConnectionFailed()`.
  /// @throws std::invalid_argument for an empty address, a null factory
  std::shared_ptr<Connector> connectUNIX(const std::string& address, std::shared_ptr<ClientFactory> factory,
                                         const UNIXConnectOptions& options = {});

  /// Opens a port of datagrams. @throws as `listenUNIX`; what `startProtocol()` throws
  std::shared_ptr<DatagramTransport> listenUNIXDatagram(const std::string& address,
                                                        std::shared_ptr<DatagramProtocol> protocol,
                                                        const UNIXDatagramOptions& options = {});

  /// A port of datagrams that is connected to `address`. If nobody is there, `connectionFailed()` is called in the next
  /// turn.
  /// @throws as `listenUNIX`, the latter for `bindAddress`
  std::shared_ptr<DatagramTransport> connectUNIXDatagram(const std::string& address,
                                                         std::shared_ptr<DatagramProtocol> protocol,
                                                         const UNIXDatagramOptions& options = {});

 protected:
  ReactorUNIX() = default;
  ReactorUNIX(const ReactorUNIX&) = default;
  ReactorUNIX& operator=(const ReactorUNIX&) = default;
  virtual ~ReactorUNIX() = default;

  /// The same with checked arguments; what a reactor implements.
  virtual std::shared_ptr<Port> doListenUNIX(const std::string& address, std::shared_ptr<Factory> factory,
                                             const UNIXListenOptions& options) = 0;
  virtual std::shared_ptr<Connector> doConnectUNIX(const std::string& address, std::shared_ptr<ClientFactory> factory,
                                                   const UNIXConnectOptions& options) = 0;
  /// `peer`: empty, or whom to connect to.
  virtual std::shared_ptr<DatagramTransport> doListenUNIXDatagram(const std::string& address, const std::string& peer,
                                                                  std::shared_ptr<DatagramProtocol> protocol,
                                                                  const UNIXDatagramOptions& options) = 0;
};

}  // namespace bight
