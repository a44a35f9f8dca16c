#include <bight/string_receiver.hpp>

#include <utility>

#include <bight/int_string_receiver.hpp>
#include <bight/netstring_receiver.hpp>

namespace bight {

void StringReceiver::sendString(std::string_view string) {
  const FrameHeader header(reader_.framing(), string.size());
  transport().writeSequence({header.bytes(), string, frameTrailer(reader_.framing())});
}

void StringReceiver::pauseProducing() {
  paused_ = true;
  transport().pauseProducing();
}

void StringReceiver::resumeProducing() {
  paused_ = false;
  transport().resumeProducing();
  if (!busy_) deliverPending();
}

void StringReceiver::dataReceived(std::string_view data) {
  if (broken_) return;
  if (busy_ || paused_ || begin_ < pending_.size()) {
    if (begin_ > 0) pending_.erase(0, std::exchange(begin_, 0));
    pending_.append(data);
  } else {
    pending_.insert(0, deliver(data));
  }
  if (!busy_) deliverPending();
}

void StringReceiver::deliverPending() {
  while (!paused_ && begin_ < pending_.size()) {
    std::string taken = std::exchange(pending_, {});
    const auto rest = deliver(std::string_view(taken).substr(std::exchange(begin_, 0)));
    if (rest.empty()) continue;
    if (pending_.empty()) {
      begin_ = taken.size() - rest.size();
      pending_ = std::move(taken);
    } else {
      pending_.insert(0, rest);
    }
  }
}

/// Delivers the strings in `data`. @return what is not to be delivered yet
std::string_view StringReceiver::deliver(std::string_view data) {
  struct Busy {
    StringReceiver& receiver;
    ~Busy() {
      receiver.busy_ = false;
      receiver.rest_ = {};
    }
  };
  const Busy whileHere{*this};
  busy_ = true;
  rest_ = data;
  while (!rest_.empty() && !paused_) {
    switch (const auto step = reader_.next(rest_)) {
      case FrameReader::Step::incomplete:
        break;
      case FrameReader::Step::frame:
        stringReceived(reader_.frame());
        break;
      default:
        rest_ = {};
        broken_ = true;
        unreadable(step, reader_.length());
    }
    if (!transport().disconnecting()) continue;
    rest_ = {};
    pending_.clear();
    begin_ = 0;
  }
  return rest_;
}

void NetstringReceiver::handleParseError() {
  transport().loseConnection();
}

void NetstringReceiver::unreadable(FrameReader::Step, std::size_t) {
  handleParseError();
}

void IntNStringReceiver::lengthLimitExceeded(std::size_t) {
  transport().loseConnection();
}

void IntNStringReceiver::unreadable(FrameReader::Step, std::size_t length) {
  lengthLimitExceeded(length);
}

}  // namespace bight
