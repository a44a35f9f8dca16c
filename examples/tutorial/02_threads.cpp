// Three pages, each in a thread of its own: they wait at the same time.
#include <array>
#include <mutex>

#include <unistd.h>

#include "slow_sites.hpp"

std::string get(const Site& site) {
  const int descriptor = connectTo(site);
  std::string page;
  std::array<char, 1024> piece{};
  for (;;) {
    const ssize_t count = read(descriptor, piece.data(), piece.size());
    if (count <= 0) break;
    page.append(piece.data(), static_cast<std::size_t>(count));
  }
  close(descriptor);
  return page;
}

int main() {
  const SlowSites sites;
  const auto start = std::chrono::steady_clock::now();
  // region: all
  Pages pages;
  std::mutex mutex;  // for pages; only this comment says so
  std::vector<std::thread> threads;
  for (const Site& site : sites.all()) {
    threads.emplace_back([&pages, &mutex, site] {
      std::string page = get(site);
      const std::lock_guard lock(mutex);
      pages[site.name] = std::move(page);
    });
  }
  for (std::thread& thread : threads) thread.join();
  show(pages, start);
  // endregion: all
}
