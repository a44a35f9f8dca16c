#include <bight/process.hpp>

#include <signal.h>
#include <sys/wait.h>

#include <cstring>
#include <string>
#include <system_error>

#include "signals.hpp"

namespace bight {

// ---- how they end ----

namespace {

std::string endText(std::optional<int> status) {
  if (!status) {
    return "A process has ended in a way that is not known: somebody else in this program has waited for it, or "
           "SIGCHLD "
           "is ignored.";
  }
  if (WIFSIGNALED(*status)) {
    return std::string("A process has ended by ") + detail::signalName(WTERMSIG(*status)) + ".";
  }
  return "A process has ended with exit code " + std::to_string(WEXITSTATUS(*status)) + ".";
}

}  // namespace

ProcessDone::ProcessDone()
    : std::runtime_error("A process has ended without apparent errors: process finished with exit code 0.") {}

ProcessTerminated::ProcessTerminated(std::optional<int> status) : std::runtime_error(endText(status)), status_(status) {
  if (!status) return;
  if (WIFSIGNALED(*status))
    signal_ = WTERMSIG(*status);
  else
    exitCode_ = WEXITSTATUS(*status);
}

ProcessExitedAlready::ProcessExitedAlready() : std::runtime_error("The process has ended already.") {}

SpawnError::SpawnError(const std::string& executable, const std::string& step, int osError, const std::string& hint)
    : std::runtime_error("Cannot start \"" + executable + "\": " + step + ": " +
                         std::generic_category().message(osError) + " (" + std::to_string(osError) + ")" +
                         (hint.empty() ? "." : "; " + hint + ".")),
      executable_(executable),
      osError_(osError) {}

// ---- descriptors ----

ChildFD::ChildFD(char letter) {
  if (letter == 'r')
    kind_ = Kind::parentReads;
  else if (letter == 'w')
    kind_ = Kind::parentWrites;
  else
    throw std::invalid_argument(std::string("a descriptor of a child is 'r' (we read), 'w' (we write) or the number of "
                                            "one of ours, not '") +
                                letter + "'");
}

ChildFD::ChildFD(int parentFd) : kind_(Kind::inherited), parentFd_(parentFd) {}

ChildFD ChildFD::null() noexcept {
  return ChildFD();
}

// ---- the transport and the protocol ----

ProcessTransport::~ProcessTransport() = default;

void ProcessTransport::signalProcess(std::string_view name) {
  signalProcess(detail::signalNumber(name));
}

ProcessProtocol::~ProcessProtocol() = default;

void ProcessProtocol::childDataReceived(int childFd, std::string_view data) {
  if (childFd == 1) outReceived(data);
  if (childFd == 2) errReceived(data);
}

void ProcessProtocol::childConnectionLost(int childFd) {
  if (childFd == 0) inConnectionLost();
  if (childFd == 1) outConnectionLost();
  if (childFd == 2) errConnectionLost();
}

void ProcessProtocol::makeConnection(ProcessTransport& transport) {
  transport_ = Ref<ProcessTransport>(&transport);
  connectionMade();
}

void ProcessProtocol::endProcess(const Failure& reason) {
  ended_ = true;
  struct Cancelling {
    CancelScope& scope;
    ~Cancelling() { scope.cancel(); }
  } const cancelling{scope_};
  processEnded(reason);
}

void ProcessProtocol::noTransport() {
  throw std::logic_error("a ProcessProtocol has a transport from connectionMade() on, and was asked for it before");
}

// ---- the reactor ----

namespace {
void needNoNul(const std::string& text, const char* what) {
  if (text.find('\0') == std::string::npos) return;
  throw std::invalid_argument(std::string("spawnProcess: there is a NUL byte in ") + what + ": \"" +
                              text.substr(0, text.find('\0')) + "\"; programs cannot be given one");
}
}  // namespace

Ref<ProcessTransport> ReactorProcess::spawnProcess(std::shared_ptr<ProcessProtocol> protocol,
                                                   const std::string& executable, std::vector<std::string> args,
                                                   const ProcessOptions& options) {
  if (!protocol) throw std::invalid_argument("spawnProcess needs a protocol, and got a null pointer");
  if (executable.empty()) throw std::invalid_argument("spawnProcess: the name of the program is empty");
  needNoNul(executable, "the name of the program");
  needNoNul(options.path, "the directory");
  for (const auto& each : args) needNoNul(each, "an argument");
  if (options.env) {
    for (const auto& [name, value] : *options.env) {
      needNoNul(name, "a variable's name");
      needNoNul(value, "a variable's value");
      if (name.empty() || name.find('=') != std::string::npos)
        throw std::invalid_argument("spawnProcess: \"" + name + "\" cannot be the name of an environment variable");
    }
  }
  for (const auto& [child, what] : options.childFDs) {
    if (child < 0 || child > 65535)
      throw std::invalid_argument("spawnProcess: a child has no descriptor " + std::to_string(child));
    if (what.kind() == ChildFD::Kind::inherited && what.parentFd() < 0)
      throw std::invalid_argument("spawnProcess: descriptor " + std::to_string(child) +
                                  " of the child cannot be our descriptor " + std::to_string(what.parentFd()));
  }
  return doSpawnProcess(std::move(protocol), executable, std::move(args), options);
}

Ref<Transport> ReactorProcess::connectDescriptors(std::shared_ptr<Protocol> protocol, int readFd, int writeFd) {
  if (!protocol) throw std::invalid_argument("connectDescriptors needs a protocol, and got a null pointer");
  if (readFd < 0 || writeFd < 0)
    throw std::invalid_argument("connectDescriptors: a descriptor is negative: " +
                                std::to_string(readFd < 0 ? readFd : writeFd));
  return doConnectDescriptors(std::move(protocol), readFd, writeFd);
}

}  // namespace bight
