/// @file
/// `StandardIO`: a protocol that talks to whoever started the program.
#pragma once

#include <memory>
#include <utility>

#include <bight/process.hpp>

namespace bight {

/// Connects a protocol to the standard input and output, as if they were a connection. (Twisted: stdio.StandardIO)
///
/// ```cpp
/// StandardIO console(*reactor, std::make_shared<Commands>());
/// ```
/// They may be terminals, pipes, sockets, devices or regular files. The end of the input is the end of the connection,
/// unless the protocol is `HalfCloseable`: then it is `readConnectionLost()`, and writing goes on.
/// `loseWriteConnection()` closes the output alone. The object is only a handle: dropping it does not close anything.
///
/// Where it can, a terminal or pipe is opened a second time for us, so that other programs with the same terminal do
/// not find it non-blocking; else the former mode is set again at the end.
class StandardIO {
 public:
  /// As `ReactorProcess::connectDescriptors`, which see.
  StandardIO(ReactorProcess& reactor, std::shared_ptr<Protocol> protocol, int stdIn = 0, int stdOut = 1)
      : transport_(reactor.connectDescriptors(std::move(protocol), stdIn, stdOut)) {}

  Transport& transport() const noexcept { return *transport_; }

 private:
  Ref<Transport> transport_;
};

}  // namespace bight
