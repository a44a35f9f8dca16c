#include <bight/errors.hpp>

#include <cstdio>

namespace bight {

namespace {

std::string inSeconds(std::chrono::nanoseconds limit) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(limit).count());
  return text;
}

}  // namespace

NoCurrentExceptionError::NoCurrentExceptionError()
    : std::logic_error(
          "bight: a Failure without arguments wraps the exception being handled, but none is: give it one") {}

CancelledError::CancelledError() : CancelledError("cancelled") {}
CancelledError::CancelledError(const std::string& what) : std::runtime_error(what) {}

TimeoutError::TimeoutError(std::chrono::nanoseconds limit, const std::string& what)
    : std::runtime_error(what + " timed out after " + inSeconds(limit)), limit_(limit) {}
TimeoutError::TimeoutError(const std::string& what) : std::runtime_error(what) {}

AbandonedError::AbandonedError()
    : std::runtime_error(
          "the last Promise of this Deferred died without firing it (whoever shall fire it keeps a Promise, taken "
          "before "
          "the Deferred is returned or awaited)") {}

}  // namespace bight
