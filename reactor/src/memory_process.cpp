#include <bight/testing/memory_process.hpp>

#include <signal.h>

#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>

namespace bight::testing {

MemoryProcess::MemoryProcess(std::shared_ptr<ProcessProtocol> protocol, std::string executable,
                             std::vector<std::string> args, ProcessOptions options)
    : protocol_(std::move(protocol)),
      executable_(std::move(executable)),
      args_(std::move(args)),
      options_(std::move(options)) {
  if (options_.usePTY) options_.childFDs = {{0, 'w'}, {1, 'r'}};
  for (const auto& [childFd, what] : options_.childFDs) {
    const bool writes = what.kind() == ChildFD::Kind::parentWrites;
    if (!writes && what.kind() != ChildFD::Kind::parentReads) continue;
    open_.emplace(childFd, writes);
    if (writes) inputs_.emplace(childFd, makeRef<StringTransport>());
  }
}

MemoryProcess::~MemoryProcess() = default;

void MemoryProcess::output(int childFd, std::string_view data) {
  const auto found = open_.find(childFd);
  if (found == open_.end() || found->second)
    throw std::logic_error("output: the child has no open descriptor " + std::to_string(childFd) + " to write to");
  const auto protocol = protocol_;
  protocol->childDataReceived(childFd, data);
}

void MemoryProcess::close(int childFd) {
  if (open_.erase(childFd) == 0) return;
  if (const auto input = inputs_.find(childFd); input != inputs_.end()) input->second->abortConnection();
  const auto protocol = protocol_;
  protocol->childConnectionLost(childFd);
}

void MemoryProcess::end(const Failure& reason) {
  if (std::exchange(ended_, true)) throw std::logic_error("the process has ended already");
  const Ref<MemoryProcess> keep(this);
  const auto protocol = protocol_;
  protocol->processExited(reason);
  while (!open_.empty()) close(open_.begin()->first);
  protocol_.reset();
  protocol->endProcess(reason);
}

void MemoryProcess::exit(int code) {
  if (code == 0) return end(Failure(ProcessDone()));
  end(Failure(ProcessTerminated((code & 0xff) << 8)));  // as waitpid(2) tells it
}

void MemoryProcess::die(int signal) {
  end(Failure(ProcessTerminated(signal)));
}

StringTransport* MemoryProcess::standardInput() const {
  const auto found = inputs_.find(0);
  return found == inputs_.end() ? nullptr : found->second.get();
}

void MemoryProcess::writeToChild(int childFd, std::string_view data) {
  const auto found = inputs_.find(childFd);
  if (found == inputs_.end())
    throw std::invalid_argument("writeToChild: the child has no descriptor " + std::to_string(childFd) +
                                " that we write to");
  if (isOpen(childFd)) found->second->write(data);
}

void MemoryProcess::closeChildFD(int childFd) {
  if (options_.childFDs.count(childFd) == 0)
    throw std::invalid_argument("closeChildFD: there is no pipe to descriptor " + std::to_string(childFd) +
                                " of the child");
  close(childFd);
}

void MemoryProcess::signalProcess(int signal) {
  if (ended_) throw ProcessExitedAlready();
  signals_.push_back(signal);
}

void MemoryProcess::write(std::string_view data) {
  if (isOpen(0) && standardInput()) standardInput()->write(data);
}

void MemoryProcess::writeSequence(std::span<const std::string_view> pieces) {
  for (const auto& piece : pieces) write(piece);
}

std::size_t MemoryProcess::writeBufferSize() const noexcept {
  return standardInput() ? standardInput()->writeBufferSize() : 0;
}

Deferred<void> MemoryProcess::drained() {
  if (isOpen(0) && standardInput()) return standardInput()->drained();
  return fail<void>(ConnectionLost());
}

void MemoryProcess::setWriteBufferLimits(std::size_t high, std::size_t low) {
  for (const auto& [childFd, input] : inputs_) input->setWriteBufferLimits(high, low);
}

void MemoryProcess::setMaxWriteBuffer(std::size_t bytes) {
  for (const auto& [childFd, input] : inputs_) input->setMaxWriteBuffer(bytes);
}

void MemoryProcess::registerProducer(std::shared_ptr<PushProducer> producer) {
  if (isOpen(0) && standardInput()) return standardInput()->registerProducer(std::move(producer));
  producer->stopProducing();
}

void MemoryProcess::registerProducer(std::shared_ptr<PullProducer> producer) {
  if (isOpen(0) && standardInput()) return standardInput()->registerProducer(std::move(producer));
  producer->stopProducing();
}

void MemoryProcess::unregisterProducer() {
  if (standardInput()) standardInput()->unregisterProducer();
}

void MemoryProcess::loseConnection() {
  closing_ = true;
  for (const int childFd : {0, 1, 2}) close(childFd);
}

void MemoryProcess::abortConnection() {
  closing_ = true;
  if (!ended_) signals_.push_back(SIGKILL);
  while (!open_.empty()) close(open_.begin()->first);
}

}  // namespace bight::testing
