// What the connections of one Site share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bight/http/parser.hpp>
#include <bight/http/server.hpp>

#include "body_pipe.hpp"
#include "deadline_wheel.hpp"

namespace bight::http::detail {

class Connection;

// What a connection has while input is incomplete or unread.
struct Input final : BodySource {
  explicit Input(const RequestParser::Options& options) : parser(options) {}
  void pauseBody() override;
  void resumeBody() override;
  void bodyDropped() override;
  std::string_view unread() const noexcept { return std::string_view(bytes).substr(used); }

  RequestParser parser;
  std::string bytes;
  std::size_t used = 0;  // of bytes
  // Of a content that its resource reads itself:
  Connection* owner = nullptr;
  Ref<BodyPipe> pipe;
  std::size_t skipped = 0;   // so much of it came that nobody wanted
  std::size_t progress = 0;  // so much has come since the deadline was set
};

class SiteState {
 public:
  SiteState(ReactorTime& clock, std::shared_ptr<Resource> root, const SiteOptions& options);
  ~SiteState();
  SiteState(const SiteState&) = delete;
  SiteState& operator=(const SiteState&) = delete;

  const SiteOptions& options() const noexcept { return options_; }
  ReactorTime& clock() const noexcept { return clock_; }
  const std::shared_ptr<Resource>& root() const noexcept { return root_; }
  DeadlineWheel& deadlines() noexcept { return deadlines_; }

  // The present second of the wheel, and the Date field's value. Looked up once in a second, and only while there are
  // requests.
  std::uint32_t second() {
    if (!fresh_) refresh();
    return second_;
  }
  std::string_view date() {
    if (!fresh_) refresh();
    return date_;
  }
  // The second in which `timeout` from now will be over, for the wheel; 0 for a timeout of zero, which is none.
  std::uint32_t after(Duration timeout) {
    return timeout <= Duration(0)
               ? 0
               : second() + static_cast<std::uint32_t>((timeout + std::chrono::seconds(1) - Duration(1)) /
                                                       std::chrono::seconds(1));
  }

  // Connections, from their beginning to their end.
  // False: there are too many.
  bool came() noexcept { return ++connections_ <= options_.connections || options_.connections == 0; }
  void went();
  bool draining() const noexcept { return draining_; }
  Deferred<void> drain(Duration limit);

  bool logs() const noexcept { return static_cast<bool>(accessLog_); }
  void log(const AccessEntry& entry) noexcept;
  void setAccessLog(Function<void(const AccessEntry&)> accessLog) { accessLog_ = std::move(accessLog); }

  // One that holds nothing.
  std::unique_ptr<Input> takeInput();
  void giveInput(std::unique_ptr<Input> input) noexcept;

  // What a connection is to be upgraded to, from its 101 to the end of the same call.
  std::shared_ptr<Protocol> upgradeTo;

  // An empty string with room, for the composition of one answer; not across anything that runs users' code.
  std::string& scratch() noexcept {
    scratch_.clear();
    return scratch_;
  }

 private:
  void refresh();

  SiteOptions options_;
  ReactorTime& clock_;
  std::shared_ptr<Resource> root_;
  DeadlineWheel deadlines_;
  std::vector<std::unique_ptr<Input>> spare_;
  std::string scratch_;
  std::string date_;
  std::uint32_t second_ = 0;
  bool fresh_ = false;
  bool draining_ = false;
  std::size_t connections_ = 0;
  DelayedCall stale_;
  DelayedCall drainLimit_;
  std::vector<Promise<void>> drained_;
  Function<void(const AccessEntry&)> accessLog_;
};

}  // namespace bight::http::detail
