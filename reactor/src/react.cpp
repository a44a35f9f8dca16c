#include <bight/react.hpp>

#include <cstddef>
#include <cstdio>
#include <memory>

#include <bight/log.hpp>
#include <bight/maybe_deferred.hpp>
#include <bight/unhandled.hpp>

namespace bight {

SystemExit::~SystemExit() = default;
const char* SystemExit::what() const noexcept {
  return "the program ends itself";
}

namespace detail {
namespace {

/// What outlives a program's run: its Deferred may fire when the reactor is destroyed, long after the exit status is
/// known.
struct Program {
  int code = 0;
  bool ending = false;  // the reactor shuts down, or has done so
};

void failed(Program& program, const Failure& failure) {
  if (const auto* exit = failure.get<SystemExit>()) {
    program.code = exit->code();
    return;
  }
  Logger("bight.react").failure("main function encountered error", failure);
  program.code = 1;
}

}  // namespace

int reactWith(Reactor& reactor, Function<Deferred<void>()> main) noexcept {
  try {
    const auto program = std::make_shared<Program>();
    reactor.addSystemEventTrigger(Phase::before, "shutdown", [program] { program->ending = true; });
    const auto end = [program, &reactor] {
      if (program->ending) return;
      reactor.callWhenRunning([&reactor] {
        try {
          reactor.stop();
        } catch (const ReactorNotRunning&) {
          // It was stopped in the same turn.
        }
      });
      program->ending = true;
    };
    maybeDeferred([&] { return main(); })
        .addErrback([program](Failure failure) {
          if (!program->ending) failed(*program, failure);
        })
        .addCallback(end);
    reactor.run();
    program->ending = true;
    if (const std::size_t lost = failuresAtRest()) {
      Logger("bight.react").warn(std::to_string(lost) + " Deferreds still hold a failure that nobody has handled");
    }
    return program->code;
  } catch (...) {
    Logger("bight.react").failure("the reactor could not run", Failure());
    return 1;
  }
}

int reactWithOwnReactor(Function<Deferred<void>(Reactor&)> main) noexcept {
  std::unique_ptr<Reactor> reactor;
  try {
    reactor = makeReactor();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return reactWith(*reactor, [&] { return main(*reactor); });
}

}  // namespace detail
}  // namespace bight
