/// @file
/// A child process that is not there: what `MemoryReactor::spawnProcess` gives, for the test to play the child.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bight/process.hpp>
#include <bight/testing/string_transport.hpp>

namespace bight::testing {

/// Remembers how it was started and what was done to it, and does what the test says.
///
/// ```cpp
/// auto child = reactor.processes().at(0);
/// BOOST_TEST(child->executable() == "git");
/// child->output(1, "v1.2\n");
/// child->exit(0);
/// ```
class BIGHT_API MemoryProcess final : public ProcessTransport {
 public:
  MemoryProcess(std::shared_ptr<ProcessProtocol> protocol, std::string executable, std::vector<std::string> args,
                ProcessOptions options);

  const std::string& executable() const noexcept { return executable_; }
  const std::vector<std::string>& args() const noexcept { return args_; }
  const ProcessOptions& options() const noexcept { return options_; }
  /// Every signal that was sent to it.
  const std::vector<int>& signals() const noexcept { return signals_; }
  /// What was written to one of its descriptors.
  std::string written(int childFd = 0) const { return inputs_.at(childFd)->value(); }
  /// The transport of what is written to one of its descriptors: `block()` makes the child slow.
  StringTransport& input(int childFd = 0) const { return *inputs_.at(childFd); }
  /// Whether one of its pipes is open.
  bool isOpen(int childFd) const { return open_.count(childFd) != 0; }
  bool readingPaused() const noexcept { return paused_; }

  /// The child writes. @throws std::logic_error if that pipe is not open
  void output(int childFd, std::string_view data);
  /// The child closes one of its pipes.
  void close(int childFd);
  /// The child exits, and with it its pipes are closed. @throws std::logic_error if it has ended
  void exit(int code);
  /// A signal ends it.
  void die(int signal);

  // ProcessTransport
  std::optional<int> pid() const noexcept override { return ended_ ? std::nullopt : std::optional<int>(12345); }
  void writeToChild(int childFd, std::string_view data) override;
  void closeChildFD(int childFd) override;
  void closeStdin() override { close(0); }
  void closeStdout() override { close(1); }
  void closeStderr() override { close(2); }
  using ProcessTransport::signalProcess;
  void signalProcess(int signal) override;
  void setWindowSize(WindowSize size) override { options_.windowSize = size; }

  // Transport
  void write(std::string_view data) override;
  void writeSequence(std::span<const std::string_view> pieces) override;
  std::size_t writeBufferSize() const noexcept override;
  Deferred<void> drained() override;
  void setWriteBufferLimits(std::size_t high, std::size_t low) override;
  void setMaxWriteBuffer(std::size_t bytes) override;
  void registerProducer(std::shared_ptr<PushProducer> producer) override;
  void registerProducer(std::shared_ptr<PullProducer> producer) override;
  void unregisterProducer() override;
  void loseConnection() override;
  void setGracefulLimit(std::chrono::nanoseconds) override {}
  void loseWriteConnection() override { closeStdin(); }
  void abortConnection() override;
  bool connected() const noexcept override { return !ended_; }
  bool disconnecting() const noexcept override { return ended_ || closing_; }
  void pauseProducing() override { paused_ = true; }
  void resumeProducing() override { paused_ = false; }
  Address getHost() const override { return ProcessAddress(); }
  Address getPeer() const override { return ProcessAddress(); }

 private:
  ~MemoryProcess() override;
  void end(const Failure& reason);
  StringTransport* standardInput() const;

  std::shared_ptr<ProcessProtocol> protocol_;
  std::string executable_;
  std::vector<std::string> args_;
  ProcessOptions options_;
  std::map<int, Ref<StringTransport>> inputs_;
  std::map<int, bool> open_;  // pipes; true: we write to it
  std::vector<int> signals_;
  bool paused_ = false;
  bool closing_ = false;
  bool ended_ = false;
};

}  // namespace bight::testing
