// Datagrams over UNIX sockets.
#include <bight/unix.hpp>

#include "unix_fixture.hpp"

BOOST_AUTO_TEST_SUITE(unix_datagrams)

using namespace unix_test;

// B57: datagrams between names; the nameless can ask but not be answered.
BOOST_DATA_TEST_CASE(datagrams_between_names, systemReactors(), backend) {
  const Directory directory;
  auto reactor = makeReactor(backend);
  const auto server = std::make_shared<Letters>();
  const auto named = std::make_shared<Letters>();
  const auto nameless = std::make_shared<Letters>();
  const auto port = reactor->listenUNIXDatagram(directory / "s", server);
  const auto first = reactor->connectUNIXDatagram(directory / "s", named, {.bindAddress = directory / "c"});
  const auto second = reactor->connectUNIXDatagram(directory / "s", nameless);
  BOOST_TEST((first->getHost() == Address(UNIXAddress{directory / "c"})));
  BOOST_TEST((second->getPeer() == Address(UNIXAddress{directory / "s"})));
  BOOST_TEST(!first->write("one"));
  BOOST_TEST(!second->write("two"));
  spin(*reactor, [&] { return server->received.size() == 2; });
  BOOST_TEST((server->peers[0] == first->getHost()));
  BOOST_TEST((server->peers[1] == Address(UNIXAddress{})));
  BOOST_TEST(!port->write("answer", server->peers[0]));
  BOOST_CHECK_THROW(port->write("answer", server->peers[1]), InvalidAddressError);
  BOOST_CHECK_THROW(port->write("answer", "127.0.0.1", 7), InvalidAddressError);
  BOOST_CHECK_THROW(port->joinGroup("239.1.1.1"), std::logic_error);
  BOOST_CHECK_THROW(port->setTTL(1), std::logic_error);
  spin(*reactor, [&] { return named->received.size() == 1; });
  BOOST_TEST((port->write("x", UNIXAddress{directory / "nobody"}) == std::errc::no_such_file_or_directory));
  // Sending does not wait: what does not fit is not sent.
  std::error_code full;
  for (int i = 0; i < 10000 && !full; ++i) full = first->write("again");
  BOOST_TEST((full == std::errc::operation_would_block));
  // The server goes: both a reader and a writer hear of it, and no port closes.
  bool done = false;
  port->stopListening().addCallback([&] { done = true; });
  spin(*reactor, [&] { return done; });
  BOOST_TEST(!exists(directory / "s"));
  second->write("gone?");
  spin(*reactor, [&] { return nameless->refused > 0; });
  BOOST_TEST(nameless->stopped == 0);
  reactor.reset();
  BOOST_TEST(nameless->stopped == 1);
  BOOST_TEST(directory.files() == 0U);
}

// B57: if nobody is there, connectionFailed() says so later, and nothing is left.
BOOST_DATA_TEST_CASE(a_datagram_connection_to_nobody_fails_later, systemReactors(), backend) {
  const Directory directory;
  auto reactor = makeReactor(backend);
  const auto letters = std::make_shared<Letters>();
  const auto port = reactor->connectUNIXDatagram(directory / "s", letters, {.bindAddress = directory / "c"});
  BOOST_TEST(!letters->failure);
  BOOST_TEST((port->getHost() == Address()));
  spin(*reactor, [&] { return letters->failure.has_value(); });
  BOOST_TEST(is<BadFileError>(letters->failure));
  BOOST_TEST(letters->failure->getErrorMessage().find(directory / "s") != std::string::npos);
  BOOST_TEST(letters->started == 0);
  BOOST_TEST(letters->stopped == 0);
  BOOST_TEST(directory.files() == 0U);
  // The handle may try again; a reactor that ends tells at once.
  const auto server = reactor->listenUNIXDatagram(directory / "s", std::make_shared<Letters>());
  port->startListening();
  BOOST_TEST(letters->started == 1);
  const auto lost = std::make_shared<Letters>();
  reactor->connectUNIXDatagram(directory / "nobody", lost);
  reactor.reset();
  BOOST_TEST(is<BadFileError>(lost->failure));
  BOOST_TEST(letters->stopped == 1);
}

BOOST_AUTO_TEST_SUITE_END()
