// Between fork and exec a child of a program with threads may only make system calls that are safe in a signal handler:
// so everything that takes memory (paths, argv, groups) is made ready before, and the child only walks through it.
//
// vfork, where it can be: the child borrows our memory until it has become the other program, so starting one costs the
// same however large we are. The thread that starts it waits that long. Switching the user needs a real fork: in a
// borrowed memory glibc would switch all threads of ours.
//
// No signal is lost, and none runs an action of ours in the child: all are blocked from before the fork until every
// action is the default one; what has come meanwhile then does what it does to a fresh program (B66, B67).
//
// Failures come back through a pipe that closes by itself when exec succeeds: what was being done, and errno.
#include "spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <stdexcept>

#include "socket.hpp"

#ifdef __linux__
#include <sys/syscall.h>
#endif

extern char** environ;

namespace bight::detail {
namespace {

enum class Step : std::int32_t { descriptors, terminal, groups, gid, uid, directory, exec };

struct Report {
  Step step;
  std::int32_t error;
};

/// All that the child walks through.
struct Ready {
  std::vector<const char*> candidates;  // paths of the program, in the order in which they are tried
  std::vector<char*> argv;
  std::vector<char*> envp;
  char** environment;
  const char* directory;  // or null
  std::vector<SpawnFd> fds;
  int above;  // higher than any descriptor of the child
  int report;
  bool terminal;
  std::vector<gid_t> groups;
  std::optional<gid_t> gid;
  std::optional<uid_t> uid;
};

[[noreturn]] void giveUp(const Ready& ready, Step step) noexcept {
  const Report report{step, errno};
  static_cast<void>(!::write(ready.report, &report, sizeof report));
  ::_exit(127);
}

void closeOnExec(unsigned from, unsigned to) noexcept {
  if (from > to) return;
#if defined(__linux__) && defined(SYS_close_range)
  constexpr unsigned markOnly = 4;  // CLOSE_RANGE_CLOEXEC
  if (::syscall(SYS_close_range, from, to, markOnly) == 0) return;
#endif
  rlimit limit{};
  const unsigned end = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1048576
                           ? static_cast<unsigned>(limit.rlim_cur)
                           : 1048576;
  for (unsigned fd = from; fd <= to && fd < end; ++fd) ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC);
}

[[noreturn]] void becomeProgram(Ready& ready) noexcept {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  if (ready.terminal) {
    if (::setsid() < 0 || ::ioctl(ready.fds.front().source, TIOCSCTTY, 0) < 0) giveUp(ready, Step::terminal);
  }
  // Out of the way first, so that no descriptor is overwritten before it has been duplicated.
  if (ready.report < ready.above) {
    const int moved = ::fcntl(ready.report, F_DUPFD_CLOEXEC, ready.above);
    if (moved < 0) giveUp(ready, Step::descriptors);
    ready.report = moved;
  }
  for (SpawnFd& each : ready.fds) {
    if (each.source >= ready.above) continue;
    each.source = ::fcntl(each.source, F_DUPFD_CLOEXEC, ready.above);
    if (each.source < 0) giveUp(ready, Step::descriptors);
  }
  unsigned next = 0;
  for (const SpawnFd& each : ready.fds) {
    if (::dup2(each.source, each.child) < 0) giveUp(ready, Step::descriptors);
    if (static_cast<unsigned>(each.child) > next) closeOnExec(next, static_cast<unsigned>(each.child) - 1);
    next = static_cast<unsigned>(each.child) + 1;
  }
  closeOnExec(next, UINT_MAX);

  if (ready.gid || ready.uid) {
    if (::setgroups(ready.groups.size(), ready.groups.data()) < 0) giveUp(ready, Step::groups);
    if (ready.gid && ::setgid(*ready.gid) < 0) giveUp(ready, Step::gid);
    if (ready.uid && ::setuid(*ready.uid) < 0) giveUp(ready, Step::uid);
  }
  if (ready.directory && ::chdir(ready.directory) < 0) giveUp(ready, Step::directory);
  int refused = 0;
  for (const char* path : ready.candidates) {
    ::execve(path, ready.argv.data(), ready.environment);
    if (errno == EACCES) refused = EACCES;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) giveUp(ready, Step::exec);
  }
  if (refused) errno = refused;
  giveUp(ready, Step::exec);
}

/// A function of its own: what lies on its stack is shared with the child.
[[gnu::noinline]] pid_t borrow(Ready& ready) noexcept {
#ifdef __linux__
  // posix_spawn() has no terminals, no users and no word of which step failed. What a vfork child may do is what
  // becomeProgram() does.
  const pid_t pid = ::vfork();  // NOLINT(bugprone-unsafe-functions)
  if (pid == 0) becomeProgram(ready);
  return pid;
#else
  const pid_t pid = ::fork();
  if (pid == 0) becomeProgram(ready);
  return pid;
#endif
}

[[gnu::noinline]] pid_t copy(Ready& ready) noexcept {
  const pid_t pid = ::fork();
  if (pid == 0) becomeProgram(ready);
  return pid;
}

std::string systemPath() {
  const std::size_t size = ::confstr(_CS_PATH, nullptr, 0);
  if (size == 0) return "/bin:/usr/bin";
  std::string path(size, '\0');
  ::confstr(_CS_PATH, path.data(), path.size());
  path.resize(size - 1);
  return path;
}

