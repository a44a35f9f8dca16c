#include <bight/file_watcher.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bight/reactor.hpp>
#include <bight/testing.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "backends.hpp"
#include "change_gatherer.hpp"

namespace bight {
std::ostream& operator<<(std::ostream& out, const FileChange& change) {
  return out << static_cast<int>(change.kind) << ' ' << change.path << (change.from.empty() ? "" : " from ")
             << change.from;
}
}  // namespace bight

BOOST_AUTO_TEST_SUITE(FileWatcherTest)

using namespace bight;
using namespace std::chrono_literals;
using bight::tests::backends;
namespace data = boost::unit_test::data;
using Kind = FileChange::Kind;

struct Here {
  explicit Here(const std::string& backend) : reactor(makeReactor(backend)) {
    char name[] = "/tmp/bight-watch-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name) != nullptr);
    directory = name;
    watcher =
        std::make_unique<FileWatcher>(*reactor, [this](const FileChange& change) { changes.push_back(change); }, 1ms);
  }
  ~Here() { BOOST_TEST(std::system(("rm -rf " + directory).c_str()) == 0); }
  std::string at(const std::string& name) const { return directory + "/" + name; }
  void put(const std::string& name, const std::string& text) const {
    std::FILE* file = std::fopen(at(name).c_str(), "a");
    BOOST_REQUIRE(file);
    std::fputs(text.c_str(), file);
    std::fclose(file);
  }
  /// Turns until `count` changes have been told, and returns them.
  std::vector<FileChange> told(std::size_t count) {
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (changes.size() < count) {
      if (std::chrono::steady_clock::now() > limit) BOOST_FAIL("what the test waits for does not happen");
      reactor->iterate(20ms);
    }
    return std::exchange(changes, {});
  }

  std::unique_ptr<Reactor> reactor;
  std::string directory;
  std::unique_ptr<FileWatcher> watcher;
  std::vector<FileChange> changes;
};

BOOST_AUTO_TEST_CASE(changes_of_one_path_are_joined) {
  detail::ChangeGatherer gatherer;
  const auto of = [&](const std::vector<FileChange>& all) {
    for (const auto& each : all) gatherer.add(each);
    return gatherer.take();
  };
  using All = std::vector<FileChange>;
  const auto check = [](const All& got, const All& wanted) {
    BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
  };
  check(of({{Kind::created, "a"}, {Kind::modified, "a"}, {Kind::attributes, "a"}}), {{Kind::created, "a"}});
  check(of({{Kind::created, "a"}, {Kind::modified, "b"}, {Kind::removed, "a"}}), {{Kind::modified, "b"}});
  check(of({{Kind::modified, "a"}, {Kind::modified, "b"}, {Kind::modified, "a"}}),
        {{Kind::modified, "a"}, {Kind::modified, "b"}});
  check(of({{Kind::attributes, "a"}, {Kind::modified, "a"}, {Kind::removed, "a"}}), {{Kind::removed, "a"}});
  check(of({{Kind::removed, "a"}, {Kind::created, "a"}}), {{Kind::removed, "a"}, {Kind::created, "a"}});
  check(of({{Kind::renamed, "b", "a"}, {Kind::modified, "b"}}), {{Kind::renamed, "b", "a"}, {Kind::modified, "b"}});
  check(of({{Kind::created, "a"}, {Kind::renamed, "b", "a"}, {Kind::removed, "a"}}),
        {{Kind::created, "b"}, {Kind::removed, "a"}});
  check(of({{Kind::created, "a"}, {Kind::removed, "b"}, {Kind::modified, "a"}, {Kind::renamed, "b", "a"}}),
        {{Kind::removed, "b"}, {Kind::created, "b"}});
  check(of({{Kind::created, "a.1"}, {Kind::renamed, "a", "a.1"}, {Kind::created, "a.2"}, {Kind::renamed, "a", "a.2"}}),
        {{Kind::created, "a"}});
  check(of({{Kind::created, "a"}, {Kind::renamed, "b", "a"}, {Kind::renamed, "c", "b"}}), {{Kind::created, "c"}});
  check(of({{Kind::modified, "a"}, {Kind::overflow, ""}, {Kind::modified, "b"}}),
        {{Kind::overflow, ""}, {Kind::modified, "b"}});
  gatherer.add({Kind::modified, "d/x"});
  gatherer.add({Kind::modified, "dx"});
  gatherer.forget("d");
  check(gatherer.take(), {{Kind::modified, "dx"}});
}

#ifdef __linux__

