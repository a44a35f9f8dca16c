#include <bight/files.hpp>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bight/file_stream.hpp>
#include <bight/reactor.hpp>
#include <bight/testing.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "backends.hpp"

BOOST_AUTO_TEST_SUITE(FilesTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
namespace data = boost::unit_test::data;

/// A reactor whose pool works, and a directory that is removed with everything in it.
struct Here {
  explicit Here(const std::string& backend = "default") : reactor(makeReactor(backend)) {
    char name[] = "/tmp/bight-files-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name) != nullptr);
    directory = name;
    reactor->getThreadPool().start();
  }
  ~Here() {
    reactor.reset();
    BOOST_TEST(std::system(("rm -r " + directory).c_str()) == 0);
  }
  std::string at(const std::string& name) const { return directory + "/" + name; }

  template <class Done>
  void spin(Done&& done) {
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (!done()) {
      if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
      reactor->iterate(20ms);
    }
  }
  template <class T>
  Result<T> result(Deferred<T> deferred) {
    std::optional<Result<T>> got;
    std::move(deferred).addBoth([&](Result<T> r) { got.emplace(std::move(r)); });
    spin([&] { return got.has_value(); });
    return std::move(*got);
  }
  template <class T>
  T await(Deferred<T> deferred) {
    return result(std::move(deferred)).value();
  }
  void await(Deferred<void> deferred) { result(std::move(deferred)).value(); }
  /// The error number that it fails with, and the message.
  template <class T>
  std::pair<int, std::string> error(Deferred<T> deferred) {
    const auto got = result(std::move(deferred));
    if (got) return {0, "it worked"};
    const auto* error = got.failure().template get<FileError>();
    return {error ? error->osError() : -1, got.failure().getErrorMessage()};
  }

  std::unique_ptr<Reactor> reactor;
  std::string directory;
};

/// Gives everything that comes to a file.
class Upload : public testing::AccumulatingProtocol {
 public:
  explicit Upload(File file) : consumer(std::make_shared<FileConsumer>(std::move(file), 100'000)) {}
  void connectionMade() override { consumer->registerProducer(transport().asProducer()); }
  void dataReceived(std::string_view data) override { consumer->write(data); }
  void connectionLost(const Failure& reason) override {
    AccumulatingProtocol::connectionLost(reason);
    consumer->finish().addCallback([this](std::uint64_t bytes) { total = bytes; });
  }
  std::shared_ptr<FileConsumer> consumer;
  std::optional<std::uint64_t> total;
};

std::string numbers(std::size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i) + " ";
  text.resize(bytes);
  return text;
}

/// Protocols of both ends of a connection over 127.0.0.1.
struct Ends {
  Ends(Reactor& reactor, std::shared_ptr<Protocol> server, std::shared_ptr<Protocol> client);
  std::shared_ptr<Port> port;
};

class Give : public Factory {
 public:
  explicit Give(std::shared_ptr<Protocol> p) : protocol(std::move(p)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return protocol; }
  std::shared_ptr<Protocol> protocol;
};
class GiveClient : public ClientFactory {
 public:
  explicit GiveClient(std::shared_ptr<Protocol> p) : protocol(std::move(p)) {}
  std::shared_ptr<Protocol> buildProtocol(const Address&) override { return protocol; }
  std::shared_ptr<Protocol> protocol;
};
Ends::Ends(Reactor& reactor, std::shared_ptr<Protocol> server, std::shared_ptr<Protocol> client) {
  port = reactor.listenTCP(0, std::make_shared<Give>(std::move(server)), {.interface = "127.0.0.1"});
  reactor.connectTCP("127.0.0.1", port->getHost().port(), std::make_shared<GiveClient>(std::move(client)));
}

BOOST_AUTO_TEST_CASE(an_open_file_does_what_it_is_asked_in_order) {
  Here here;
  File file = here.await(openFile(*here.reactor, here.at("f"), OpenMode::update));
  // All asked at once.
  file.write("hello ");
  file.write("world");
  file.seek(6);
  auto tail = file.read(100);
  auto end = file.read();
  auto middle = file.readAt(2, 3);
  file.writeAt(0, "J");
  file.truncate(5);
  auto status = file.stat();
  file.sync();
  BOOST_TEST(here.await(std::move(tail)) == "world");
  BOOST_TEST(here.await(std::move(end)).empty());
  BOOST_TEST(here.await(std::move(middle)) == "llo");
  BOOST_TEST(here.await(std::move(status)).size == 5U);
  here.await(file.close());
  BOOST_TEST(here.error(file.read()).first == EBADF);
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("f"))) == "Jello");
  BOOST_TEST(file.path() == here.at("f"));
  BOOST_CHECK_THROW(file.read(0), std::invalid_argument);

  File log = here.await(openFile(*here.reactor, here.at("f"), OpenMode::append));
  here.await(log.write("!"));
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("f"))) == "Jello!");
  BOOST_TEST(here.error(openFile(*here.reactor, here.at("f"), OpenMode::createNew)).first == EEXIST);
  File empty = here.await(openFile(*here.reactor, here.at("f"), OpenMode::write));
  BOOST_TEST(here.await(empty.stat()).size == 0U);
}

