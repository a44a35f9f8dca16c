#include <bight/unix.hpp>

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <bight/file_stream.hpp>
#include <bight/files.hpp>
#include <optional>

#include "unix_fixture.hpp"

BOOST_AUTO_TEST_SUITE(unix_sockets)

using namespace unix_test;

// B56, B58: a connection as any other; the addresses are names; the file is there as long as somebody listens.
BOOST_DATA_TEST_CASE(a_connection_over_a_file, systemReactors(), backend) {
  UnixPair<> pair(backend);
  BOOST_TEST(modeOf(pair.path) == 0666U);
  const Address name = UNIXAddress{pair.path};
  BOOST_TEST((pair.port->getHost() == name));
  BOOST_TEST((pair.connector->getDestination() == name));
  BOOST_TEST((pair.client->transport().getPeer() == name));
  BOOST_TEST((pair.server->transport().getHost() == name));
  BOOST_TEST((pair.server->transport().getPeer() == Address(UNIXAddress{})));
  BOOST_TEST((pair.serverFactory->peers[0] == Address(UNIXAddress{})));
  BOOST_TEST((pair.clientFactory->peers[0] == name));
  const std::string large(300000, 'y');
  pair.client->transport().write("small");
  pair.client->transport().write(large);
  pair.spinUntil([&] { return pair.server->data().size() == 5 + large.size(); });
  BOOST_TEST((pair.server->data() == "small" + large));
  pair.server->transport().write("bye");
  pair.server->transport().loseConnection();
  pair.spinUntilClosed();
  BOOST_TEST(pair.client->data() == "bye");
  BOOST_TEST(is<ConnectionDone>(pair.client->closedReason()));
  BOOST_TEST((pair.server->transport().getPeer() == Address(UNIXAddress{})));
  BOOST_TEST((pair.server->transport().getHost() == Address(UNIXAddress{})));
  BOOST_TEST((pair.client->transport().getPeer() == name));
  pair.port->stopListening();
  BOOST_TEST(!exists(pair.path));
  pair.port->startListening();
  BOOST_TEST(exists(pair.path));
  pair.reactor.reset();
  BOOST_TEST(pair.directory.files() == 0U);
}

// What TCP has and a UNIX socket has not does nothing; and the other way round it is misuse.
BOOST_DATA_TEST_CASE(credentials_and_options, systemReactors(), backend) {
  UnixPair<> pair(backend);
  pair.client->transport().setTcpNoDelay(true);
  BOOST_TEST(!pair.client->transport().getTcpNoDelay());
  const auto peer = pair.server->transport().getPeerCredentials();
  BOOST_REQUIRE(peer);
  BOOST_TEST(peer->uid == ::getuid());
  BOOST_TEST(peer->gid == ::getgid());
#ifdef __linux__
  BOOST_TEST(peer->pid == ::getpid());
#endif
  pair.client->transport().abortConnection();
  pair.spinUntilClosed();
  BOOST_TEST(!pair.server->transport().getPeerCredentials());
  Pair<> tcp(backend);
  BOOST_TEST(!tcp.client->transport().getPeerCredentials());
  BOOST_CHECK_THROW(tcp.client->transport().sendFileDescriptor(0), std::logic_error);
}

// Half a connection can be closed as over TCP.
BOOST_DATA_TEST_CASE(half_close_works, systemReactors(), backend) {
  UnixPair<HalfProbe, HalfProbe> pair(backend);
  pair.client->transport().write("question");
  pair.client->transport().loseWriteConnection();
  pair.spinUntil([&] { return pair.server->readLost == 1; });
  BOOST_TEST(pair.server->data() == "question");
  pair.server->transport().write("answer");
  pair.server->transport().loseConnection();
  pair.spinUntilClosed();
  BOOST_TEST(pair.client->data() == "answer");
}

// B56: the mode holds whatever the umask.
BOOST_DATA_TEST_CASE(the_mode_is_what_was_asked_for, systemReactors(), backend) {
  const Directory directory;
  const auto reactor = makeReactor(backend);
  const mode_t before = ::umask(0077);
  const auto open = reactor->listenUNIX(directory / "open", probes(), {.mode = 0666});
  ::umask(0);
  const auto closed = reactor->listenUNIX(directory / "closed", probes(), {.mode = 0600});
  const auto letters = reactor->listenUNIXDatagram(directory / "letters", std::make_shared<Letters>(), {.mode = 0620});
  ::umask(before);
  BOOST_TEST(modeOf(directory / "open") == 0666U);
  BOOST_TEST(modeOf(directory / "closed") == 0600U);
  BOOST_TEST(modeOf(directory / "letters") == 0620U);
}

