// What the tests of UNIX sockets share: a directory for them, raw sockets, and protocols that remember.
#pragma once

#include <sys/stat.h>
#include <sys/un.h>

#include <bight/unix.hpp>
#include <cstdlib>
#include <filesystem>

#include "tcp_fixture.hpp"

using namespace tcp_test;

namespace unix_test {

/// A directory of its own for the sockets of a test.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/bight-unix-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name));
    path_ = name;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

inline bool exists(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}
inline unsigned modeOf(const std::string& path) {
  struct stat status{};
  BOOST_REQUIRE_EQUAL(::lstat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

/// A bound socket without a reactor.
inline int rawSocket(const std::string& path, int type, bool listens = true) {
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  BOOST_REQUIRE_EQUAL(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  if (type == SOCK_STREAM && listens) BOOST_REQUIRE_EQUAL(::listen(fd, 1), 0);
  return fd;
}
/// What a server that died leaves behind.
inline void leaveBehind(const std::string& path, int type = SOCK_STREAM) {
  ::close(rawSocket(path, type));
}

inline std::size_t openDescriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

inline std::shared_ptr<ProbeFactory> probes() {
  return std::make_shared<ProbeFactory>([] { return std::make_shared<Probe>(); });
}

/// A probe that keeps what descriptors it gets.
class Taker : public Probe, public FileDescriptorReceiver {
 public:
  void fileDescriptorReceived(FileDescriptor descriptor) override {
    seen.push_back(data().size());
    if (onDescriptor) onDescriptor(*this, descriptor);
    if (keeps) descriptors.push_back(std::move(descriptor));
  }
  std::vector<FileDescriptor> descriptors;
  std::vector<std::size_t> seen;  // how many bytes had come before each
  bool keeps = true;
  std::function<void(Taker&, FileDescriptor&)> onDescriptor;
};

/// A reactor and two probes, connected over a UNIX socket.
template <class ServerProbe = Probe, class ClientProbe = Probe>
struct UnixPair {
  explicit UnixPair(const std::string& backend) : path(directory / "s"), reactor(makeReactor(backend)) {
    port = reactor->listenUNIX(path, serverFactory);
    connector = reactor->connectUNIX(path, clientFactory);
    spin(*reactor, [this] { return server->made() && client->made(); });
  }
  void spinUntil(const std::function<bool()>& done) { spin(*reactor, done); }
  void spinUntilClosed() {
    spin(*reactor, [this] { return server->closed() && client->closed(); });
  }

  Directory directory;
  std::string path;
  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<ServerProbe> server = std::make_shared<ServerProbe>();
  std::shared_ptr<ClientProbe> client = std::make_shared<ClientProbe>();
  std::shared_ptr<ProbeFactory> serverFactory = std::make_shared<ProbeFactory>([this] { return server; });
  std::shared_ptr<ProbeClientFactory> clientFactory = std::make_shared<ProbeClientFactory>([this] { return client; });
  std::shared_ptr<Port> port;
  std::shared_ptr<Connector> connector;
};

/// Tries to connect, and says what became of it: the message of the failure, or "connected".
inline std::string tried(Reactor& reactor, const std::string& path, const UNIXConnectOptions& options = {}) {
  const auto client = std::make_shared<Probe>();
  const auto factory = std::make_shared<ProbeClientFactory>([&] { return client; });
  const auto connector = reactor.connectUNIX(path, factory, options);
  spin(reactor, [&] { return client->made() || factory->reason; });
  if (factory->reason) return factory->reason->getErrorMessage();
  connector->disconnect();
  return "connected";
}

class Letters : public DatagramProtocol {
 public:
  void startProtocol() override { ++started; }
  void stopProtocol() override { ++stopped; }
  void datagramReceived(std::string_view data, const Address& from) override {
    received.emplace_back(data);
    peers.push_back(from);
  }
  void connectionRefused() override { ++refused; }
  void connectionFailed(const Failure& reason) override { failure = reason; }

  int started = 0;
  int stopped = 0;
  int refused = 0;
  std::optional<Failure> failure;
  std::vector<std::string> received;
  std::vector<Address> peers;
};

}  // namespace unix_test
