/// @file
/// Internal: a TCP port of all reactors of a group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <bight/reactor_group.hpp>

#include "group_state.hpp"
#include "socket.hpp"
#include "tcp_port.hpp"

namespace bight::detail {

class GroupTcpPort final : public GroupPort, public std::enable_shared_from_this<GroupTcpPort> {
 public:
  using MakeFactory = Function<std::shared_ptr<Factory>(Reactor&, std::size_t)>;

  /// Takes the port: one socket for each reactor. @throws CannotListenError
  GroupTcpPort(const std::shared_ptr<GroupState>& group, std::uint16_t port, MakeFactory makeFactory,
               const ListenOptions& options, Sharing sharing = systemSharing);

  Address getHost() const override { return host_; }
  Deferred<void> whenListening() override;
  Deferred<void> stopListening() override;

  /// In the thread of a reactor: it listens now, unless all have been stopped.
  void listenOn(Reactor& reactor, std::size_t index);
  /// In the thread of a reactor, which ends: lets go of its port, and so of its factory.
  void leave(std::size_t index);
  /// All listen, or not all.
  void settled(const Failure* failure);

 private:
  Deferred<void> stopAll(GroupState& group);
  Deferred<void> stopOn(std::size_t index);

  const std::weak_ptr<GroupState> group_;
  const ListenOptions options_;
  const bool inSetup_;       // then the failure of its step comes out of run()
  MakeFactory makeFactory_;  // only used by one step on one reactor at a time
  Address host_;

  std::mutex mutex_;                          // guards what follows
  std::vector<Descriptor> sockets_;           // those that no reactor has taken yet
  std::vector<std::shared_ptr<Port>> ports_;  // each is used by its own reactor only
  bool stopped_ = false;
  std::optional<Result<void>> outcome_;
  std::vector<ThreadPromise<void>> waiting_;
};

}  // namespace bight::detail