// B56: what a dead server left behind is replaced; a living one is not disturbed; a file that is no socket is left alone.
BOOST_DATA_TEST_CASE(a_dead_socket_is_replaced_and_nothing_else, systemReactors(), backend) {
  const Directory directory;
  const auto reactor = makeReactor(backend);
  const auto refused = [&](const std::string& path, const std::string& why) {
    BOOST_CHECK_EXCEPTION(reactor->listenUNIX(path, probes()), CannotListenError, [&](const CannotListenError& e) {
      BOOST_TEST_CONTEXT(e.what()) {
        BOOST_TEST(std::string(e.what()).find(why) != std::string::npos);
        BOOST_TEST(e.interface() == "unix:" + path);
      }
      return e.osError() == EADDRINUSE;
    });
  };
  leaveBehind(directory / "dead");
  leaveBehind(directory / "dead letters", SOCK_DGRAM);
  BOOST_TEST(tried(*reactor, directory / "dead").find("nobody serves it") != std::string::npos);
  const auto revived = reactor->listenUNIX(directory / "dead", probes());
  BOOST_TEST(tried(*reactor, directory / "dead") == "connected");
  const auto crossed = reactor->listenUNIX(directory / "dead letters", probes());
  refused(directory / "dead", "somebody serves it already");
  const int raw = rawSocket(directory / "letters", SOCK_DGRAM);
  refused(directory / "letters", "somebody serves it already");
  BOOST_TEST(tried(*reactor, directory / "letters").find("it takes datagrams") != std::string::npos);
  ::close(raw);
  std::filesystem::create_directory(directory / "d");
  refused(directory / "d", "not a socket");
  std::filesystem::create_symlink(directory / "dead", directory / "link");
  refused(directory / "link", "not a socket");
  BOOST_TEST(tried(*reactor, directory / "dead") == "connected");
}

// Between bind() and listen() a living socket looks like a dead one: the lock of the directory tells them apart.
BOOST_DATA_TEST_CASE(nothing_is_replaced_while_another_server_starts, systemReactors(), backend) {
  const Directory directory;
  const auto reactor = makeReactor(backend);
  const int starting = rawSocket(directory / "s", SOCK_STREAM, false);
  const int lock = ::open((directory / ".").c_str(), O_RDONLY | O_CLOEXEC);
  BOOST_REQUIRE_EQUAL(::flock(lock, LOCK_EX), 0);
  BOOST_CHECK_THROW(reactor->listenUNIX(directory / "s", probes()), CannotListenError);
  BOOST_TEST(exists(directory / "s"));
  ::close(lock);
  ::close(starting);
  reactor->listenUNIX(directory / "s", probes());
  BOOST_TEST(directory.files() == 1U);
}

// The file is only removed by whoever made it.
BOOST_DATA_TEST_CASE(a_file_that_was_replaced_is_not_removed, systemReactors(), backend) {
  const Directory directory;
  auto reactor = makeReactor(backend);
  const auto first = reactor->listenUNIX(directory / "s", probes());
  std::filesystem::remove(directory / "s");
  const auto second = reactor->listenUNIX(directory / "s", probes());
  first->stopListening();
  BOOST_TEST(exists(directory / "s"));
  second->stopListening();
  BOOST_TEST(!exists(directory / "s"));
  const auto failing = std::make_shared<ProbeFactory>([] { return nullptr; });
  struct Throws : Factory {
    std::shared_ptr<Protocol> buildProtocol(const Address&) override { return nullptr; }
    void startFactory() override { throw std::runtime_error("no"); }
  };
  BOOST_CHECK_THROW(reactor->listenUNIX(directory / "s", std::make_shared<Throws>()), std::runtime_error);
  BOOST_TEST(directory.files() == 0U);
}