BOOST_AUTO_TEST_CASE(the_last_handle_closes_the_file_and_errors_say_all) {
  Here here;
  int before = ::dup(0);
  ::close(before);
  {
    File file = here.await(openFile(*here.reactor, here.at("f"), OpenMode::write));
    file.write("kept by its work");  // the handle goes first
  }
  here.spin([&] {
    const int now = ::dup(0);
    ::close(now);
    return now == before;
  });
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("f"))) == "kept by its work");

  const auto missing = here.error(readFile(*here.reactor, here.at("no")));
  BOOST_TEST(missing.first == ENOENT);
  BOOST_TEST(missing.second == "opening \"" + here.at("no") + "\": No such file or directory (2)");
  BOOST_TEST(here.error(readFile(*here.reactor, here.at("f"), 3)).first == EFBIG);
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("f"), 16)) == "kept by its work");
  BOOST_TEST(!here.await(readFile(*here.reactor, "/proc/self/stat")).empty());  // says that its size is 0
  BOOST_CHECK_THROW(readFile(*here.reactor, ""), std::invalid_argument);
  BOOST_CHECK_THROW(removeFile(*here.reactor, std::string("a\0b", 3)), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_file_is_replaced_as_a_whole) {
  Here here;
  here.await(writeFile(*here.reactor, here.at("f"), "first"));
  BOOST_TEST(::chmod(here.at("f").c_str(), 0640) == 0);
  here.await(writeFile(*here.reactor, here.at("f"), "second"));
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("f"))) == "second");
  BOOST_TEST(here.await(statFile(*here.reactor, here.at("f"))).permissions == 0640U);
  here.await(writeFile(*here.reactor, here.at("f"), "third", {.atomic = false}));
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("f"))) == "third");
  BOOST_TEST(here.await(listDirectory(*here.reactor, here.directory)).size() == 1U);  // nothing is left beside it
  here.await(makeDirectory(*here.reactor, here.at("d")));
  BOOST_TEST(here.error(writeFile(*here.reactor, here.at("d"), "x")).first == EISDIR);
  BOOST_TEST(here.await(listDirectory(*here.reactor, here.directory)).size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_link_stays_and_what_it_leads_to_is_replaced) {
  Here here;
  here.await(makeDirectory(*here.reactor, here.at("d")));
  here.await(writeFile(*here.reactor, here.at("d/real"), "old"));
  BOOST_TEST(::symlink("d/real", here.at("near").c_str()) == 0);
  BOOST_TEST(::symlink(here.at("near").c_str(), here.at("far").c_str()) == 0);
  BOOST_TEST(::symlink("d/new", here.at("dangling").c_str()) == 0);
  BOOST_TEST(::symlink("loop", here.at("loop").c_str()) == 0);
  here.await(writeFile(*here.reactor, here.at("far"), "through two links"));
  here.await(writeFile(*here.reactor, here.at("dangling"), "made"));
  for (const char* link : {"near", "far", "dangling"})
    BOOST_TEST((here.await(statFile(*here.reactor, here.at(link), false)).kind == FileKind::symlink));
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("d/real"))) == "through two links");
  BOOST_TEST(here.await(readFile(*here.reactor, here.at("d/new"))) == "made");
  BOOST_TEST(here.error(writeFile(*here.reactor, here.at("loop"), "x")).first == ELOOP);
}

