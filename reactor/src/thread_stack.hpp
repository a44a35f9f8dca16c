/// @file
/// Internal: the stack of another thread.
#pragma once

#include <string>
#include <vector>

namespace bight::detail {

class Vitals;

/// What a line says in the place of a name that is not to be had.
inline constexpr char namelessFunction[] = "a function without a name";

/// Keeps an action installed for a signal, as long as it or another one for the same signal lives: the one that writes
/// down the stack of the thread that gets it.
class StackSignal {
 public:
  /// @throws std::invalid_argument if there is no such signal; std::logic_error if it has an action already
  explicit StackSignal(int number);
  ~StackSignal();
  StackSignal(const StackSignal&) = delete;
  StackSignal& operator=(const StackSignal&) = delete;

  /// What the thread in the loop is doing, a line for each function, the innermost first. Empty if there is none, or it
  /// does not answer within a second. One at a time in the process; the others wait.
  std::vector<std::string> ask(Vitals& vitals) const;

 private:
  const int number_;
};

/// Whether a StackSignal has its action installed for this signal.
bool isStackSignal(int number);

}  // namespace bight::detail
