/// @file
/// The world outside the programs of the tutorial: three sites that take their time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace bight {
class Reactor;
}

struct Site {
  std::string name;
  std::uint16_t port;  // of 127.0.0.1
};

/// Page by name of the site.
using Pages = std::map<std::string, std::string>;

/// Three sites. Each says one line 100 ms after somebody has connected, and hangs up. They live in a thread of their own, from the
/// constructor to the destructor, so that a program that does nothing but wait still has something to wait for.
class SlowSites {
 public:
  SlowSites();
  SlowSites(const SlowSites&) = delete;
  SlowSites& operator=(const SlowSites&) = delete;
  ~SlowSites();

  const std::vector<Site>& all() const noexcept { return all_; }

 private:
  std::vector<Site> all_;
  bight::Reactor* reactor_ = nullptr;
  std::thread thread_;
};

/// A socket that is connected to the site, as the system makes it: whoever reads from it waits until there is something to read.
/// @throws std::system_error if the site cannot be reached
int connectTo(const Site& site);

/// Prints the pages, and how long it took.
void show(const Pages& pages, std::chrono::steady_clock::time_point since);