BOOST_AUTO_TEST_CASE(directories_are_made_listed_and_removed) {
  Here here;
  here.await(makeDirectory(*here.reactor, here.at("a/b/c"), true));
  here.await(makeDirectory(*here.reactor, here.at("a/b/c"), true));  // is there already
  BOOST_TEST(here.error(makeDirectory(*here.reactor, here.at("a"))).first == EEXIST);
  here.await(writeFile(*here.reactor, here.at("a/file"), "x"));
  BOOST_TEST(::symlink("file", here.at("a/link").c_str()) == 0);
  BOOST_TEST(here.error(makeDirectory(*here.reactor, here.at("a/file/d"), true)).first == ENOTDIR);
  const auto entries = here.await(listDirectory(*here.reactor, here.at("a")));
  BOOST_TEST((entries == std::vector<DirectoryEntry>{
                             {"b", FileKind::directory}, {"file", FileKind::file}, {"link", FileKind::symlink}}));
  BOOST_TEST((here.await(statFile(*here.reactor, here.at("a/link"))).kind == FileKind::file));
  BOOST_TEST((here.await(statFile(*here.reactor, here.at("a/link"), false)).kind == FileKind::symlink));
  here.await(renameFile(*here.reactor, here.at("a/file"), here.at("a/b/moved")));
  here.await(syncDirectory(*here.reactor, here.at("a")));
  BOOST_TEST(here.error(statFile(*here.reactor, here.at("a/link"))).first == ENOENT);
  BOOST_TEST(here.error(removeDirectory(*here.reactor, here.at("a/b"))).first == ENOTEMPTY);
  here.await(removeFile(*here.reactor, here.at("a/b/moved")));
  here.await(removeDirectory(*here.reactor, here.at("a/b/c")));
  BOOST_TEST(here.error(listDirectory(*here.reactor, here.at("no"))).first == ENOENT);
}

BOOST_AUTO_TEST_CASE(cancelling_fails_at_once_and_the_file_goes_on) {
  Here here;
  File file = here.await(openFile(*here.reactor, here.at("f"), OpenMode::update));
  auto write = file.write("x");
  auto read = file.readAt(0, 10);
  bool cancelled = false;
  read.addErrback([&](const Failure& failure) {
    cancelled = failure.check<CancelledError>() != nullptr;
    return std::string();
  });
  read.cancel();
  BOOST_TEST(cancelled);
  BOOST_TEST(here.await(file.readAt(0, 10)) == "x");
}

BOOST_AUTO_TEST_CASE(the_end_of_the_reactor_fails_what_is_asked) {
  std::optional<Failure> why;
  auto keep = std::make_unique<std::optional<File>>();
  {
    Here here;
    *keep = here.await(openFile(*here.reactor, here.at("f"), OpenMode::update));
    (*keep)->write(std::string(1000, 'x')).addErrback([](const Failure&) {});
    (*keep)->readAt(0, 10).addErrback([&](Failure failure) {
      why = failure;
      return std::string();
    });
  }
  BOOST_TEST(why.has_value());
  keep.reset();
}

// However many wait: they fail in their order, and not inside of one another.
BOOST_AUTO_TEST_CASE(what_waits_for_a_file_fails_in_order) {
  constexpr int most = 100'000;
  Here here;
  File file = here.await(openFile(*here.reactor, here.at("f"), OpenMode::update));
  here.reactor->getThreadPool().stop();
  int last = -1;
  int outOfOrder = 0;
  for (int i = 0; i < most; ++i) {
    file.write("x").addErrback([&, i](const Failure&) {
      outOfOrder += i != last + 1;
      last = i;
    });
  }
  here.spin([&] { return last == most - 1; });
  BOOST_TEST(outOfOrder == 0);
}

