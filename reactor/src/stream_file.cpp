// Files from the system's hands: sendfile. The transfer is driven by a pull producer (file_stream.cpp), which is asked when
// the socket has room and nothing is left to send; so what was written before the file goes before it. What is written
// while the file is under way is kept in `Extras::behind`, and becomes the output when it has gone.
#include <sys/uio.h>

#include <cerrno>
#include <utility>

#if defined(__linux__)
#include <sys/sendfile.h>
#endif

#include "pipe.hpp"
#include "stream_connection.hpp"

namespace bight::detail {

namespace {

#if defined(__linux__)
/// Whether an error of sendfile() is the connection's. The others are the file's.
bool isOfPeer(int error) {
  switch (error) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case ENOTCONN:
    case ESHUTDOWN:
      return true;
    default:
      return false;
  }
}
#endif

}  // namespace

bool StreamConnection::holdWrites() {
#if defined(__linux__)
  reactorOnlyThread("Transport::holdWrites");
  if (!takesWrites() || holdsWrites() || sys::isSimulated(fd_)) return false;
  sendPending();  // what was written before must not be taken for what comes behind
  if (!takesWrites() || (extras_ && extras_->cargo)) return false;  // descriptors leave with bytes of the output
  extras().holding = true;
  return true;
#else
  return false;
#endif
}

std::ptrdiff_t StreamConnection::sendFrom([[maybe_unused]] int file, [[maybe_unused]] std::uint64_t offset,
                                          [[maybe_unused]] std::size_t most) {
#if defined(__linux__)
  if (!takesWrites() || !holdsWrites()) {
    errno = EPIPE;
    return -1;
  }
  ssize_t sent = -1;
  errno = EAGAIN;
  if (!hasOutput()) {
    const NoPipeSignal quiet;
    auto from = static_cast<off_t>(offset);
    do sent = ::sendfile(fd_, file, &from, most);
    while (sent < 0 && errno == EINTR);
  }
  const int error = errno;
  countSent(sent);
  if (sent > 0) extras_->moved = true;
  const bool lost = sent < 0 && isOfPeer(error);
  if (lost) sendFailed(error);
  extras_->pullAsked = false;  // ask again, as after a write
  batch().due(*this);
  errno = lost ? EPIPE : error;
  return sent;
#else
  errno = ENOTSUP;
  return -1;
#endif
}

void StreamConnection::releaseWrites() {
  if (!holdsWrites()) return;
  extras_->holding = false;
  if (!is(isOpen)) return;
  // Nothing can have been kept behind what was kept before the file and has not left yet, unless the transfer is cut
  // short: then one follows the other.
  if (extras_->output.empty()) {
    std::swap(extras_->output, extras_->behind);
  } else {
    iovec pieces[8];
    while (const std::size_t count = extras_->behind.front(pieces, 8)) {
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < count; ++i) {
        extras_->output.append({static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len});
        bytes += pieces[i].iov_len;
      }
      extras_->behind.consume(bytes);
    }
  }
  batch().due(*this);
}

}  // namespace bight::detail
