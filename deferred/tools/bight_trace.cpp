// bight-trace: runs a program with tracing on, and shows what its Deferreds did.
//
// All the work is done by the library in that program, which reads BIGHT_TRACE_OUT: see trace_process.cpp. This one chooses
// the file, waits, and says where the report is.
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

extern char** environ;

namespace {

constexpr int usageError = 2;
constexpr int notExecutable = 126;
constexpr int notFound = 127;

constexpr const char* usage =
    "usage: bight-trace [options] [--] PROGRAM [arguments...]\n"
    "\n"
    "Runs a program that was built with bight, and reports what its Deferreds did.\n"
    "\n"
    "  -o, --output FILE   write the report there (- is standard output, after the program's own). Without it, it goes "
    "to\n"
    "                      a file in the directory for temporary ones, and is opened if there is a display\n"
    "  -f, --format KIND   html (a page that replays it; as it comes), svg, text, json or mermaid. Without it, the "
    "ending of\n"
    "                      FILE tells\n"
    "      --events N      keep the first N events of each thread (2000)\n"
    "      --stacks        note the stack of every throw, too\n"
    "      --no-open       only say where the report is\n"
    "  -h, --help          this text\n"
    "\n"
    "The exit status is that of the program, and 128 and the signal's number if a signal has ended it; 127 and 126 if "
    "it\n"
    "could not be started, 2 for options that are wrong, 1 if it succeeded and nothing was recorded.\n";

struct Options {
  std::string output;
  std::string format;
  std::string events;
  bool stacks = false;
  bool open = true;
  std::vector<char*> program;
};

int misuse(const std::string& sentence) {
  std::fprintf(stderr, "bight-trace: %s (bight-trace --help tells what there is)\n", sentence.c_str());
  return usageError;
}

struct Kind {
  std::string_view name;
  std::string_view ending;
};
constexpr Kind kinds[] = {{"html", ".html"}, {"svg", ".svg"}, {"text", ".txt"}, {"json", ".json"}, {"mermaid", ".mmd"}};

std::string_view endingOf(std::string_view format) {
  for (const Kind& kind : kinds) {
    if (kind.name == format) return kind.ending;
  }
  return {};
}

/// The status to end with, or none: go on.
std::optional<int> parse(int argc, char** argv, Options& options) {
  int i = 1;
  const auto value = [&](std::string_view shortName, std::string_view longName, std::string& to) {
    const std::string_view word = argv[i];
    if (word == shortName || word == longName) {
      if (i + 1 >= argc) return false;
      to = argv[++i];
      return true;
    }
    if (word.starts_with(longName) && word.size() > longName.size() && word[longName.size()] == '=') {
      to = word.substr(longName.size() + 1);
      return true;
    }
    return false;
  };
  for (; i < argc && argv[i][0] == '-' && argv[i][1]; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") {
      ++i;
      break;
    }
    if (word == "-h" || word == "--help") {
      std::fputs(usage, stdout);
      return 0;
    }
    if (word == "--stacks") {
      options.stacks = true;
    } else if (word == "--no-open") {
      options.open = false;
    } else if (!value("-o", "--output", options.output) && !value("-f", "--format", options.format) &&
               !value("--events", "--events", options.events)) {
      return misuse("'" + std::string(word) + "' is no option, or needs a value");
    }
  }
  options.program.assign(argv + i, argv + argc);
  if (options.program.empty()) return misuse("which program?");
  options.program.push_back(nullptr);
  if (!options.format.empty() && endingOf(options.format).empty())
    return misuse("there is no format '" + options.format + "': there are html, svg, text, json and mermaid");
  if (options.events.find_first_not_of("0123456789") != std::string::npos || options.events.size() > 7)
    return misuse("--events wants a number of at most seven digits, and not '" + options.events + "'");
  return std::nullopt;
}

/// A fresh directory of ours, so that the file has no name that somebody else could have taken.
std::string temporaryDirectory() {
  const char* const where = std::getenv("TMPDIR");
  std::string name = std::string(where && *where ? where : "/tmp") + "/bight-trace-XXXXXX";
  return mkdtemp(name.data()) ? name : std::string();
}

pid_t child = 0;

void passOn(int number) {
  if (child > 0) kill(child, number);
}

