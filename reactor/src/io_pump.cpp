#include <bight/testing/io_pump.hpp>

#include <stdexcept>
#include <utility>

#include <bight/connection_errors.hpp>

namespace bight::testing {

namespace {
const IPv4Address clientAddress({127, 0, 0, 1}, 54321);
const IPv4Address serverAddress({127, 0, 0, 1}, 80);
constexpr std::size_t mostRounds = 100000;
}  // namespace

PumpTransport::PumpTransport(Address peer, Address host) : StringTransport(std::move(peer), std::move(host)) {
  block();
}

PumpTransport::~PumpTransport() = default;

Takeover PumpTransport::takeOver(std::shared_ptr<Protocol> layer) {
  if (!connected() || !protocol_) throw std::logic_error("takeOver: the connection is lost");
  Takeover given = giveUp();
  given.protocol = std::exchange(*protocol_, std::move(layer));
  return given;
}

bool PumpTransport::whenDispatchEnds(Function<void()> call) {
  if (!connected() || !protocol_) return false;
  atEnd_.push_back(std::move(call));
  return true;
}

IOPump::IOPump(std::shared_ptr<Protocol> client, std::shared_ptr<Protocol> server)
    : client_{std::move(client), makeRef<PumpTransport>(serverAddress, clientAddress)},
      server_{std::move(server), makeRef<PumpTransport>(clientAddress, serverAddress)} {
  for (End* end : {&server_, &client_}) end->transport->protocol_ = &end->protocol;
  for (End* end : {&server_, &client_}) guard(*end, [end] { end->protocol->makeConnection(*end->transport); });
  if (thrown_) std::exchange(thrown_, {})->raise();
}

IOPump::~IOPump() {
  for (End* end : {&client_, &server_}) {
    try {
      end->transport->lose(*end->protocol, Failure(ConnectionLost("The test has ended the connection.")));
    } catch (...) {
      // connectionLost may throw what it likes; there is nobody left to tell
    }
    end->transport->protocol_ = nullptr;
    end->transport->atEnd_.clear();
  }
}

/// Runs a protocol's code; what it throws ends its connection, and is kept for the test.
template <class F>
void IOPump::guard(End& end, F&& f) {
  const auto onTheStack = end.protocol;  // it may be replaced meanwhile
  try {
    std::forward<F>(f)();
  } catch (...) {
    thrown_ = Failure();
    const auto failure = *thrown_;
    try {
      end.transport->lose(*end.protocol, failure);
    } catch (...) {
      // the first exception is the one of interest
    }
  }
}

void IOPump::endOfData(End& end) {
  auto& transport = *end.transport;
  transport.peerEnded_ = true;
  auto* halfCloseable = dynamic_cast<HalfCloseable*>(end.protocol.get());
  if (!halfCloseable || transport.ended_) {
    if (halfCloseable) guard(end, [&] { halfCloseable->readConnectionLost(); });
    return guard(end, [&] { transport.lose(*end.protocol, Failure(ConnectionDone())); });
  }
  guard(end, [&] { halfCloseable->readConnectionLost(); });
}

bool IOPump::move(End& from, End& to, std::size_t most) {
  auto& source = *from.transport;
  auto& sink = *to.transport;
  if (source.connected() && source.aborting()) {
    guard(from, [&] { source.lose(*from.protocol, Failure(ConnectionAborted())); });
    source.ended_ = sink.peerEnded_ = true;
    if (sink.connected()) guard(to, [&] { sink.lose(*to.protocol, Failure(ConnectionLost())); });
    return true;
  }
  if (sink.connected() && sink.readingPaused() && !sink.disconnecting()) return false;
  if (source.writeBufferSize() > 0) {
    std::string bytes;
    guard(from, [&] { bytes = source.takeHeld(most); });
    if (sink.connected() && !sink.disconnecting()) guard(to, [&] { to.protocol->dataReceived(bytes); });
    return true;
  }
  bool happened = false;
  if (source.connected() && !source.hasProducer()) {
    if (source.disconnecting()) {
      guard(from, [&] { source.lose(*from.protocol, Failure(ConnectionDone())); });
      happened = true;
    } else if (source.writeClosed() && !source.told_) {
      source.told_ = happened = true;
      if (auto* halfCloseable = dynamic_cast<HalfCloseable*>(from.protocol.get()))
        guard(from, [&] { halfCloseable->writeConnectionLost(); });
    }
  } else if (source.connected() && source.pull()) {
    happened = source.writeBufferSize() > 0 || !source.hasProducer();
  }
  if ((!source.connected() || source.told_) && !source.ended_) {
    source.ended_ = happened = true;
    if (source.connected() && source.peerEnded_)
      guard(from, [&] { source.lose(*from.protocol, Failure(ConnectionDone())); });
    if (sink.connected() && !sink.peerEnded_) endOfData(to);
  }
  return happened;
}

/// @return whether anybody had waited for the end
bool IOPump::endDispatch() {
  bool happened = false;
  for (End* end : {&client_, &server_}) {
    for (auto& call : std::exchange(end->transport->atEnd_, {})) {
      guard(*end, [&call] { call(); });
      happened = true;
    }
  }
  return happened;
}

bool IOPump::pump(std::size_t most) {
  bool happened = endDispatch();
  happened = move(client_, server_, most) || happened;
  happened = endDispatch() || happened;
  happened = move(server_, client_, most) || happened;
  happened = endDispatch() || happened;
  if (thrown_) std::exchange(thrown_, {})->raise();
  return happened;
}

std::size_t IOPump::flush(std::size_t most) {
  std::size_t times = 0;
  while (pump(most))
    if (++times == mostRounds)
      throw std::runtime_error("IOPump::flush: after 100,000 rounds the two protocols are still talking");
  return times;
}

}  // namespace bight::testing
