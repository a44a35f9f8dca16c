// Strings with their lengths before them: a walk through states over netstrings, and a file that is sent to its end.
#include <iostream>

#include <bight/connection_errors.hpp>
#include <bight/file_sender.hpp>
#include <bight/int_string_receiver.hpp>
#include <bight/netstring_receiver.hpp>
#include <bight/stateful_protocol.hpp>
#include <bight/testing.hpp>

using namespace bight;

// region: stateful
/// First a name, then a file's name; each state returns the next.
class FileServer : public StatefulStringProtocol<FileServer, NetstringReceiver> {
 public:
  FileServer() : StatefulStringProtocol(&FileServer::name) { setMaxLength(1000); }

  Next name(std::string_view who) {
    sendString("welcome, " + std::string(who));
    return &FileServer::file;
  }
  Next file(std::string_view path) {
    if (path != "poem") {
      sendString("no such file");
      return &FileServer::file;
    }
    send();
    return {};
  }
  // endregion: stateful

 private:
  // region: sender
  void send() {
    const auto sender = std::make_shared<FileSender>();
    track(sender->beginFileTransfer(readString("roses are red\n"), transport(), [](std::string_view portion) {
      return "[" + std::string(portion) + "]";
    })).addCallback([this](const FileSent& sent) {
      std::cout << sent.bytes << " bytes were sent\n";
      transport().loseConnection();
    });
  }
  // endregion: sender
};

// region: reader
/// The grammar alone, without a connection.
void read(std::string_view bytes) {
  FrameReader reader(Framing::int16, 100);
  for (;;) {
    switch (reader.next(bytes)) {
      case FrameReader::Step::frame:
        std::cout << "a string: " << reader.frame() << '\n';
        break;
      case FrameReader::Step::incomplete:
        return void(std::cout << "and " << reader.kept() << " bytes of another\n");
      case FrameReader::Step::tooLong:
        return void(std::cout << reader.length() << " bytes are too many\n");
      case FrameReader::Step::malformed:
        return;
    }
  }
}
// endregion: reader

int main() {
  auto client = std::make_shared<testing::AccumulatingProtocol>();
  testing::IOPump pump(client, std::make_shared<FileServer>());
  client->transport().write("3:Ann,4:joke,4:poem,");
  pump.flush();
  std::cout << client->data() << '\n';

  using namespace std::string_view_literals;
  read("\0\5hello\0\3you\0\4wa"sv);
  read("\xff\xff"sv);
}
