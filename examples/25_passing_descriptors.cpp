// Two processes of one machine talk over a UNIX socket, and one hands the other an open file: what it may not open itself, it can be given.
// Both are in one program here.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include <bight/reactor.hpp>

using namespace bight;

// region: giver
/// Opens what it is asked for, if it likes who asks.
class Opener : public Protocol {
 public:
  void dataReceived(std::string_view path) override {
    const auto peer = transport().getPeerCredentials();
    if (!peer || peer->uid != ::getuid()) return transport().abortConnection();
    const FileDescriptor file(::open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return transport().write("no\n");
    transport().sendFileDescriptor(file.get());  // a duplicate is sent: ours may be closed at once
    transport().write("here it is\n");           // it needs a byte to travel with
  }
};
// endregion: giver

// region: taker
class Asker : public Protocol, public FileDescriptorReceiver {
 public:
  explicit Asker(Reactor& reactor) : reactor_(reactor) {}

  void connectionMade() override { transport().write("/dev/zero"); }
  void fileDescriptorReceived(FileDescriptor file) override { file_ = std::move(file); }  // not taken, it is closed
  void dataReceived(std::string_view answer) override {
    char byte = 'x';
    const auto count = ::read(file_.get(), &byte, 1);
    std::cout << answer << "read " << count << " byte: " << static_cast<int>(byte) << '\n';
    reactor_.stop();
  }

 private:
  Reactor& reactor_;
  FileDescriptor file_;
};
// endregion: taker

int main() {
  char directory[] = "/tmp/bight-example-XXXXXX";
  if (!::mkdtemp(directory)) return 1;
  const std::string path = std::string(directory) + "/opener";
  {
    auto reactor = makeReactor();
    // region: ports
    reactor->listenUNIX(path, Factory::forProtocol<Opener>(), {.mode = 0600});
    reactor->connectUNIX(path, ClientFactory::forProtocol<Asker>(std::ref(*reactor)));
    // endregion: ports
    reactor->run();
  }
  std::cout << (::access(path.c_str(), F_OK) == 0 ? "the socket is still there\n" : "the socket's file is gone\n");
  ::rmdir(directory);
}
