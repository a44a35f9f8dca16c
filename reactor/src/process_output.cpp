#include <bight/process_output.hpp>

#include <memory>
#include <stdexcept>
#include <utility>

#include <signal.h>

#include "signals.hpp"

namespace bight {

ProcessWroteErrors::ProcessWroteErrors(const std::string& executable, std::string text)
    : std::runtime_error("\"" + executable + "\" wrote to its standard error: " + text.substr(0, 500)),
      text_(std::move(text)) {}

ProcessSignalled::ProcessSignalled(const std::string& executable, ProcessOutput output)
    : std::runtime_error("\"" + executable + "\" was ended by " + detail::signalName(output.signal.value_or(0))),
      output_(std::move(output)) {}

OutputTooLong::OutputTooLong(const std::string& executable, std::size_t limit)
    : std::runtime_error("\"" + executable + "\" printed more than " + std::to_string(limit) +
                         " bytes, and was killed") {}

namespace {

/// Collects what a program prints, and fires when it is over.
class Collector final : public ProcessProtocol {
 public:
  Collector(std::string executable, OutputOptions options, bool keeps, bool errorsAreBad)
      : executable_(std::move(executable)), options_(std::move(options)), keeps_(keeps), errorsAreBad_(errorsAreBad) {}

  Deferred<ProcessOutput> start(ReactorProcess& reactor, std::vector<std::string> args) {
    // The canceller does not keep this: whoever fired has let go of the promise, and whoever has not is kept by the
    // reactor.
    Deferred<ProcessOutput> done([weak = std::weak_ptr<ProcessProtocol>(weak_from_this())] {
      if (const auto self = std::static_pointer_cast<Collector>(weak.lock())) self->cancelled();
    });
    promise_ = done.promise();
    args.insert(args.begin(), executable_);
    ProcessOptions how;
    how.env = std::move(options_.env);
    how.path = std::move(options_.path);
    if (options_.input.empty()) how.childFDs.insert_or_assign(0, ChildFD::null());
    if (!keeps_)
      for (const int fd : {1, 2}) how.childFDs.insert_or_assign(fd, ChildFD::null());
    try {
      reactor.spawnProcess(shared_from_this(), executable_, std::move(args), how);
    } catch (...) {  // whatever it is: who asked has one place to look for failures
      over();
      std::exchange(promise_, {}).errback(Failure());
    }
    return done;
  }

 private:
  void connectionMade() override {
    if (options_.input.empty()) return;
    transport().setMaxWriteBuffer(options_.input.size());
    transport().write(options_.input);
    transport().closeStdin();
    options_.input = {};
  }

  void outReceived(std::string_view data) override { take(output_.out, data); }
  void errReceived(std::string_view data) override {
    if (over_) return;
    if (options_.errorToo) return take(output_.out, data);
    if (errorsAreBad_) return endWith(Failure(ProcessWroteErrors(executable_, std::string(data))));
    take(output_.err, data);
  }

  void processEnded(const Failure& reason) override {
    if (over_) return;
    over();
    const auto promise = std::exchange(promise_, {});
    if (const auto* ended = reason.get<ProcessTerminated>()) {
      output_.code = ended->exitCode().value_or(0);
      output_.signal = ended->signal();
      if (!ended->status()) return promise.errback(reason);
      if (output_.signal) return promise.errback(ProcessSignalled(executable_, std::move(output_)));
    } else if (!reason.check<ProcessDone>()) {
      return promise.errback(reason);
    }
    promise.callback(std::move(output_));
  }

  void take(std::string& to, std::string_view data) {
    if (over_) return;
    if (output_.out.size() + output_.err.size() + data.size() > options_.maxOutput)
      return endWith(Failure(OutputTooLong(executable_, options_.maxOutput)));
    to.append(data);
  }

  void over() noexcept { over_ = true; }
  void endWith(Failure why) {
    over();
    transport().abortConnection();
    std::exchange(promise_, {}).errback(std::move(why));
  }
  void cancelled() {
    if (std::exchange(over_, true)) return;
    transport().abortConnection();
    std::exchange(promise_, {}).errback(CancelledError());
  }

  std::string executable_;
  OutputOptions options_;
  ProcessOutput output_;
  Promise<ProcessOutput> promise_;
  bool keeps_;
  bool errorsAreBad_;
  bool over_ = false;
};

Deferred<ProcessOutput> collect(ReactorProcess& reactor, const std::string& executable, std::vector<std::string> args,
                                OutputOptions options, bool keeps, bool errorsAreBad) {
  return std::make_shared<Collector>(executable, std::move(options), keeps, errorsAreBad)
      ->start(reactor, std::move(args));
}

}  // namespace

Deferred<std::string> getProcessOutput(ReactorProcess& reactor, const std::string& executable,
                                       std::vector<std::string> args, OutputOptions options) {
  // A signal that ends it does not matter either: what it printed is asked for (as in Twisted).
  return collect(reactor, executable, std::move(args), std::move(options), true, true)
      .addCallbacks([](ProcessOutput output) { return std::move(output.out); },
                    [](Failure failure) -> Result<std::string> {
                      if (const auto* ended = failure.get<ProcessSignalled>()) return ended->output().out;
                      return failure;
                    });
}

Deferred<ProcessOutput> getProcessOutputAndValue(ReactorProcess& reactor, const std::string& executable,
                                                 std::vector<std::string> args, OutputOptions options) {
  return collect(reactor, executable, std::move(args), std::move(options), true, false);
}

Deferred<int> getProcessValue(ReactorProcess& reactor, const std::string& executable, std::vector<std::string> args,
                              OutputOptions options) {
  return collect(reactor, executable, std::move(args), std::move(options), false, false)
      .addCallback([](const ProcessOutput& output) { return output.code; });
}

}  // namespace bight