BOOST_DATA_TEST_CASE(what_happens_in_a_directory_is_told, data::make(backends()), backend) {
  Here here(backend);
  here.watcher->watch(here.directory);
  here.put("one", "x");
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::created, here.at("one")}}));
  for (int i = 0; i < 100; ++i) here.put("one", "more");
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::modified, here.at("one")}}));
  BOOST_TEST(::chmod(here.at("one").c_str(), 0600) == 0);
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::attributes, here.at("one")}}));
  BOOST_TEST(std::rename(here.at("one").c_str(), here.at("two").c_str()) == 0);
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::renamed, here.at("two"), here.at("one")}}));
  here.put("short", "lived");
  BOOST_TEST(::unlink(here.at("short").c_str()) == 0);
  BOOST_TEST(std::rename(here.at("two").c_str(), (here.directory + "-away").c_str()) == 0);
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::removed, here.at("two")}}));
  BOOST_TEST(std::rename((here.directory + "-away").c_str(), here.at("back").c_str()) == 0);
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::created, here.at("back")}}));
}

BOOST_DATA_TEST_CASE(a_watched_thing_that_goes_is_told_and_unwatched, data::make(backends()), backend) {
  Here here(backend);
  here.put("file", "x");
  here.put("other", "x");
  here.watcher->watch(here.at("file"));
  here.watcher->watch(here.at("file"));
  here.watcher->watch(here.at("other"));
  BOOST_TEST(here.watcher->watches(here.at("file")));
  here.put("file", "y");
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::modified, here.at("file")}}));
  BOOST_TEST(::unlink(here.at("file").c_str()) == 0);
  BOOST_TEST(here.told(1).back() == (FileChange{Kind::unwatched, here.at("file")}));
  BOOST_TEST(!here.watcher->watches(here.at("file")));
  BOOST_TEST(std::rename(here.at("other").c_str(), here.at("elsewhere").c_str()) == 0);
  BOOST_TEST(here.told(1).back() == (FileChange{Kind::unwatched, here.at("other")}));
  here.put("elsewhere", "nobody hears this");
  here.put("file", "a new one");
  here.watcher->watch(here.at("file"));
  here.put("file", "y");
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::modified, here.at("file")}}));
  BOOST_CHECK_THROW(here.watcher->watch(here.at("no")), std::system_error);
}

BOOST_DATA_TEST_CASE(unwatched_and_destroyed_watchers_are_silent, data::make(backends()), backend) {
  testing::LogCapture log;
  Here here(backend);
  here.put("file", "x");
  here.watcher->watch(here.at("file"));
  here.watcher->watch(here.directory);
  here.put("file", "y");
  here.watcher->unwatch(here.at("file"));
  here.watcher->unwatch(here.at("file"));
  for (const auto& each : here.told(1)) BOOST_TEST(each == (FileChange{Kind::modified, here.at("file")}));
  // Not even what was gathered together with the change that made somebody unwatch.
  int told = 0;
  FileWatcher third(
      *here.reactor,
      [&](const FileChange&) {
        ++told;
        third.unwatch(here.directory);
      },
      1ms);
  third.watch(here.directory);
  here.watcher->watch(here.directory);
  for (const char* name : {"1", "2", "3"}) here.put(name, "x");
  here.told(3);
  for (int i = 0; i < 5; ++i) here.reactor->iterate(2ms);
  here.changes.clear();
  BOOST_TEST(told == 1);
  // One that destroys its watcher hears no more, and what it throws is logged.
  int heard = 0;
  std::unique_ptr<FileWatcher> another;
  another = std::make_unique<FileWatcher>(
      *here.reactor,
      [&](const FileChange&) {
        ++heard;
        another.reset();
        throw std::runtime_error("enough");
      },
      0s);
  another->watch(here.directory);
  here.put("a", "x");
  here.put("b", "x");
  here.told(2);
  BOOST_TEST(heard == 1);
  BOOST_TEST(log.count("enough") == 1);
}

BOOST_AUTO_TEST_CASE(more_than_the_system_keeps_is_an_overflow) {
  Here here("default");
  here.put("a", "x");
  here.put("b", "x");
  here.watcher->watch(here.directory);
  int limit = 0;
  std::FILE* file = std::fopen("/proc/sys/fs/inotify/max_queued_events", "r");
  if (file) BOOST_TEST(std::fscanf(file, "%d", &limit) == 1);
  if (file) std::fclose(file);
  if (limit == 0 || limit > 50'000) return;
  for (int i = 0; i <= limit; ++i) ::chmod(here.at(i % 2 ? "a" : "b").c_str(), 0600);
  std::size_t told = 0;
  for (bool over = false; !over;) {
    for (const auto& each : here.told(1)) ++told, over = each.kind == Kind::overflow;
  }
  BOOST_TEST(told < 500U);  // joined, not one by one
  here.put("a", "y");
  BOOST_TEST(here.told(1) == (std::vector<FileChange>{{Kind::modified, here.at("a")}}));
}

#endif

BOOST_AUTO_TEST_SUITE_END()
