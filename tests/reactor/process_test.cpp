#include <bight/process.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bight/connection_errors.hpp>
#include <bight/testing.hpp>
#include <boost/test/data/test_case.hpp>

#include <atomic>
#include <thread>

#include "child_process.hpp"
#include "process_fixture.hpp"

BOOST_AUTO_TEST_SUITE(ProcessTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
using testing::LogCapture;
namespace data = boost::unit_test::data;

using namespace bight::tests::process;

bool isZombieOrAlive(int pid) {
  return ::kill(pid, 0) == 0;
}

std::size_t openDescriptors() {
  std::size_t count = 0;
  for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
  return count;
}

/// For the length of a test: as on a system that has no pidfd.
struct WithoutPidFd {
  explicit WithoutPidFd(bool without) { detail::setUsesPidFd(!without); }
  ~WithoutPidFd() { detail::setUsesPidFd(true); }
};

std::atomic<int> othersChildSignals{0};
extern "C" void countChild(int) {
  ++othersChildSignals;
}

BOOST_DATA_TEST_CASE(a_child_is_written_to_and_read_from, data::make(backends()), backend) {  // B62, B63
  const std::size_t before = openDescriptors();
  {
    Here here(backend);
    here.child->onMade = [](Child& child) {
      BOOST_TEST(child.transport().pid().has_value());
      child.transport().write("pear\n");
      child.transport().writeSequence({"apple", "\n"});
      child.transport().closeStdin();
    };
    const auto transport = here.spawn("sort", {"sort"});
    BOOST_TEST(here.child->events == std::vector<std::string>{"made"});  // nothing else before it returned
    here.untilEnded();
    BOOST_TEST(here.child->bytes[1] == "apple\npear\n");
    BOOST_TEST(here.child->reason->check<ProcessDone>());
    BOOST_TEST(here.child->events.back() == "ended");
    BOOST_TEST(std::count(here.child->events.begin(), here.child->events.end(), "exited") == 1);
    for (const char* lost : {"lost 0", "lost 1", "lost 2"})
      BOOST_TEST(std::count(here.child->events.begin(), here.child->events.end(), lost) == 1);
    BOOST_TEST(!transport->pid());
    BOOST_CHECK_THROW(transport->signalProcess("TERM"), ProcessExitedAlready);  // B64
    transport->write("too late");
    BOOST_TEST(transport->writeBufferSize() == 0U);
    BOOST_TEST(!transport->connected());
  }
  BOOST_TEST(openDescriptors() == before);
}

BOOST_DATA_TEST_CASE(codes_and_signals_are_told_apart, data::make(backends()) * data::make({false, true}), backend,
                     withoutPidFd) {  // B63
  const WithoutPidFd fallback(withoutPidFd);
  {
    Here here(backend);
    here.shell("exit 7");
    here.untilEnded();
    BOOST_TEST(here.child->code() == 7);
    BOOST_TEST(here.child->reason->getErrorMessage() == "A process has ended with exit code 7.");
  }
  Here here(backend);
  here.child->onData = [](Child& child, int) { child.transport().signalProcess("SIGUSR1"); };
  here.shell("echo ready; exec sleep 60");
  here.untilEnded();
  BOOST_TEST(here.child->signal() == SIGUSR1);
  BOOST_TEST(here.child->reason->getErrorMessage() == "A process has ended by SIGUSR1.");
}

BOOST_DATA_TEST_CASE(what_cannot_be_started_is_said_at_once, data::make(backends()), backend) {  // B65
  const std::size_t before = openDescriptors();
  {
    Here here(backend);
    const auto message = [&](const std::string& executable, const ProcessOptions& options) -> std::string {
      try {
        here.reactor->spawnProcess(here.child, executable, {executable}, options);
      } catch (const SpawnError& error) {
        BOOST_TEST(error.executable() == executable);
        return error.what();
      }
      return "it was started";
    };
    BOOST_TEST(message("no-such-program-here", {.env = {{{"PATH", "/bin:/nowhere"}}}}) ==
               "Cannot start \"no-such-program-here\": running it: No such file or directory (2); looked for in "
               "/bin:/nowhere.");
    BOOST_TEST(
        message("/etc/passwd", {}).starts_with("Cannot start \"/etc/passwd\": running it: Permission denied (13)"));
    BOOST_TEST(message("/bin/true", {.path = "/nowhere/at/all"}) ==
               "Cannot start \"/bin/true\": changing into the directory \"/nowhere/at/all\": No such file or directory "
               "(2).");
    BOOST_TEST(message("/bin/true", {.childFDs = {{3, 250}}}).find("descriptors: Bad file descriptor") !=
               std::string::npos);
    BOOST_CHECK_THROW(here.reactor->spawnProcess(nullptr, "true"), std::invalid_argument);
    BOOST_CHECK_THROW(here.reactor->spawnProcess(here.child, ""), std::invalid_argument);
    BOOST_CHECK_THROW(here.reactor->spawnProcess(here.child, "true", {std::string("a\0b", 3)}), std::invalid_argument);
    BOOST_CHECK_THROW(here.reactor->spawnProcess(here.child, "true", {}, {.childFDs = {{-1, 'r'}}}),
                      std::invalid_argument);
    BOOST_CHECK_THROW(ChildFD('x'), std::invalid_argument);
    BOOST_TEST(here.child->events.empty());
    BOOST_TEST(::waitpid(-1, nullptr, WNOHANG) == -1);  // the failed ones are reaped: there is no child at all
  }
  BOOST_TEST(openDescriptors() == before);
}

BOOST_DATA_TEST_CASE(environment_directory_and_descriptors_are_as_asked_for, data::make(backends()), backend) {  // B62
  {
    Here here(backend);
    here.spawn("/bin/sh", {"name", "-c", "echo $A:$B:$HOME:$0; pwd"},
               {.env = {{{"A", "1"}, {"B", "two words"}}}, .path = "/"});
    here.untilEnded();
    BOOST_TEST(here.child->bytes[1] == "1:two words::name\n/\n");
  }
  {
    // Descriptors 3 'r', 4 'w', 5 ours; 2 is closed; and one of ours that must not leak, without close-on-exec.
    const int leaky = ::open("/dev/null", O_RDONLY);
    BOOST_REQUIRE(::dup2(leaky, 77) == 77);
    int ours[2];
    BOOST_REQUIRE(::pipe(ours) == 0);
    Here here(backend);
    here.child->onMade = [](Child& child) {
      child.transport().writeToChild(4, "four");
      child.transport().closeChildFD(4);
      BOOST_CHECK_THROW(child.transport().writeToChild(3, "x"), std::invalid_argument);
      BOOST_CHECK_THROW(child.transport().closeChildFD(9), std::invalid_argument);
    };
    here.shell(
        "cat <&4 >&3; echo five >&5; ls /proc/self/fd | tr '\\n' ' '",
        {.env = inheritEnvironment, .childFDs = {{1, 'r'}, {3, 'r'}, {4, 'w'}, {5, ours[1]}, {0, ChildFD::null()}}});
    here.untilEnded();
    BOOST_TEST(here.child->bytes[3] == "four");
    char text[8] = {};
    BOOST_TEST(::read(ours[0], text, 5) == 5);
    BOOST_TEST(std::string(text) == "five\n");
#ifdef __linux__
    // ls itself has opened /proc/self/fd, as the lowest number that was free.
    BOOST_TEST(here.child->bytes[1] == "0 1 2 3 4 5 ");
#endif
    for (const int fd : {leaky, 77, ours[0], ours[1]}) ::close(fd);
  }
}

BOOST_DATA_TEST_CASE(signals_are_as_at_the_start_of_a_program, data::make(backends()), backend) {  // B66, B67
  struct sigaction ignored{};
  struct sigaction before{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR2, &ignored, &before);
  sigset_t blocked;
  sigset_t maskBefore;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &maskBefore);
  {
    Here here(backend);
    here.shell("kill -USR2 $$; echo survived");
    here.untilEnded();
    BOOST_TEST(here.child->signal() == SIGUSR2);
  }
  {
    Here here(backend);
    here.child->onMade = [](Child& child) {
      child.transport().signalProcess(SIGTERM);
    };  // at once: it must not be lost
    here.shell("exec sleep 60");
    here.untilEnded();
    BOOST_TEST(here.child->signal() == SIGTERM);
  }
  ::pthread_sigmask(SIG_SETMASK, &maskBefore, nullptr);
  ::sigaction(SIGUSR2, &before, nullptr);
}

