/// @file
/// Two protocols, connected in memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <bight/export.hpp>
#include <bight/failure.hpp>
#include <bight/protocol.hpp>
#include <bight/testing/string_transport.hpp>

namespace bight::testing {

/// One end of an `IOPump`: a `StringTransport` whose bytes go to the other end, and whose closing calls do close.
class BIGHT_API PumpTransport final : public StringTransport {
 public:
  PumpTransport(Address peer, Address host);

  Takeover takeOver(std::shared_ptr<Protocol> layer) override;
  /// A dispatch of the pump is one step of `IOPump::pump()`; what is written between two belongs to the next.
  bool whenDispatchEnds(Function<void()> call) override;

 private:
  friend class IOPump;
  ~PumpTransport() override;

  std::shared_ptr<Protocol>* protocol_ = nullptr;  // the pump's, while that lives
  std::vector<Function<void()>> atEnd_;            // of the dispatch
  bool ended_ = false;                             // the other side has been told of our end of data
  bool peerEnded_ = false;                         // and we of the other's
  bool told_ = false;                              // writeConnectionLost() has been called
};

/// Connects a client's protocol and a server's, and moves bytes between them when the test says so. It behaves as a TCP
/// connection does: the same order of calls, the same reasons (a close arrives as `ConnectionDone`, an abort as
/// `ConnectionLost`), half close, producers, paused reading.
///
/// ```cpp
/// auto client = std::make_shared<Asker>();
/// testing::IOPump pump(client, std::make_shared<Answerer>());
/// pump.flush();
/// BOOST_TEST(client->answer == "42");
/// ```
///
/// What a protocol throws closes its connection, as it would in a reactor, and then comes out of `pump()` or `flush()`,
/// so that the test sees it. When the pump dies, both protocols lose their connection, if they still have it.
class BIGHT_API IOPump {
 public:
  /// Makes the connection, the server's end first.
  IOPump(std::shared_ptr<Protocol> client, std::shared_ptr<Protocol> server);
  ~IOPump();
  IOPump(const IOPump&) = delete;
  IOPump& operator=(const IOPump&) = delete;

  /// Moves what either side has written to the other, in pieces of at most `most` bytes, one piece each way; and closes
  /// what is to be closed. @return whether anything happened
  bool pump(std::size_t most = 65536);
  /// Pumps until nothing happens any more. @return how many times something did
  /// @throws std::runtime_error after 100,000 times: the two will never be done
  std::size_t flush(std::size_t most = 65536);

  PumpTransport& clientTransport() const noexcept { return *client_.transport; }
  PumpTransport& serverTransport() const noexcept { return *server_.transport; }

 private:
  struct End {
    std::shared_ptr<Protocol> protocol;
    Ref<PumpTransport> transport;
  };

  bool move(End& from, End& to, std::size_t most);
  void endOfData(End& end);
  bool endDispatch();
  template <class F>
  void guard(End& end, F&& f);

  End client_;
  End server_;
  std::optional<Failure> thrown_;
};

}  // namespace bight::testing
