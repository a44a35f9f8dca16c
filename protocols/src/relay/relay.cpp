// Passing on, both ways
// ---------------------
// Each end is the push producer of the other: a buffer that grows too full here stops the reading there. What is passed
// on is therefore at most the high limit of the buffer and one packet, whatever the peers do.
//
//   a's peer ends (FIN)  ──► b.loseWriteConnection(): b's peer sees the end, may still answer
//   both have ended      ──► both connections are closed, each when its last byte is out
//   a is lost, in order  ──► b.loseConnection(): what was passed on still arrives
//   a is lost, otherwise ──► b.abortConnection(): nobody takes half a stream for a whole one
#include "relay.hpp"

#include <utility>

#include <bight/connection_errors.hpp>

namespace bight::detail {

void Relay::join(const std::shared_ptr<RelayEnd>& a, const std::shared_ptr<RelayEnd>& b, ReactorTime& clock,
                 Duration idleTimeout) {
  const auto relay = std::make_shared<Relay>(a, b, clock);
  if (idleTimeout > Duration::zero()) relay->setTimeout(idleTimeout);
  a->other_ = b;
  b->other_ = a;
  a->relay_ = b->relay_ = relay;
  // Each of these may find that its connection is lost already; then the other one is closed.
  a->transport().registerProducer(b->transport().asProducer());
  if (b->joined()) b->transport().registerProducer(a->transport().asProducer());
  // An end of data that came before is passed on now.
  if (a->joined() && a->peerEnded_) a->endOther();
  if (b->joined() && b->peerEnded_) b->endOther();
}

void Relay::timeoutConnection() {
  for (const auto& weak : {a_, b_})
    if (const auto end = weak.lock(); end && end->joined()) {
      end->transport().unregisterProducer();
      end->transport().loseConnection();
    }
}

void RelayEnd::connectionMade() {
  if (!greeting_.empty()) transport().write(std::exchange(greeting_, {}));
}

void RelayEnd::dataReceived(std::string_view data) {
  passOn(data);
}

void RelayEnd::passOn(std::string_view data) {
  if (!other_ || data.empty()) return;
  relay_->resetTimeout();
  other_->transport().write(data);
}

void RelayEnd::readConnectionLost() {
  peerEnded_ = true;
  if (other_) endOther();
}

void RelayEnd::endOther() {
  other_->transport().unregisterProducer();  // we: there is nothing more to come
  other_->transport().loseWriteConnection();
}

void RelayEnd::connectionLost(const Failure& reason) {
  relay_.reset();
  const auto other = std::exchange(other_, nullptr);
  if (!other) return;
  other->other_.reset();
  other->relay_.reset();
  other->transport().unregisterProducer();
  if (reason.check<ConnectionDone>())
    other->transport().loseConnection();
  else
    other->transport().abortConnection();
}

}  // namespace bight::detail