BOOST_DATA_TEST_CASE(a_grandchild_with_our_pipe_delays_the_end_not_the_exit, data::make(backends()), backend) {  // B63
  Here here(backend);
  here.shell("sleep 60 & echo $!");
  spin(*here.reactor, [&] { return here.child->exitReason && !here.child->bytes[1].empty(); });
  BOOST_TEST(!here.child->ended());
  ::kill(std::stoi(here.child->bytes[1]), SIGTERM);  // the grandchild
  here.untilEnded();
  BOOST_TEST(here.child->reason->check<ProcessDone>());
}

BOOST_DATA_TEST_CASE(megabytes_pass_both_ways_with_back_pressure, data::make(backends()), backend) {  // B64
  struct Source : PushProducer {
    explicit Source(Transport& t) : to(t) {}
    void pauseProducing() override { paused = true, ++pauses; }
    void resumeProducing() override {
      paused = false;
      while (!paused && left > 0) {
        to.write(std::string(10000, 'x'));
        left -= 10000;
      }
      if (left == 0 && !std::exchange(done, true)) {
        to.unregisterProducer();
        to.loseWriteConnection();
      }
    }
    void stopProducing() override { left = 0; }
    Transport& to;
    int left = 2'000'000;
    int pauses = 0;
    bool paused = false;
    bool done = false;
  };
  Here here(backend);
  std::shared_ptr<Source> source;
  std::size_t most = 0;
  here.child->onMade = [&](Child& child) {
    source = std::make_shared<Source>(child.transport());
    child.transport().registerProducer(source);
    child.transport().pauseProducing();  // nothing is read: everything must come to a halt
    source->resumeProducing();
  };
  const auto transport = here.spawn("cat", {"cat"});
  for (int i = 0; i < 50 || source->pauses == 0; ++i) here.reactor->iterate(1ms);
  BOOST_TEST(source->paused);
  BOOST_TEST(here.child->bytes[1].empty());
  most = transport->writeBufferSize();
  BOOST_TEST(most < 100'000U);
  transport->resumeProducing();
  here.untilEnded();
  BOOST_TEST(here.child->bytes[1].size() == 2'000'000U);
  BOOST_TEST(here.child->reason->check<ProcessDone>());
}

BOOST_DATA_TEST_CASE(a_child_that_closes_its_input_is_noticed_without_a_write, data::make(backends()), backend) {
  Here here(backend);
  here.shell("exec 0<&-; exec sleep 60");
  spin(*here.reactor, [&] { return std::count(here.child->events.begin(), here.child->events.end(), "lost 0") == 1; });
  BOOST_TEST(!here.child->exitReason);
  here.child->transport().abortConnection();
  here.untilEnded();
  BOOST_TEST(here.child->signal() == SIGKILL);
}

BOOST_DATA_TEST_CASE(writing_to_a_child_that_does_not_read_never_raises_sigpipe, data::make(backends()),
                     backend) {  // B41
  Here here(backend);
  here.child->onMade = [](Child& child) { child.transport().write(std::string(1'000'000, 'x')); };
  here.shell("exit 3");
  here.untilEnded();
  BOOST_TEST(here.child->code() == 3);
}

BOOST_DATA_TEST_CASE(a_terminal_joins_output_and_is_hung_up, data::make(backends()), backend) {  // B64
  const std::size_t before = openDescriptors();
  {
    Here here(backend);
    here.child->onData = [](Child& child, int fd) {
      BOOST_TEST(fd == 1);
      if (child.bytes[1].find("go?") != std::string::npos && child.events.back() != "asked") {
        child.events.push_back("asked");
        child.transport().write("yes\n");
      }
    };
    here.shell("test -t 0 && test -t 2 && stty size && echo problem >&2 && echo 'go?' && read a && echo got $a",
               {.env = inheritEnvironment, .usePTY = true, .windowSize = {.rows = 7, .columns = 50}});
    here.untilEnded();
    const std::string& said = here.child->bytes[1];
    BOOST_TEST(said.find("7 50") != std::string::npos);
    BOOST_TEST(said.find("problem") != std::string::npos);
    BOOST_TEST(said.find("got yes") != std::string::npos);
    BOOST_TEST(here.child->reason->check<ProcessDone>());
  }
  {
    Here here(backend);
    here.child->onData = [](Child& child, int) { child.transport().loseConnection(); };
    here.shell("echo ready; exec sleep 60", {.env = inheritEnvironment, .usePTY = true});
    here.untilEnded();
    BOOST_TEST(here.child->signal() == SIGHUP);
    BOOST_TEST(std::count(here.child->events.begin(), here.child->events.end(), "lost 1") == 1);
  }
  BOOST_TEST(openDescriptors() == before);
}

BOOST_DATA_TEST_CASE(exceptions_are_logged_and_close_the_pipe_they_are_about, data::make(backends()), backend) {  // B28
  {
    LogCapture log;
    Here here(backend);
    here.child->onMade = [](Child&) { throw std::runtime_error("not today"); };
    here.spawn("cat", {"cat"});
    here.untilEnded();  // its input was closed
    BOOST_TEST(log.count("not today") == 1);
  }
  {
    LogCapture log;
    Here here(backend);
    here.child->onData = [](Child& child, int) {
      child.onData = nullptr;
      throw std::runtime_error("cannot read this");
    };
    here.shell("echo one; echo two >&2");
    here.untilEnded();
    BOOST_TEST(log.count("cannot read this") == 1);
    BOOST_TEST(here.child->events.back() == "ended");
  }
}

BOOST_DATA_TEST_CASE(the_end_of_the_reactor_leaves_no_child_and_no_zombie,
                     data::make(backends()) * data::make({false, true}), backend, withoutPidFd) {
  const WithoutPidFd fallback(withoutPidFd);
  const auto child = std::make_shared<Child>();
  const auto left = std::make_shared<Child>();
  int killed = 0;
  int stays = 0;
  Ref<ProcessTransport> transport;
  bool cancelled = false;
  Promise<void> keptUnfired;
  {
    auto reactor = makeReactor(backend);
    child->onMade = [&](Child& it) {
      Deferred<void> never([&] { cancelled = true; });
      keptUnfired = never.promise();
      it.track(std::move(never)).addErrback([](Failure) {});
    };
    transport = reactor->spawnProcess(child, "sleep", {"sleep", "60"}, {.env = inheritEnvironment});
    killed = *transport->pid();
    stays = *reactor
                 ->spawnProcess(left, "sleep", {"sleep", "60"},
                                {.env = inheritEnvironment, .whenReactorEnds = ProcessOptions::AtEnd::leave})
                 ->pid();
  }
  BOOST_TEST(child->signal() == SIGKILL);
  BOOST_TEST(child->events == (std::vector<std::string>{"made", "lost 0", "lost 1", "lost 2", "exited", "ended"}));
  BOOST_TEST(cancelled);
  BOOST_TEST(!isZombieOrAlive(killed));
  BOOST_TEST(left->reason->check<ConnectionLost>());
  BOOST_TEST(!left->exitReason);
  BOOST_TEST(isZombieOrAlive(stays));
  ::kill(stays, SIGKILL);
  while (isZombieOrAlive(stays)) std::this_thread::yield();  // ends only if somebody reaps it
  transport->write("into nothing");
  transport->abortConnection();
}

BOOST_DATA_TEST_CASE(children_that_are_not_ours_are_left_alone, data::make(backends()) * data::make({false, true}),
                     backend, withoutPidFd) {
  const WithoutPidFd fallback(withoutPidFd);
  struct sigaction mine{};
  struct sigaction before{};
  mine.sa_handler = countChild;
  ::sigaction(SIGCHLD, &mine, &before);
  othersChildSignals = 0;
  const pid_t foreign = ::fork();
  if (foreign == 0) ::_exit(9);
  {
    Here here(backend);
    here.shell("exit 4");
    here.untilEnded();
    BOOST_TEST(here.child->code() == 4);
  }
  int status = 0;
  BOOST_TEST(::waitpid(foreign, &status, 0) == foreign);
  BOOST_TEST(WEXITSTATUS(status) == 9);
  BOOST_TEST(othersChildSignals >= 1);  // somebody else's action for SIGCHLD was called all the same
  struct sigaction now{};
  ::sigaction(SIGCHLD, &before, &now);
  BOOST_TEST((now.sa_handler == countChild));
}

BOOST_DATA_TEST_CASE(a_child_that_somebody_else_has_waited_for_still_ends, data::make(backends()), backend) {
  Here here(backend);
  const auto transport = here.shell("exit 5");
  BOOST_TEST(::waitpid(*transport->pid(), nullptr, 0) == *transport->pid());
  here.untilEnded();
  BOOST_TEST(!here.child->reason->get<ProcessTerminated>()->exitCode());
  BOOST_TEST(!here.child->reason->get<ProcessTerminated>()->status());
}

BOOST_DATA_TEST_CASE(reactors_in_several_threads_have_children_at_once, data::make({false, true}), withoutPidFd) {
  const WithoutPidFd fallback(withoutPidFd);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (const auto& backend : backends()) {
    threads.emplace_back([&right, backend] {
      auto reactor = makeReactor(backend);
      int left = 5;
      for (int i = 1; i <= 5; ++i) {
        auto child = std::make_shared<Child>();
        child->onEnded = [&, i](Child& it) {
          right += it.code() == i;
          if (--left == 0) reactor->stop();
        };
        reactor->callWhenRunning([&reactor, child, i] {
          reactor->spawnProcess(child, "/bin/sh", {"sh", "-c", "exit " + std::to_string(i)});
        });
      }
      reactor->run();
    });
  }
  for (auto& each : threads) each.join();
  BOOST_TEST(right == static_cast<int>(5 * backends().size()));
}

BOOST_DATA_TEST_CASE(root_may_choose_the_user, data::make(backends()), backend) {  // B62
  if (::getuid() != 0) return;
  {
    Here here(backend);
    here.shell("id -u; id -g; id -G; kill -0 1 2>&1 || echo refused",
               {.env = inheritEnvironment, .uid = 65534U, .gid = 65534U});
    here.untilEnded();
    BOOST_TEST(here.child->bytes[1].starts_with("65534\n65534\n65534\n"));
    BOOST_TEST(here.child->bytes[1].find("refused") != std::string::npos);
  }
  Here here(backend);
  BOOST_CHECK_THROW(here.shell("true", {.uid = 3'999'999'999U}), std::invalid_argument);
}

// B37, E5
BOOST_AUTO_TEST_CASE(every_function_of_a_child_s_transport_is_caught_in_another_thread) {
  Here here("default");
  dynamic_cast<detail::ReactorBase&>(*here.reactor).setThrowsInWrongThread(true);
  const auto transport = here.spawn("cat", {"cat"});
  const std::vector<std::function<void()>> calls{
      [&] { transport->write("x"); },
      [&] { transport->writeSequence({"x", "y"}); },
      [&] { transport->writeToChild(0, "x"); },
      [&] { transport->drained(); },
      [&] { transport->setWriteBufferLimits(2, 1); },
      [&] { transport->setMaxWriteBuffer(2); },
      [&] { transport->setGracefulLimit(1s); },
      [&] { transport->unregisterProducer(); },
      [&] { transport->closeStdin(); },
      [&] { transport->loseConnection(); },
      [&] { transport->abortConnection(); },
      [&] { transport->pauseProducing(); },
      [&] { transport->resumeProducing(); },
      [&] { transport->signalProcess(SIGTERM); },
      [&] { transport->setWindowSize({}); },
  };
  std::size_t caught = 0;
  std::thread([&] {
    for (const auto& call : calls) {
      try {
        call();
      } catch (const WrongThread&) {
        ++caught;
      }
    }
  }).join();
  BOOST_TEST(caught == calls.size());
  transport->write("all is well");
  transport->closeStdin();
  here.untilEnded();
  BOOST_TEST(here.child->bytes[1] == "all is well");
}

BOOST_AUTO_TEST_SUITE_END()
