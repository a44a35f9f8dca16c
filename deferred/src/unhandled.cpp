#include <bight/unhandled.hpp>

#include <cstdio>
#include <memory>
#include <mutex>

#include <bight/errors.hpp>

#include "failure_text.hpp"
#include "watch.hpp"

namespace bight {

namespace {

struct Hook {
  std::mutex mutex;
  std::shared_ptr<UnhandledFailureHook> hook;
};

Hook& installed() {
  static Hook* const hook = new Hook;  // never destroyed: failures may still be reported while the process ends
  return *hook;
}

std::string place(std::source_location at) {
  return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

std::string described(const UnhandledFailure& unhandled, bool coloured) {
  std::string text(unhandled.context);
  text += ":\n" + detail::tracebackOf(unhandled.failure, Failure::Detail::normal, coloured);
  if (!unhandled.failure.path().empty()) return text;  // which tells that too
  if (*unhandled.created.file_name()) text += "  Deferred created at " + place(unhandled.created) + "\n";
  if (*unhandled.fired.file_name()) text += "  fired at " + place(unhandled.fired) + "\n";
  return text;
}

void printOnStderr(const UnhandledFailure& unhandled) noexcept {
  if (unhandled.failure.check<CancelledError>()) return;
  try {
    const std::string text = described(unhandled, detail::wantsColours(stderr));
    std::fwrite(text.data(), 1, text.size(), stderr);
  } catch (...) {
    std::fputs("bight: an unhandled error could not be described\n", stderr);
  }
}

}  // namespace

UnhandledFailureHook setUnhandledFailureHook(UnhandledFailureHook hook) {
  std::shared_ptr<UnhandledFailureHook> next;
  if (hook) next = std::make_shared<UnhandledFailureHook>(std::move(hook));
  const std::lock_guard lock(installed().mutex);
  installed().hook.swap(next);
  return next ? std::move(*next) : UnhandledFailureHook();
}

std::string describe(const UnhandledFailure& unhandled) {
  return described(unhandled, false);
}

void detail::reportUnhandled(const UnhandledFailure& unhandled) noexcept {
  countUnhandled();
  try {
    std::shared_ptr<UnhandledFailureHook> hook;
    {
      const std::lock_guard lock(installed().mutex);
      hook = installed().hook;
    }
    if (hook) {
      (*hook)(unhandled);
      return;
    }
  } catch (...) {  // the hook failed: better twice than never
  }
  printOnStderr(unhandled);
}

}  // namespace bight
