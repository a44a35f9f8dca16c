/// @file
/// Internal: a child of a reactor.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <bight/poller.hpp>
#include <bight/process.hpp>

#include "pipe.hpp"
#include "reactor_base.hpp"
#include "socket.hpp"

namespace bight::detail {

/// Between a child and its protocol; child_process.cpp tells how ends are noticed. Made with `makeRef`.
class ChildProcess final : public ProcessTransport, private PipeOwner, private Owned {
 public:
  ChildProcess(ReactorBase& reactor, std::shared_ptr<ProcessProtocol> protocol);
  ~ChildProcess() override;

  /// Opens what the child needs, starts it, and calls `connectionMade`.
  void start(const std::string& executable, const std::vector<std::string>& args, const ProcessOptions& options);
  /// A child has ended, perhaps this one.
  void reap() noexcept;

  // ProcessTransport
  std::optional<int> pid() const noexcept override;
  void writeToChild(int childFd, std::string_view data) override;
  void closeChildFD(int childFd) override;
  void closeStdin() override { closeIfThere(0); }
  void closeStdout() override { closeIfThere(1); }
  void closeStderr() override { closeIfThere(2); }
  void signalProcess(int signal) override;
  void setWindowSize(WindowSize size) override;

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
  void setGracefulLimit(Duration limit) override;
  void loseWriteConnection() override { closeStdin(); }
  void abortConnection() override;
  bool connected() const noexcept override { return !ended_; }
  bool disconnecting() const noexcept override { return ended_ || closing_; }
  void pauseProducing() override;
  void resumeProducing() override;
  Address getHost() const override { return ProcessAddress(); }
  Address getPeer() const override { return ProcessAddress(); }

 private:
  struct Pipe {
    int childFd = -1;
    std::unique_ptr<PipeReader> reader;
    std::unique_ptr<PipeWriter> writer;
    bool open() const noexcept { return (reader && reader->open()) || (writer && writer->open()); }
  };
  struct ChildEnds;

  void openPipes(const ProcessOptions& options, ChildEnds& ends);
  void openTerminal(const ProcessOptions& options, ChildEnds& ends);
  void watchEnd();
  void lookLater();
  void exited(std::optional<int> status) noexcept;
  void killAndReap() noexcept;
  void endIfOver() noexcept;
  void closeIfThere(int childFd);
  Pipe* find(int childFd) noexcept;
  PipeWriter* input() const noexcept;
  void onlyInThread(const char* what) const {
    if (!ended_) reactor_.checkThread(what);
  }

  // PipeOwner, Owned, PollTarget (of the pidfd)
  void pipeReceived(PipeReader& pipe, std::string_view data) override;
  void pipeEnded(PipeReader& pipe, const Failure& reason) noexcept override;
  void pipeEnded(PipeWriter& pipe, const Failure& reason) noexcept override;
  Transport& pipeTransport() noexcept override { return *this; }
  void disconnect(const Failure& reason) override;
  void ready(unsigned events) noexcept override;

  ReactorBase& reactor_;  // not used after the end
  std::shared_ptr<ProcessProtocol> protocol_;
  std::vector<Pipe> pipes_;
  pid_t pid_ = -1;
  Descriptor pidFd_;
  PollHandle* pidHandle_ = nullptr;
  DelayedCall lookCall_;  // where nothing tells of its end
  std::optional<Failure> reason_;
  ProcessOptions::AtEnd atEnd_ = ProcessOptions::AtEnd::kill;
  bool byTerminal_ = false;
  bool closing_ = false;
  bool ended_ = false;
};

/// For tests: children are not watched with a pidfd, as on systems without.
BIGHT_API void setUsesPidFd(bool uses) noexcept;

}  // namespace bight::detail
