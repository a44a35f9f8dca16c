// getProcessOutput and its kin, and the processes that a test plays.
#include <bight/process_output.hpp>

#include <signal.h>
#include <sys/wait.h>

#include <bight/standard_io.hpp>
#include <bight/testing.hpp>
#include <boost/test/data/test_case.hpp>
#include <cerrno>

#include "process_fixture.hpp"

BOOST_AUTO_TEST_SUITE(ProcessOutputTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using namespace bight::tests::process;
namespace data = boost::unit_test::data;

BOOST_DATA_TEST_CASE(output_values_and_errors_of_programs, data::make(backends()), backend) {  // B68
  Here here(backend);
  const auto output = here.await(getProcessOutput(*here.reactor, "echo", {"hello", "there"}));
  BOOST_TEST(*output == "hello there\n");
  BOOST_TEST(*here.await(getProcessOutput(*here.reactor, "cat", {}, {.input = "given"})) == "given");
  BOOST_TEST(*here.await(getProcessOutput(*here.reactor, "sh", {"-c", "echo no >&2"}, {.errorToo = true})) == "no\n");

  const auto wrote = here.await(getProcessOutput(*here.reactor, "sh", {"-c", "echo no >&2; exec sleep 60"}));
  BOOST_REQUIRE(!wrote);
  BOOST_TEST(wrote.failure().get<ProcessWroteErrors>()->text() == "no\n");

  const auto all = here.await(getProcessOutputAndValue(*here.reactor, "sh", {"-c", "echo a; echo b >&2; exit 3"}));
  BOOST_TEST((*all).out == "a\n");
  BOOST_TEST((*all).err == "b\n");
  BOOST_TEST((*all).code == 3);
  const auto killed = here.await(getProcessOutputAndValue(*here.reactor, "sh", {"-c", "echo a; kill -9 $$"}));
  BOOST_TEST(killed.failure().get<ProcessSignalled>()->output().out == "a\n");
  BOOST_TEST(*killed.failure().get<ProcessSignalled>()->output().signal == SIGKILL);

  BOOST_TEST(*here.await(getProcessValue(*here.reactor, "sh", {"-c", "echo noise; exit 6"})) == 6);
  BOOST_TEST(here.await(getProcessValue(*here.reactor, "/no/such")).failure().check<SpawnError>());
  const auto tooLong = here.await(getProcessOutput(*here.reactor, "yes", {}, {.maxOutput = 1000}));
  BOOST_TEST(tooLong.failure().check<OutputTooLong>());
}

// g++ 12 destroys an aggregate twice that stands as `= {}` for an argument of an awaited call.
BOOST_AUTO_TEST_CASE(what_is_left_out_may_be_left_out_behind_co_await) {
  Here here("default");
  const auto run = [](Reactor& reactor) -> Deferred<int> {
    const std::string out = co_await getProcessOutput(reactor, "true");
    const int code = co_await getProcessValue(reactor, "false");
    const ProcessOutput all = co_await getProcessOutputAndValue(reactor, "true");
    co_return code + static_cast<int>(out.size() + all.out.size());
  };
  BOOST_TEST(*here.await(run(*here.reactor)) == 1);
}

BOOST_DATA_TEST_CASE(cancelling_kills_the_program, data::make(backends()), backend) {
  Here here(backend);
  auto output = getProcessOutput(*here.reactor, "sh", {"-c", "echo $$; exec sleep 60"});
  std::optional<Failure> why;
  output.addErrback([&](Failure failure) {
    why = failure;
    return std::string();
  });
  for (int i = 0; i < 5; ++i) here.reactor->iterate(1ms);
  output.cancel();
  BOOST_REQUIRE(why);
  BOOST_TEST(why->check<CancelledError>());
  spin(*here.reactor, [] { return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD; });
}

BOOST_AUTO_TEST_CASE(whatever_spawning_throws_is_the_failure_of_the_deferred) {
  struct Refusing : ReactorProcess {
   private:
    Ref<ProcessTransport> doSpawnProcess(std::shared_ptr<ProcessProtocol>, const std::string&, std::vector<std::string>,
                                         const ProcessOptions&) override {
      throw std::length_error("no place for one more child");
    }
    Ref<Transport> doConnectDescriptors(std::shared_ptr<Protocol>, int, int) override { return {}; }
  } reactor;
  std::string said;
  getProcessOutput(reactor, "git").addErrback([&](const Failure& f) { return said = f.getErrorMessage(); });
  BOOST_TEST(said == "no place for one more child");
}

BOOST_AUTO_TEST_CASE(the_memory_reactor_records_children_and_the_test_plays_them) {
  testing::MemoryReactor reactor;
  auto child = std::make_shared<Child>();
  reactor.spawnProcess(child, "git", {"git", "log"}, {.path = "/src"});
  const auto played = reactor.processes().at(0);
  BOOST_TEST(played->executable() == "git");
  BOOST_TEST(played->args() == (std::vector<std::string>{"git", "log"}));
  BOOST_TEST(played->options().path == "/src");
  child->transport().write("in");
  BOOST_TEST(played->written() == "in");
  played->output(1, "out");
  BOOST_TEST(child->bytes[1] == "out");
  child->transport().signalProcess("TERM");
  BOOST_TEST(played->signals() == std::vector<int>{SIGTERM});
  played->close(2);
  played->exit(3);
  BOOST_TEST(child->events == (std::vector<std::string>{"made", "lost 2", "exited", "lost 0", "lost 1", "ended"}));
  BOOST_TEST(child->code() == 3);
  BOOST_CHECK_THROW(played->exit(0), std::logic_error);
  BOOST_CHECK_THROW(played->output(1, "x"), std::logic_error);

  int value = 0;
  getProcessValue(reactor, "make", {"all"}).addCallback([&](int code) { value = code; });
  reactor.processes().at(1)->exit(2);
  BOOST_TEST(value == 2);
  BOOST_TEST(reactor.processes().at(1)->args() == (std::vector<std::string>{"make", "all"}));
  std::optional<Failure> why;
  auto output = getProcessOutput(reactor, "yes");
  output.addErrback([&](Failure failure) -> std::string {
    why = failure;
    return {};
  });
  output.cancel();
  BOOST_TEST(why->check<CancelledError>());
  BOOST_TEST(reactor.processes().at(2)->signals() == std::vector<int>{SIGKILL});

  auto console = std::make_shared<testing::AccumulatingProtocol>();
  StandardIO(reactor, console).transport().write("hello");
  BOOST_TEST(reactor.connectedDescriptors().at(0).transport->value() == "hello");
}

BOOST_AUTO_TEST_SUITE_END()
