// ClientConnection: one connection to a server, with one exchange at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <bight/http/response_parser.hpp>
#include <bight/protocol.hpp>
#include <bight/ref.hpp>
#include <bight/time.hpp>

#include "exchange.hpp"

namespace bight::http::detail {

class ClientConnection final : public Protocol {
 public:
  ClientConnection(std::shared_ptr<Pool> pool, Host& host, const Limits& limits);
  ~ClientConnection() override;

  // Sends the request of `exchange`, which must be the only one.
  void start(Ref<Exchange> exchange, std::string_view head);
  // The exchange is not interested any more: what is under way cannot be taken back, so the connection ends.
  void abandon();

  void dataReceived(std::string_view data) override;
  void connectionLost(const Failure& reason) override;
  std::string logPrefix() const override { return "http::NetworkAgent"; }

  Host& host() const noexcept { return host_; }
  std::size_t used() const noexcept { return used_; }
  Duration idleSince{};
  bool dead = false;  // it is of no use to the pool any more

 private:
  Deferred<void> sendBody(Ref<Exchange> exchange, std::shared_ptr<Protocol> self, bool chunked, bool askFirst);
  bool done();

  const std::shared_ptr<Pool> pool_;
  Host& host_;
  ResponseParser parser_;
  Ref<Exchange> current_;
  std::size_t used_ = 0;
  unsigned interim_ = 0;  // answers before the final one
  bool sending_ = false;
};

}  // namespace bight::http::detail