// Errors say which and why.
BOOST_DATA_TEST_CASE(what_cannot_be_is_told_in_words, systemReactors(), backend) {
  const Directory directory;
  const auto reactor = makeReactor(backend);
  const auto clients = std::make_shared<ProbeClientFactory>([] { return std::make_shared<Probe>(); });
  BOOST_CHECK_THROW(reactor->listenUNIX("", probes()), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->listenUNIX(std::string("a\0b", 3), probes()), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->listenUNIX(directory / "s", nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->connectUNIX("", clients), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->connectUNIX("x", nullptr), std::invalid_argument);
  BOOST_CHECK_THROW(reactor->listenUNIXDatagram("x", nullptr), std::invalid_argument);
  const std::string longest = directory / std::string(108 - (directory / "").size() - 1, 'n');
  BOOST_TEST((reactor->listenUNIX(longest, probes())->getHost() == Address(UNIXAddress{longest})));
  BOOST_TEST(tried(*reactor, longest) == "connected");
  BOOST_CHECK_EXCEPTION(reactor->listenUNIX(longest + "n", probes()), CannotListenError, [&](const auto& e) {
    return std::string(e.what()).find("at most 107") != std::string::npos && e.osError() == ENAMETOOLONG;
  });
  BOOST_TEST(tried(*reactor, longest + "n").find("File name too long") != std::string::npos);
  BOOST_CHECK_EXCEPTION(reactor->listenUNIX(directory / "no/s", probes()), CannotListenError,
                        [&](const auto& e) { return e.osError() == ENOENT; });
  const auto nobody = tried(*reactor, directory / "nobody");
  BOOST_TEST(nobody.find("unix:" + (directory / "nobody")) != std::string::npos);
  BOOST_TEST(nobody.find("is the server running") != std::string::npos);
}

// Abstract names: no file, no permissions, gone with the port. '@' in messages.
BOOST_DATA_TEST_CASE(abstract_names_leave_no_file, systemReactors(), backend) {
#ifdef __linux__
  const auto reactor = makeReactor(backend);
  const std::string name = std::string("\0bight-test-", 12) + std::to_string(::getpid()) + std::string("\0x", 2);
  const auto port = reactor->listenUNIX(name, probes());
  BOOST_TEST((port->getHost() == Address(UNIXAddress{name})));
  BOOST_TEST(port->getHost().toString().substr(0, 17) == "unix:@bight-test-");
  BOOST_TEST(tried(*reactor, name) == "connected");
  BOOST_CHECK_THROW(reactor->listenUNIX(name, probes()), CannotListenError);
  port->stopListening();
  BOOST_TEST(tried(*reactor, name) != "connected");
  port->startListening();
  BOOST_TEST(tried(*reactor, name) == "connected");
#endif
}

// A server whose backlog is full says so at once; the attempt knocks again until there is room, or its time is over.
BOOST_DATA_TEST_CASE(a_full_backlog_is_waited_for, systemReactors(), backend) {
  const Directory directory;
  const auto reactor = makeReactor(backend);
  const int server = rawSocket(directory / "s", SOCK_STREAM);  // with room for two
  BOOST_TEST(tried(*reactor, directory / "s") == "connected");
  BOOST_TEST(tried(*reactor, directory / "s") == "connected");
  BOOST_TEST(tried(*reactor, directory / "s", {.timeout = 30ms}).find("timeout") != std::string::npos);
  const auto client = std::make_shared<Probe>();
  const auto factory = std::make_shared<ProbeClientFactory>([&] { return client; });
  reactor->connectUNIX(directory / "s", factory);
  turns(*reactor);
  BOOST_TEST(!client->made());
  ::close(::accept(server, nullptr, nullptr));
  spin(*reactor, [&] { return client->made(); });
  const auto other = reactor->connectUNIX(
      directory / "s", std::make_shared<ProbeClientFactory>([] { return std::make_shared<Probe>(); }));
  turns(*reactor);
  other->stopConnecting();
  BOOST_TEST(reactor->getDelayedCalls().size() == 0U);
  ::close(server);
}

// ---- descriptors ----

// B57: a descriptor is there before its byte, is another one of the same file, and closed on exec; the sender's may be closed at once.
BOOST_DATA_TEST_CASE(descriptors_arrive_with_their_bytes, systemReactors(), backend) {
  UnixPair<Taker, Taker> pair(backend);
  int pipe[2];
  BOOST_REQUIRE_EQUAL(::pipe(pipe), 0);
  pair.client->transport().write("before ");
  pair.client->transport().sendFileDescriptor(pipe[1]);
  pair.client->transport().write("with");
  ::close(pipe[1]);
  pair.spinUntil([&] { return pair.server->data() == "before with"; });
  BOOST_REQUIRE_EQUAL(pair.server->descriptors.size(), 1U);
  BOOST_TEST(pair.server->seen[0] <= 7U);
  const int got = pair.server->descriptors[0].get();
  BOOST_TEST((::fcntl(got, F_GETFD) & FD_CLOEXEC) != 0);
  BOOST_TEST(::write(got, "!", 1) == 1);
  char byte = 0;
  BOOST_TEST(::read(pipe[0], &byte, 1) == 1);
  BOOST_TEST(byte == '!');
  ::close(pipe[0]);
}

// While the system copies a file, nothing else may get between: neither descriptors nor TLS.
BOOST_DATA_TEST_CASE(a_file_under_way_keeps_descriptors_and_layers_away, systemReactors(), backend) {
  UnixPair<Taker, Taker> pair(backend);
  auto& reactor = *pair.reactor;
  reactor.getThreadPool().start();
  const std::string whole(3'000'000, 'f');
  bool written = false;
  auto writing = writeFile(reactor, pair.directory / "f", whole).addCallback([&] { written = true; });
  pair.spinUntil([&] { return written; });
  std::optional<File> file;
  auto opening = openFile(reactor, pair.directory / "f").addCallback([&](File opened) { file.emplace(opened); });
  pair.spinUntil([&] { return file.has_value(); });
  Transport& transport = pair.client->transport();
  std::uint64_t sent = 0;
  transport.sendFileDescriptor(0);
  transport.write("1");
  auto copying = sendFile(*file, transport).addCallback([&](std::uint64_t bytes) { sent = bytes; });  // goes behind it
  pair.spinUntil([&] { return sent == whole.size() && pair.server->data().size() == 1 + whole.size(); });
  pair.server->transport().pauseProducing();
  auto sending = sendFile(*file, transport).addCallback([&](std::uint64_t bytes) { sent = bytes; });
  transport.write("behind");
  for (int i = 0; i < 20; ++i) reactor.iterate(1ms);
  BOOST_CHECK_THROW(transport.sendFileDescriptor(0), std::logic_error);
  BOOST_CHECK_THROW(transport.takeOver(std::make_shared<Probe>()), std::logic_error);
  pair.server->transport().resumeProducing();
  pair.spinUntil([&] { return pair.server->data().ends_with("behind"); });
  BOOST_TEST((pair.server->data() == "1" + whole + whole + "behind"));
  BOOST_TEST(pair.server->descriptors.size() == 1U);
  transport.sendFileDescriptor(0);
  transport.write("2");
  pair.spinUntil([&] { return pair.server->descriptors.size() == 2U; });
  pair.client->transport().abortConnection();
  pair.spinUntilClosed();
}

// B57: many, each with a byte of its own, in order, between any amount of bytes, to a peer that is slow to read.
BOOST_DATA_TEST_CASE(many_descriptors_keep_their_order_among_the_bytes, systemReactors(), backend) {
  UnixPair<Taker, Taker> pair(backend);
  const Directory files;
  pair.server->transport().pauseProducing();
  turns(*pair.reactor);
  std::string all;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::string bytes(1 + i * 997 % 20000, static_cast<char>('a' + i % 26));
    const int fd = ::open((files / std::to_string(i)).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    pair.client->transport().sendFileDescriptor(fd);
    ::close(fd);
    positions.push_back(all.size());
    pair.client->transport().write(bytes);
    all += bytes;
    if (i % 7 == 0) turns(*pair.reactor, 1);
  }
  BOOST_TEST(pair.client->transport().writeBufferSize() > 0U);
  pair.server->transport().resumeProducing();
  pair.spinUntil([&] { return pair.server->data().size() == all.size(); });
  BOOST_TEST((pair.server->data() == all));
  BOOST_REQUIRE_EQUAL(pair.server->descriptors.size(), 60U);
  for (std::size_t i = 0; i < 60; ++i) {
    BOOST_TEST(pair.server->seen[i] <= positions[i]);  // never after its byte
    struct stat here{}, there{};
    BOOST_REQUIRE_EQUAL(::fstat(pair.server->descriptors[i].get(), &here), 0);
    BOOST_REQUIRE_EQUAL(::stat((files / std::to_string(i)).c_str(), &there), 0);
    BOOST_TEST(here.st_ino == there.st_ino);
  }
  pair.client->transport().loseConnection();
  pair.spinUntilClosed();
}

// B57: a descriptor without a byte closes the connection, as do two with one; and so do more than may wait.
BOOST_DATA_TEST_CASE(descriptors_without_bytes_close_the_connection, systemReactors(), backend) {
  for (int variant = 0; variant < 4; ++variant) {
    UnixPair<Taker, Taker> pair(backend);
    Transport& transport = pair.client->transport();
    transport.sendFileDescriptor(0);
    if (variant == 1) {
      transport.sendFileDescriptor(0);
      transport.write("x");
    } else if (variant == 2) {
      transport.loseConnection();
    } else if (variant == 3) {
      for (int i = 0; i < 253; ++i) transport.sendFileDescriptor(0);
      transport.write(std::string(1000, 'x'));
    }
    pair.spinUntilClosed();
    BOOST_TEST(is<FileDescriptorOverrun>(pair.client->closedReason()));
    BOOST_TEST(pair.server->descriptors.size() == 0U);
    transport.sendFileDescriptor(0);  // ignored now
    BOOST_CHECK_THROW(transport.sendFileDescriptor(-1), std::system_error);
  }
}

// B57: waiting descriptors pause a producer.
BOOST_DATA_TEST_CASE(waiting_descriptors_pause_a_producer, systemReactors(), backend) {
  struct Source : PushProducer {
    void pauseProducing() override { ++paused; }
    void resumeProducing() override { ++resumed; }
    void stopProducing() override {}
    int paused = 0;
    int resumed = 0;
  };
  UnixPair<Taker, Taker> pair(backend);
  const auto source = std::make_shared<Source>();
  pair.client->transport().registerProducer(source);
  for (int i = 0; i < 20; ++i) {
    pair.client->transport().sendFileDescriptor(0);
    pair.client->transport().write("x");
  }
  BOOST_TEST(source->paused == 1);
  pair.spinUntil([&] { return source->resumed == 1; });
  pair.spinUntil([&] { return pair.server->descriptors.size() == 20; });
}

// B57: nothing leaks: not to protocols that do not want descriptors, not from those that do not keep them, throw, or close; nor what a dead
// connection still had to send.
BOOST_DATA_TEST_CASE(no_descriptor_is_leaked, systemReactors(), backend) {
  const auto before = openDescriptors();
  {
    UnixPair<Probe, Probe> pair(backend);  // no receiver
    const auto inside = openDescriptors();
    pair.client->transport().sendFileDescriptor(0);
    pair.client->transport().write("take it");
    pair.spinUntil([&] { return pair.server->data() == "take it"; });
    BOOST_TEST(openDescriptors() == inside);
  }
  {
    LogCatcher log;
    UnixPair<Taker, Taker> pair(backend);
    const auto inside = openDescriptors();
    pair.server->keeps = false;
    pair.client->transport().sendFileDescriptor(0);
    pair.client->transport().write("look");
    pair.spinUntil([&] { return pair.server->data() == "look"; });
    BOOST_TEST(openDescriptors() == inside);
    pair.server->onDescriptor = [](Taker&, FileDescriptor&) { throw std::runtime_error("hot potato"); };
    for (int i = 0; i < 3; ++i) {
      pair.client->transport().sendFileDescriptor(0);
      pair.client->transport().write("x");
    }
    pair.spinUntilClosed();
    BOOST_TEST(is<std::runtime_error>(pair.server->closedReason()));
    BOOST_TEST(log.count("hot potato") == 1U);
  }
  {
    UnixPair<Taker, Taker> pair(backend);
    pair.server->onDescriptor = [](Taker& self, FileDescriptor&) { self.transport().loseConnection(); };
    for (int i = 0; i < 5; ++i) {
      pair.client->transport().sendFileDescriptor(0);
      pair.client->transport().write("x");
    }
    pair.spinUntilClosed();
    BOOST_TEST(pair.server->descriptors.size() == 1U);
    BOOST_TEST(pair.server->data() == "");
  }
  {
    UnixPair<Taker, Taker> pair(backend);  // ends with descriptors waiting
    pair.server->transport().pauseProducing();
    pair.client->transport().write(std::string(2000000, 'x'));
    pair.client->transport().sendFileDescriptor(0);
    pair.client->transport().write("x");
    turns(*pair.reactor);
  }
  BOOST_TEST(openDescriptors() == before);
}

// A process that can take no more descriptors is told so, instead of missing some silently.
BOOST_DATA_TEST_CASE(lost_descriptors_close_the_connection, systemReactors(), backend) {
  UnixPair<Taker, Taker> pair(backend);
  for (int i = 0; i < 4; ++i) {
    pair.client->transport().sendFileDescriptor(0);
    pair.client->transport().write("x");
  }
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  std::vector<FileDescriptor> filling;
  while (filling.size() < 3) filling.push_back(FileDescriptor::duplicate(0));
  pair.server->transport().pauseProducing();
  turns(*pair.reactor, 2);
  rlimit tight = limit;
  tight.rlim_cur = static_cast<rlim_t>(FileDescriptor::duplicate(0).get());
  ::setrlimit(RLIMIT_NOFILE, &tight);
  pair.server->transport().resumeProducing();
  pair.spinUntil([&] { return pair.server->closed(); });
  ::setrlimit(RLIMIT_NOFILE, &limit);
  BOOST_TEST(is<FileDescriptorOverrun>(pair.server->closedReason()));
}

BOOST_AUTO_TEST_SUITE_END()
