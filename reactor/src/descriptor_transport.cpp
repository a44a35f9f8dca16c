// Two descriptors as one connection: what StandardIO is made of.
//
//   reading ends ──┬── HalfCloseable: readConnectionLost, writing goes on ──┐
//                  └── what was written still leaves ───────────────────────┼──► both closed: connectionLost, once
//   writing ends ──┬── HalfCloseable: writeConnectionLost, reading goes on ─┤
//                  └── reading stops ───────────────────────────────────────┘
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/protocol.hpp>

#include "pipe.hpp"
#include "reactor_base.hpp"

namespace bight::detail {
namespace {

class DescriptorTransport final : public Transport, private PipeOwner, private Owned {
 public:
  DescriptorTransport(ReactorBase& reactor, PipeEnd input, PipeEnd output)
      : reactor_(reactor), reader_(reactor, *this, std::move(input)), writer_(reactor, *this, std::move(output)) {}

  void start(std::shared_ptr<Protocol> protocol) {
    try {
      reader_.start();
      writer_.start();
    } catch (...) {
      ended_ = true;
      reader_.abandon();
      writer_.abandon();
      throw;
    }
    protocol_ = std::move(protocol);
    ref();
    reactor_.own(*this);
    run("while calling connectionMade", [this] { protocol_->makeConnection(*this); });
  }

  // Transport
  void write(std::string_view data) override {
    onlyInThread("Transport::write");
    if (!writeClosing_) writer_.write(data);
  }
  void writeSequence(std::span<const std::string_view> pieces) override {
    for (const auto& piece : pieces) write(piece);
  }
  std::size_t writeBufferSize() const noexcept override { return writer_.size(); }
  Deferred<void> drained() override { return writer_.drained(); }
  void setWriteBufferLimits(std::size_t high, std::size_t low) override { writer_.setLimits(high, low); }
  void setMaxWriteBuffer(std::size_t bytes) override { writer_.setMost(bytes); }
  void registerProducer(std::shared_ptr<PushProducer> producer) override {
    writer_.registerProducer(std::move(producer), nullptr);
  }
  void registerProducer(std::shared_ptr<PullProducer> producer) override {
    writer_.registerProducer(nullptr, std::move(producer));
  }
  void unregisterProducer() override { writer_.unregisterProducer(); }
  void loseConnection() override {
    onlyInThread("Transport::loseConnection");
    if (ended_ || fate_) return;
    fate_ = Failure(ConnectionDone());
    reader_.end(*fate_);
    writer_.finish();
  }
  void setGracefulLimit(Duration limit) override { writer_.setGraceful(limit); }
  void loseWriteConnection() override {
    if (ended_ || fate_ || std::exchange(writeClosing_, true)) return;
    writer_.finish();
  }
  void abortConnection() override {
    onlyInThread("Transport::abortConnection");
    endBoth(Failure(ConnectionAborted()));
  }
  bool connected() const noexcept override { return !ended_; }
  bool disconnecting() const noexcept override { return ended_ || fate_; }
  void pauseProducing() override { reader_.pause(); }
  void resumeProducing() override { reader_.resume(); }
  Address getHost() const override { return UNIXAddress(); }
  Address getPeer() const override { return UNIXAddress(); }

 private:
  void onlyInThread(const char* what) const {
    if (!ended_) reactor_.checkThread(what);
  }

  /// Runs user code; if it throws, the connection ends with that.
  template <class F>
  void run(std::string_view context, F&& f) noexcept {
    try {
      std::forward<F>(f)();
    } catch (...) {
      Failure failure;
      reactor_.report(context, failure);
      endBoth(std::move(failure));
    }
  }

  void endBoth(Failure reason) noexcept {
    if (ended_) return;
    fate_ = std::move(reason);
    reader_.end(*fate_);
    writer_.end(*fate_);
  }

  void pipeReceived(PipeReader&, std::string_view data) override {
    if (!fate_) protocol_->dataReceived(data);
  }

  void pipeEnded(PipeReader&, const Failure& reason) noexcept override {
    auto* half = dynamic_cast<HalfCloseable*>(protocol_.get());
    if (!fate_ && half && writer_.open() && reason.check<ConnectionDone>()) {
      run("while calling readConnectionLost", [half] { half->readConnectionLost(); });
    } else {
      if (!fate_) fate_ = reason;
      writer_.finish();
    }
    endIfOver();
  }

  void pipeEnded(PipeWriter&, const Failure& reason) noexcept override {
    auto* half = dynamic_cast<HalfCloseable*>(protocol_.get());
    const bool asked = writeClosing_ && reason.check<ConnectionDone>();
    if (!fate_ && reader_.open() && (half || asked)) {
      if (half) run("while calling writeConnectionLost", [half] { half->writeConnectionLost(); });
    } else {
      if (!fate_ || !reason.check<ConnectionDone>()) fate_ = reason;
      reader_.end(*fate_);
    }
    endIfOver();
  }

  Transport& pipeTransport() noexcept override { return *this; }

  void endIfOver() noexcept {
    if (ended_ || reader_.open() || writer_.open()) return;
    ended_ = true;
    reactor_.disown(*this);
    const Failure reason = fate_ ? *fate_ : Failure(ConnectionDone());
    reactor_.guarded("while calling connectionLost", [&] { protocol_->breakConnection(reason); });
    reactor_.callSoon([keep = Ref<DescriptorTransport>::adopt(this), protocol = std::move(protocol_)] {});
  }

  void ready(unsigned) noexcept override {}  // its ends are watched

  void disconnect(const Failure& reason) override {
    const Ref<Transport> keep(this);
    fate_ = reason;
    reader_.close(reason);
    writer_.close(reason);
  }

  ReactorBase& reactor_;  // not used after the end
  std::shared_ptr<Protocol> protocol_;
  PipeReader reader_;
  PipeWriter writer_;
  std::optional<Failure> fate_;  // why it ends
  bool writeClosing_ = false;
  bool ended_ = false;
};

}  // namespace

Ref<Transport> ReactorBase::doConnectDescriptors(std::shared_ptr<Protocol> protocol, int readFd, int writeFd) {
  checkThread("connectDescriptors");
  notSimulated("connectDescriptors");
  for (const int fd : {readFd, writeFd}) {
    if (::fcntl(fd, F_GETFD) < 0)
      throw std::system_error(errno, std::generic_category(),
                              "descriptor " + std::to_string(fd) + " cannot be connected to a protocol");
  }
  Descriptor second(readFd == writeFd ? ::fcntl(readFd, F_DUPFD_CLOEXEC, 3) : writeFd);
  if (!second) throw std::system_error(errno, std::generic_category(), "duplicating a descriptor");
  PipeEnd input = PipeEnd::adopt(readFd, false);
  PipeEnd output = PipeEnd::adopt(second.release(), true);
  auto transport = makeRef<DescriptorTransport>(*this, std::move(input), std::move(output));
  transport->start(std::move(protocol));
  return transport;
}

}  // namespace bight::detail
