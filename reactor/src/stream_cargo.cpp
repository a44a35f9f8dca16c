// Descriptors that travel with bytes, over UNIX sockets (B57).
//
// Sending: while any waits, everything written goes to the connection's own output, and leaves in messages that begin with the byte a
// descriptor is tied to and end before the next such byte. So each is with its byte, whatever the system takes at once. Whether all of them
// have a byte is asked when the dispatch ends.
//
// Receiving: only if the protocol wants them; a plain recv() lets the system close what comes. The system ends a read behind the first
// message with descriptors, so they arrive not later than their byte; bytes sent before may come in the same read, after them.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include <bight/connection_errors.hpp>
#include <bight/unix.hpp>

#include "stream_connection.hpp"

namespace bight::detail {

namespace {

/// Takes the descriptors out of a message that was received.
std::vector<FileDescriptor> unload(msghdr& message) {
  std::vector<FileDescriptor> found;
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    found.reserve(found.size() + count);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
      found.emplace_back(fd);
#ifndef MSG_CMSG_CLOEXEC
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    }
  }
  return found;
}

#ifdef MSG_CMSG_CLOEXEC
constexpr int closedOnExec = MSG_CMSG_CLOEXEC;
#else
constexpr int closedOnExec = 0;
#endif

}  // namespace

void StreamConnection::sendFileDescriptor(int descriptor) {
  reactorOnlyThread("Transport::sendFileDescriptor");
  if (!isLocal()) return Transport::sendFileDescriptor(descriptor);  // throws
  if (fd_ >= 0 && sys::isSimulated(fd_)) reactor().notSimulated("Transport::sendFileDescriptor");
  if (holdsWrites()) {
    throw std::logic_error(
        "sendFileDescriptor: a file is being sent over this connection; wait for the Deferred of sendFile, so that the "
        "descriptor has a byte to travel with");
  }
  FileDescriptor copy = FileDescriptor::duplicate(descriptor);
  if (!takesWrites()) return;
  sendPending();
  if (!takesWrites()) return;
  auto& cargo = extras().cargo;
  if (!cargo) cargo = std::make_unique<Cargo>();
  if (cargo->size() >= Cargo::most)
    return doom(
        Failure(FileDescriptorOverrun("Connection was closed: " + std::to_string(cargo->size()) +
                                      " descriptors wait to be sent already, which is the most; the peer does not "
                                      "read, or no bytes were written to carry them.")));
  cargo->add(std::move(copy), extras_->output.size());
  batch().due(*this);
  pauseIfFull();
}

/// The end of the dispatch, with descriptors waiting. @return whether to send now
bool StreamConnection::loadCargo() noexcept {
  if (!extras_->cargo->fits(extras_->output.size())) {
    doom(Failure(FileDescriptorOverrun(
        "Connection was closed: " + std::to_string(extras_->cargo->size()) +
        " descriptors were to be sent, and fewer bytes; write at least one byte for each in the same dispatch.")));
    return false;
  }
  return (interest_ & pollWrite) == 0;  // else the system has said that there is no room
}

void StreamConnection::sendKeptWithCargo() noexcept {
  constexpr std::size_t maxPieces = 16;
  bool progress = false;
  while (extras_->cargo) {
    Cargo& cargo = *extras_->cargo;
    iovec vectors[maxPieces];
    std::size_t count = extras_->output.front(vectors, maxPieces);
    std::size_t room = cargo.together(extras_->output.size());
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i].iov_len = std::min(vectors[i].iov_len, room);
      room -= vectors[i].iov_len;
      if (room == 0) count = i + 1;
    }
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (const int fd = cargo.first(); fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ssize_t sent;
    do sent = ::sendmsg(fd_, &message, quietly);
    while (sent < 0 && errno == EINTR);
    countSent(sent);
    if (sent <= 0) {
      if (sent < 0 && !isTransient(errno)) return sendFailed(errno);
      break;
    }
    progress = true;
    cargo.leave(static_cast<std::size_t>(sent));
    extras_->output.consume(static_cast<std::size_t>(sent));
    if (cargo.empty()) extras_->cargo.reset();
  }
  if (!progress) return;
  extras_->moved = true;
  batch().due(*this);
  resumeIfLow();
}

[[gnu::noinline]] void StreamConnection::receiveWithCargo() noexcept {
  const auto buffer = reactor().readBuffer();
  iovec whole{buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(Cargo::most * sizeof(int))];
  msghdr message{};
  message.msg_iov = &whole;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(fd_, &message, closedOnExec);
  if (got < 0) return receivedNothing(got);
  reactor().count().bytesIn.add(static_cast<std::uint64_t>(got));
  std::vector<FileDescriptor> descriptors = unload(message);
  if (message.msg_flags & MSG_CTRUNC)
    return doom(Failure(FileDescriptorOverrun(
        "Connection was closed: descriptors that the peer sent are lost, because this process has too many open; raise "
        "the limit (ulimit -n) or close what is not needed.")));
  const auto listening = [this] { return is(isOpen) && !is(isDoomed | isDisconnecting); };
  const auto protocol = protocol_;  // a layer may take the connection over meanwhile
  auto* receiver = dynamic_cast<FileDescriptorReceiver*>(protocol.get());
  for (auto& descriptor : descriptors) {
    run("while calling fileDescriptorReceived", [&] { receiver->fileDescriptorReceived(std::move(descriptor)); });
    if (!listening()) return;
  }
  if (got == 0) return endOfData();
  run("while calling dataReceived", [&] { protocol_->dataReceived({buffer.data(), static_cast<std::size_t>(got)}); });
}

std::optional<PeerCredentials> StreamConnection::getPeerCredentials() const {
  if (fd_ < 0 || !isLocal()) return std::nullopt;
  PeerCredentials peer;
#if defined(SO_PEERCRED) && defined(__linux__)
  ucred known{};
  socklen_t length = sizeof known;
  if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &known, &length) != 0) return std::nullopt;
  peer.pid = known.pid;
  peer.uid = known.uid;
  peer.gid = known.gid;
#else
  uid_t uid = 0;
  gid_t gid = 0;
  if (::getpeereid(fd_, &uid, &gid) != 0) return std::nullopt;
  peer.uid = uid;
  peer.gid = gid;
#endif
  return peer;
}

}  // namespace bight::detail
