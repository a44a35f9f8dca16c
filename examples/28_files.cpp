// Files without waiting for the disk: read, written, watched, and sent to a connection.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include <bight/file_stream.hpp>
#include <bight/file_watcher.hpp>
#include <bight/files.hpp>
#include <bight/react.hpp>

using namespace bight;

// region: serve
/// Sends a file to whoever connects.
class FileServer : public Protocol {
 public:
  explicit FileServer(File file) : file_(std::move(file)) {}

 private:
  void connectionMade() override {
    transport().write("here it is: ");
    track(sendFile(file_, transport())).addErrback([](const Failure&) { return std::uint64_t{0}; });
    transport().loseConnection();  // when the file has gone
  }
  File file_;
};
// endregion: serve

class Download : public Protocol {
 public:
  explicit Download(Promise<std::string> done) : done_(std::move(done)) {}

 private:
  void dataReceived(std::string_view data) override { text_ += data; }
  void connectionLost(const Failure&) override { done_.callback(text_); }
  std::string text_;
  Promise<std::string> done_;
};

Deferred<void> program(Reactor& reactor) {
  const std::string directory = "/tmp/bight-example-28-" + std::to_string(reactor.seconds().count());
  const std::string path = directory + "/greeting";
  // region: files
  co_await makeDirectory(reactor, directory);
  Deferred<void> appeared;
  auto watcher = std::make_unique<FileWatcher>(reactor, [&, seen = appeared.promise()](const FileChange& change) {
    if (change.path == path && !seen.called()) seen.callback();
  });
  watcher->watch(directory);
  co_await writeFile(reactor, path, "hello from a file\n");  // all of it or nothing
  co_await std::move(appeared);
  watcher.reset();
  const FileStatus status = co_await statFile(reactor, path);
  std::cout << status.size << " bytes\n";
  File file = co_await openFile(reactor, path);
  const std::string word = co_await file.readAt(0, 5);
  std::cout << word << '\n';
  // endregion: files
  auto port = reactor.listenTCP(0, Factory::forProtocol<FileServer>(file));
  Deferred<std::string> downloaded;
  reactor.connectTCP("127.0.0.1", port->getHost().port(), ClientFactory::forProtocol<Download>(downloaded.promise()));
  const std::string text = co_await std::move(downloaded);
  std::cout << text;
  co_await removeFile(reactor, path);
  co_await removeDirectory(reactor, directory);
}

int main(int argc, char** argv) {
  return react(program, argc, argv);
}