/// Where the program may be.
std::vector<std::string> findCandidates(const SpawnPlan& plan, std::string& searched) {
  if (plan.executable.find('/') != std::string::npos) return {plan.executable};
  std::optional<std::string> path;
  if (!plan.options.env) {
    if (const char* ours = ::getenv("PATH")) path = ours;
  } else if (const auto found = plan.options.env->find("PATH"); found != plan.options.env->end()) {
    path = found->second;
  }
  searched = path ? *path : systemPath();
  std::vector<std::string> candidates;
  for (std::size_t begin = 0; begin <= searched.size();) {
    const std::size_t end = std::min(searched.find(':', begin), searched.size());
    const std::string directory = searched.substr(begin, end - begin);
    candidates.push_back((directory.empty() ? "." : directory) + "/" + plan.executable);
    begin = end + 1;
  }
  return candidates;
}

/// Who the child shall be.
void findUser(const ProcessOptions& options, Ready& ready) {
  if (!options.uid && !options.gid) return;
  if (options.uid) ready.uid = static_cast<uid_t>(*options.uid);
  if (options.gid) ready.gid = static_cast<gid_t>(*options.gid);
  std::string name;
  if (ready.uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> room(16384);
    if (::getpwuid_r(*ready.uid, &entry, room.data(), room.size(), &found) == 0 && found) {
      name = found->pw_name;
      if (!ready.gid) ready.gid = found->pw_gid;
    } else if (!ready.gid) {
      throw std::invalid_argument("spawnProcess: uid " + std::to_string(*ready.uid) +
                                  " is no user of this system; say which gid it shall have");
    }
  }
  if (name.empty()) {
    ready.groups = {*ready.gid};
    return;
  }
  int count = 64;
  ready.groups.resize(static_cast<std::size_t>(count));
  while (::getgrouplist(name.c_str(), *ready.gid, ready.groups.data(), &count) < 0) {
    ready.groups.resize(std::max(static_cast<std::size_t>(count), ready.groups.size() * 2));
    count = static_cast<int>(ready.groups.size());
  }
  ready.groups.resize(static_cast<std::size_t>(count));
}

std::string whatFailed(Step step, const SpawnPlan& plan) {
  switch (step) {
    case Step::descriptors:
      return "giving it its descriptors";
    case Step::terminal:
      return "giving it its terminal";
    case Step::groups:
      return "setting its groups";
    case Step::gid:
      return "setting its group " + std::to_string(plan.options.gid.value_or(0));
    case Step::uid:
      return "becoming user " + std::to_string(plan.options.uid.value_or(0));
    case Step::directory:
      return "changing into the directory \"" + plan.options.path + "\"";
    case Step::exec:
      break;
  }
  return "running it";
}

}  // namespace

pid_t spawn(const SpawnPlan& plan) {
  Ready ready{};
  std::string searched;
  const std::vector<std::string> candidates = findCandidates(plan, searched);
  for (const auto& each : candidates) ready.candidates.push_back(each.c_str());
  for (const auto& each : plan.args) ready.argv.push_back(const_cast<char*>(each.c_str()));
  if (ready.argv.empty()) ready.argv.push_back(const_cast<char*>(plan.executable.c_str()));
  ready.argv.push_back(nullptr);
  std::vector<std::string> variables;
  if (plan.options.env) {
    for (const auto& [name, value] : *plan.options.env) variables.emplace_back(name).append("=").append(value);
    for (auto& each : variables) ready.envp.push_back(each.data());
    ready.envp.push_back(nullptr);
    ready.environment = ready.envp.data();
  } else {
    ready.environment = environ;
  }
  ready.directory = plan.options.path.empty() ? nullptr : plan.options.path.c_str();
  ready.fds = plan.fds;
  ready.above = ready.fds.empty() ? 0 : ready.fds.back().child + 1;
  ready.terminal = plan.terminal;
  findUser(plan.options, ready);

  int ends[2];
#ifdef __linux__
  const bool opened = ::pipe2(ends, O_CLOEXEC) == 0;
#else
  const bool opened = ::pipe(ends) == 0;
  if (opened)
    for (const int fd : ends) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
  if (!opened) throw SpawnError(plan.executable, "opening a pipe to it", errno);
  const Descriptor reports(ends[0]);
  Descriptor reportTo(ends[1]);
  ready.report = reportTo.get();

  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ready.uid || ready.gid ? copy(ready) : borrow(ready);
  const int forkError = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) throw SpawnError(plan.executable, "making a new process", forkError);

  reportTo.reset();
  Report report{};
  ssize_t got;
  do got = ::read(reports.get(), &report, sizeof report);
  while (got < 0 && errno == EINTR);
  if (got != sizeof report) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::string hint;
  if (report.step == Step::exec) {
    if (!searched.empty()) hint = "looked for in " + searched;
    if (report.error == ENOEXEC) hint = "it is neither a program of this machine nor a script that begins with #!";
    if (report.error == ENOENT && searched.empty()) hint = "or the interpreter that its first line names is missing";
  }
  throw SpawnError(plan.executable, whatFailed(report.step, plan), report.error, hint);
}

}  // namespace bight::detail
