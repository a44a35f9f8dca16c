// How lines are found without copying
// -----------------------------------
// Most packets hold whole lines. They are handed out as views of the packet itself, and nothing is kept: an idle
// connection has no buffer. Only the beginning of a line that has not ended yet is copied, and then joined with the
// next packet.
//
// `searched_` remembers how far the buffer has been looked through, so that a line that comes byte by byte costs no
// more than its length.
#include <bight/line_receiver.hpp>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

namespace bight {

namespace {

std::string checked(std::string delimiter) {
  if (delimiter.empty())
    throw std::invalid_argument("setDelimiter: a line must end with something, and the delimiter is empty");
  return delimiter;
}

/// Where a search goes on after `size` bytes without the delimiter: the last ones may be its beginning.
std::size_t searchedAll(std::size_t size, const std::string& delimiter) {
  return size - std::min(size, delimiter.size() - 1);
}

}  // namespace

// ---- LineOnlyReceiver ----

void LineOnlyReceiver::lineLengthExceeded(std::string_view) {
  transport().loseConnection();
}

void LineOnlyReceiver::setDelimiter(std::string delimiter) {
  delimiter_ = checked(std::move(delimiter));
}

void LineOnlyReceiver::dataReceived(std::string_view data) {
  std::string joined;
  std::string_view rest = data;
  if (!buffer_.empty()) {
    const std::size_t known = searchedAll(buffer_.size(), delimiter_);
    buffer_.append(data);
    // No line ends here: do not move the bytes about.
    if (buffer_.size() <= maxLength_ && buffer_.find(delimiter_, known) == std::string::npos) return;
    joined.swap(buffer_);
    rest = joined;
  }
  split(rest);
  buffer_.assign(rest);
}

/// Delivers the lines in `rest`, and leaves there what is to be kept.
void LineOnlyReceiver::split(std::string_view& rest) {
  for (;;) {
    const std::size_t end = rest.find(delimiter_);
    if (end == std::string_view::npos) break;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + delimiter_.size());
    behind_ = rest.size();
    if (line.size() > maxLength_)
      lineLengthExceeded(line);
    else
      lineReceived(line);
    behind_ = 0;
    if (transport().disconnecting()) return void(rest = {});
  }
  if (rest.size() <= maxLength_) return;
  const auto line = std::exchange(rest, {});
  lineLengthExceeded(line);
}

// ---- LineReceiver ----

void LineReceiver::rawDataReceived(std::string_view) {
  throw std::logic_error("LineReceiver is in raw mode: override rawDataReceived()");
}

void LineReceiver::lineLengthExceeded(std::string_view) {
  transport().loseConnection();
}

void LineReceiver::setDelimiter(std::string delimiter) {
  delimiter_ = checked(std::move(delimiter));
  searched_ = 0;
}

void LineReceiver::setLineMode(std::string_view extra) {
  raw_ = false;
  if (extra.empty()) return;
  // As a rule it is the end of what rawDataReceived() was given just now: then it needs no copy.
  const std::less_equal<const char*> notAfter;
  if (rest_.empty() && buffer_.empty() && !given_.empty() && notAfter(given_.data(), extra.data()) &&
      extra.data() + extra.size() == given_.data() + given_.size())
    rest_ = extra;
  else
    dataReceived(extra);
}

std::string LineReceiver::clearLineBuffer() {
  std::string cleared(std::exchange(rest_, {}));
  cleared.append(buffer_, begin_);
  buffer_.clear();
  begin_ = searched_ = 0;
  return cleared;
}

void LineReceiver::pauseProducing() {
  paused_ = true;
  transport().pauseProducing();
}

void LineReceiver::resumeProducing() {
  paused_ = false;
  transport().resumeProducing();
  if (!busy_) deliverBuffer();
}

void LineReceiver::dataReceived(std::string_view data) {
  if (busy_ || paused_ || begin_ < buffer_.size()) {
    if (begin_ > 0) {
      buffer_.erase(0, begin_);
      begin_ = 0;
    }
    buffer_.append(data);
  } else if (const auto left = deliver(data); !left.empty()) {
    buffer_.insert(0, left);
  }
  if (!busy_) deliverBuffer();
}

/// Delivers from the buffer until it is empty, or has no whole line, or we are paused.
void LineReceiver::deliverBuffer() {
  while (!paused_ && begin_ < buffer_.size()) {
    if (!raw_ && buffer_.size() - begin_ < maxLength_ + delimiter_.size() &&
        buffer_.find(delimiter_, begin_ + searched_) == std::string::npos) {
      searched_ = searchedAll(buffer_.size() - begin_, delimiter_);
      return;
    }
    std::string taken = std::exchange(buffer_, {});
    const std::size_t from = std::exchange(begin_, 0);
    searched_ = 0;
    const auto left = deliver(std::string_view(taken).substr(from));
    if (left.empty()) continue;
    if (buffer_.empty()) {
      // Who pauses after every line must not pay for all the others each time: what is left stays where it is.
      begin_ = taken.size() - left.size();
      buffer_ = std::move(taken);
    } else {
      buffer_.insert(0, left);
    }
  }
}

/// Delivers from `data`, which must not be in buffer_. @return what is left of it; buffer_ has what was added behind it
/// meanwhile
std::string_view LineReceiver::deliver(std::string_view data) {
  struct Busy {
    LineReceiver& receiver;
    ~Busy() {
      receiver.busy_ = false;
      receiver.rest_ = receiver.given_ = {};
    }
  };
  const Busy whileHere{*this};
  busy_ = true;
  rest_ = data;
  while (!rest_.empty() && !paused_ && step()) {
    if (!transport().disconnecting()) continue;
    clearLineBuffer();
    break;
  }
  return rest_;
}

/// One line, or all there is in raw mode. @return false if no line is complete
bool LineReceiver::step() {
  if (raw_) {
    given_ = std::exchange(rest_, {});
    rawDataReceived(given_);
    given_ = {};
    return true;
  }
  const std::size_t end = rest_.find(delimiter_);
  if (end == std::string_view::npos) {
    if (rest_.size() < maxLength_ + delimiter_.size()) return false;
    lineLengthExceeded(std::exchange(rest_, {}));
    return true;
  }
  if (end > maxLength_) {
    lineLengthExceeded(std::exchange(rest_, {}));
    return true;
  }
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + delimiter_.size());
  lineReceived(line);
  return true;
}

}  // namespace bight
