// A descriptor of one's own in the reactor: here a pipe, in earnest the socket of a library that does its own reading.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include <bight/reactor.hpp>

using namespace bight;

// region: selectable
class PipeReader : public Selectable {
 public:
  PipeReader(Reactor& reactor, int fd) : reactor_(reactor), fd_(fd) {}
  ~PipeReader() override { ::close(fd_); }

  int fileno() const override { return fd_; }

  void doRead() override {
    char bytes[100];
    const ssize_t count = ::read(fd_, bytes, sizeof bytes);
    if (count <= 0) throw std::runtime_error("the other end has been closed");  // ends the watching
    std::cout << "read: " << std::string(bytes, static_cast<std::size_t>(count)) << '\n';
  }

  void connectionLost(const Failure& reason) override {
    std::cout << "lost: " << reason.getErrorMessage() << '\n';
    reactor_.stop();
  }

 private:
  Reactor& reactor_;
  int fd_;
};
// endregion: selectable

int main() {
  int ends[2];
  if (::pipe(ends) != 0) return 1;
  auto reactor = makeReactor();
  // region: add
  reactor->addReader(std::make_shared<PipeReader>(*reactor, ends[0]));
  reactor->callLater(std::chrono::milliseconds(1), [&] {
    if (::write(ends[1], "hello", 5) != 5) reactor->stop();
    ::close(ends[1]);
  });
  reactor->run();
  // endregion: add
}