BOOST_DATA_TEST_CASE(files_go_through_connections_with_back_pressure,
                     data::make(backends()) * data::make({false, true}), backend, bySystem) {
  Here here(backend);
  const std::string text = numbers(3'000'000);
  here.await(writeFile(*here.reactor, here.at("from"), text));
  File from = here.await(openFile(*here.reactor, here.at("from")));
  auto server = std::make_shared<Upload>(here.await(openFile(*here.reactor, here.at("to"), OpenMode::write)));
  auto client = std::make_shared<testing::AccumulatingProtocol>();
  const Ends ends(*here.reactor, server, client);
  here.spin([&] { return client->made(); });
  client->transport().write("head ");
  auto sent = sendFile(from, client->transport(), {.offset = 10, .bySystem = bySystem});
  std::string tail;
  bool drained = false;
  if (bySystem) {  // comes behind the file
    tail = " tail " + numbers(300'000);
    client->transport().write(tail.substr(0, 10));
    client->transport().writeSequence({tail.substr(10, 20'000), tail.substr(20'010)});
    BOOST_TEST(client->transport().writeBufferSize() == tail.size());
    client->transport().drained().addCallback([&] { drained = true; });
    BOOST_TEST(!drained);
  }
  client->transport().loseConnection();  // waits for the file
  BOOST_TEST(here.await(std::move(sent)) == text.size() - 10);
  here.spin([&] { return server->total.has_value(); });
  BOOST_TEST(*server->total == text.size() - 5 + tail.size());
  BOOST_TEST((here.await(readFile(*here.reactor, here.at("to"))) == "head " + text.substr(10) + tail));
  BOOST_TEST(drained == bySystem);
}

BOOST_DATA_TEST_CASE(parts_of_files_and_files_that_end_early, data::make({false, true}), bySystem) {
  Here here;
  here.await(writeFile(*here.reactor, here.at("from"), numbers(100'000)));
  File from = here.await(openFile(*here.reactor, here.at("from")));
  auto server = std::make_shared<testing::AccumulatingProtocol>();
  auto client = std::make_shared<testing::AccumulatingProtocol>();
  const Ends ends(*here.reactor, server, client);
  here.spin([&] { return client->made(); });
  const auto part = [&](std::uint64_t offset, std::uint64_t length) {
    return here.await(sendFile(from, client->transport(), {.offset = offset, .length = length, .bySystem = bySystem}));
  };
  BOOST_TEST(part(50'000, 7) == 7U);
  client->transport().write("|");
  BOOST_TEST(part(99'990, 100) == 10U);
  client->transport().write("|");
  BOOST_TEST(part(200'000, 100) == 0U);
  BOOST_TEST(part(0, 0) == 0U);
  client->transport().loseConnection();
  here.spin([&] { return server->closed(); });
  BOOST_TEST(server->data() == numbers(100'000).substr(50'000, 7) + "|" + numbers(100'000).substr(99'990) + "|");
}

BOOST_DATA_TEST_CASE(a_transfer_ends_with_its_connection_or_when_it_is_cancelled,
                     data::make(backends()) * data::make({false, true}), backend, bySystem) {
  Here here(backend);
  here.await(writeFile(*here.reactor, here.at("from"), std::string(30'000'000, 'x')));
  File from = here.await(openFile(*here.reactor, here.at("from")));
  for (const bool cancels : {false, true}) {
    auto server = std::make_shared<testing::AccumulatingProtocol>();
    auto client = std::make_shared<testing::AccumulatingProtocol>();
    const Ends ends(*here.reactor, server, client);
    here.spin([&] { return client->made() && server->made(); });
    server->transport().pauseProducing();
    auto sent = sendFile(from, client->transport(), {.bySystem = bySystem});
    BOOST_CHECK_THROW(sendFile(from, client->transport(), {.bySystem = bySystem}), std::logic_error);
    for (int i = 0; i < 10; ++i) here.reactor->iterate(1ms);
    BOOST_TEST(client->transport().writeBufferSize() < 200'000U);
    std::optional<Failure> why;
    sent.addErrback([&](Failure failure) {
      why = failure;
      return std::uint64_t{0};
    });
    if (cancels) {
      sent.cancel();
      BOOST_REQUIRE(why);
      BOOST_TEST(why->check<CancelledError>());
      client->transport().write("goes on");
      server->transport().resumeProducing();
      here.spin([&] { return server->data().ends_with("goes on"); });
    } else {
      server->transport().abortConnection();
      here.spin([&] { return why.has_value(); });
      BOOST_TEST(why->check<FileTransferStopped>());
    }
    client->transport().abortConnection();
    here.spin([&] { return client->closed(); });
  }
}

BOOST_AUTO_TEST_CASE(a_disk_that_refuses_stops_the_producer) {
  if (::access("/dev/full", W_OK) != 0) return;
  Here here;
  struct Source : PushProducer {
    void pauseProducing() override { ++paused; }
    void resumeProducing() override { ++resumed; }
    void stopProducing() override { ++stopped; }
    int paused = 0, resumed = 0, stopped = 0;
  };
  auto source = std::make_shared<Source>();
  auto full = std::make_shared<FileConsumer>(here.await(openFile(*here.reactor, "/dev/full", OpenMode::write)), 10);
  full->registerProducer(source);
  full->write("much too much for ten bytes");
  BOOST_TEST(source->paused == 1);
  BOOST_TEST(here.error(full->finish()).first == ENOSPC);
  BOOST_TEST(source->stopped == 1);
  BOOST_TEST(here.error(full->finish()).first == ENOSPC);

  auto good = std::make_shared<FileConsumer>(here.await(openFile(*here.reactor, here.at("f"), OpenMode::write)), 10);
  auto again = std::make_shared<Source>();
  good->registerProducer(again);
  BOOST_CHECK_THROW(good->registerProducer(again), std::logic_error);
  good->write("more than ten bytes");
  here.spin([&] { return again->resumed == 1; });
  good->unregisterProducer();
  good->write("more than ten bytes");
  auto late = std::make_shared<Source>();
  good->registerProducer(late);
  BOOST_TEST(late->paused == 1);
  here.spin([&] { return late->resumed == 1; });
  good->unregisterProducer();
  BOOST_TEST(here.await(good->finish()) == 38U);
}

BOOST_AUTO_TEST_SUITE_END()