/// Starts it, and waits. The status, as a shell gives it; or none if it could not be started: then `error` is why.
std::optional<int> run(const Options& options, int& error) {
  error = posix_spawnp(&child, options.program[0], nullptr, nullptr, options.program.data(), environ);
  if (error != 0) return std::nullopt;
  // The terminal gives Ctrl-C to both; what ends us alone is for the program. It may want to end in good order.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGQUIT, SIG_IGN);
  struct sigaction forward{};
  forward.sa_handler = &passOn;
  for (const int number : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaction(number, &forward, nullptr);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool copyToStandardOutput(const std::string& name) {
  std::FILE* const file = std::fopen(name.c_str(), "re");
  if (!file) return false;
  char piece[65536];
  for (std::size_t size = 0; (size = std::fread(piece, 1, sizeof piece, file)) > 0;)
    std::fwrite(piece, 1, size, stdout);
  std::fclose(file);
  return std::fflush(stdout) == 0;
}

bool hasDisplay() {
  const auto set = [](const char* name) {
    const char* const value = std::getenv(name);
    return value && *value;
  };
  return set("DISPLAY") || set("WAYLAND_DISPLAY");
}

void open(const std::string& file) {
  const char* const words[] = {"xdg-open", file.c_str(), nullptr};
  pid_t opener = 0;
  if (posix_spawnp(&opener, words[0], nullptr, nullptr, const_cast<char* const*>(words), environ) == 0)
    waitpid(opener, nullptr, 0);
}

/// What is to be traced, and how, is in the environment of the program.
void tell(const Options& options, const std::string& file) {
  setenv("BIGHT_TRACE_OUT", file.c_str(), 1);
  if (!options.events.empty()) setenv("BIGHT_TRACE_EVENTS", options.events.c_str(), 1);
  if (!options.stacks) return;
  const char* const before = std::getenv("BIGHT_TRACE");
  setenv("BIGHT_TRACE", before && *before ? (std::string(before) + ",stacks").c_str() : "stacks", 1);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const auto end = parse(argc, argv, options)) return *end;

  const bool toOutput = options.output == "-";
  const bool chosen = !options.output.empty() && !toOutput;
  std::string directory;
  std::string file = options.output;
  if (!chosen) {
    directory = temporaryDirectory();
    if (directory.empty()) {
      std::fprintf(stderr, "bight-trace: no temporary file can be made: %s\n", std::strerror(errno));
      return usageError;
    }
    file = directory + "/trace" +
           std::string(endingOf(!options.format.empty() ? options.format
                                : toOutput              ? "text"
                                                        : "html"));
  }
  // The library knows the kind by the ending.
  const std::string written = chosen && !options.format.empty() && !file.ends_with(endingOf(options.format))
                                  ? file + std::string(endingOf(options.format))
                                  : file;
  unlink(written.c_str());  // what an earlier program has left there
  if (char* const absolute = written.starts_with('/') ? nullptr : getcwd(nullptr, 0)) {
    tell(options, std::string(absolute) + "/" + written);  // it may change its directory
    std::free(absolute);
  } else {
    tell(options, written);
  }

  const auto leave = [&](int status) {
    if (!directory.empty() && (toOutput || access(written.c_str(), F_OK) != 0)) {
      unlink(written.c_str());
      rmdir(directory.c_str());
    }
    return status;
  };
  int error = 0;
  const std::optional<int> status = run(options, error);
  if (!status) {
    std::fprintf(stderr, "bight-trace: %s cannot be started: %s\n", options.program[0], std::strerror(error));
    return leave(error == ENOENT ? notFound : notExecutable);
  }
  struct stat found{};
  if (stat(written.c_str(), &found) != 0) {
    std::string why = "it was not built with bight, or did not end by itself";
    if (*status > 128)
      why = std::string("it was ended by signal ") + std::to_string(*status - 128) + " (" + strsignal(*status - 128) +
            ")";
    std::fprintf(stderr, "bight-trace: nothing was recorded of %s: %s\n", options.program[0], why.c_str());
    return leave(*status == 0 ? 1 : *status);
  }
  if (toOutput) {
    const bool copied = copyToStandardOutput(written);
    return leave(*status != 0 || copied ? *status : 1);
  }
  if (chosen && written != file && rename(written.c_str(), file.c_str()) != 0) file = written;
  std::fprintf(stderr, "bight-trace: the report is in %s\n", file.c_str());
  if (!chosen && options.open && hasDisplay()) open(file);
  return *status;
}
