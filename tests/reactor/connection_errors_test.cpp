#include <bight/connection_errors.hpp>

#include <bight/failure.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>

BOOST_AUTO_TEST_SUITE(connection_errors)

using namespace bight;

// C14: each errno has its class and its text.
BOOST_AUTO_TEST_CASE(an_error_number_finds_its_class) {
  const auto of = [](int error) { return Failure(getConnectError(error)); };
  BOOST_TEST(of(ECONNREFUSED).check<ConnectionRefusedError>());
  BOOST_TEST(of(ETIMEDOUT).check<TCPTimedOutError>());
  BOOST_TEST(of(ENETUNREACH).check<NoRouteError>());
  BOOST_TEST(of(EHOSTUNREACH).check<UnknownHostError>());
  BOOST_TEST(of(ENOENT).check<BadFileError>());
  const auto other = of(EPERM);
  BOOST_TEST(other.check<ConnectError>());
  BOOST_TEST(other.get<ConnectError>()->osError() == EPERM);
  BOOST_TEST(of(ECONNREFUSED).getErrorMessage() == "Connection was refused by other side: 111: Connection refused.");
  BOOST_TEST(of(ENETUNREACH).check<ConnectError>());
}

// C10: an abort is a loss; a clean end is neither.
BOOST_AUTO_TEST_CASE(reasons_are_told_apart_by_type) {
  BOOST_TEST(Failure(ConnectionAborted()).check<ConnectionLost>());
  BOOST_TEST(Failure(OutputLimitError(10, 5)).check<ConnectionAborted>());
  BOOST_TEST(!Failure(ConnectionDone()).check<ConnectionLost>());
  BOOST_TEST(Failure(ConnectionDone()).getErrorMessage() == "Connection was closed cleanly.");
  BOOST_TEST(ConnectionLost::fromErrno(ECONNRESET).osError() == ECONNRESET);
}

BOOST_AUTO_TEST_CASE(cannot_listen_says_where_and_why) {
  const CannotListenError error("", 80, EACCES, "bind: Permission denied");
  BOOST_TEST(std::string(error.what()) == "Couldn't listen on any:80: bind: Permission denied.");
  BOOST_TEST(error.interface() == "");
  BOOST_TEST(error.port() == 80);
}

BOOST_AUTO_TEST_SUITE_END()
