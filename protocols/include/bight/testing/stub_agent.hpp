/// @file
/// `StubAgent`: a client's answers without a network, for tests of what makes requests.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <bight/export.hpp>
#include <bight/function.hpp>
#include <bight/http/agent.hpp>
#include <bight/http/resource.hpp>
#include <bight/time.hpp>

namespace bight::testing {

/// An Agent whose requests go to resources in this process, whatever host they are for: through the same client, the
/// same server and the same bytes as ever, but without sockets, TLS and time. Twisted: treq's `StubTreq`.
///
///     auto stub = std::make_shared<testing::StubAgent>([](http::Request& request) {
///       return http::Response::text("you asked " + std::string(request.host()));
///     });
///     http::Client client(stub);
///     client.get("https://a.example/").addCallback([](http::ClientResponse response) { … });   // runs at once
///
/// What is answered at once is there when `request` returns. When a resource answers later, or time is to pass, call
/// `flush` or `advance`.
class BIGHT_API StubAgent final : public http::Agent {
 public:
  /// Answers as a Site with this tree would. @throws std::invalid_argument if it is null
  explicit StubAgent(std::shared_ptr<http::Resource> root, http::AgentOptions options = {});
  /// Answers every path and method by one function.
  explicit StubAgent(Function<http::Answer(http::Request&)> answer, http::AgentOptions options = {});
  ~StubAgent() override;

  Deferred<http::ClientResponse> request(http::OutgoingRequest request) override;
  ReactorTime& clock() override;

  /// Moves what was written to the other side, until nothing moves any more. @return whether anything did
  bool flush();
  /// Lets time pass, and flushes.
  void advance(Duration amount);
  /// The requests that were made, in order: "GET http://a.example/b".
  const std::vector<std::string>& requests() const noexcept;
  /// How many connections are open.
  std::size_t connections() const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace bight::testing
