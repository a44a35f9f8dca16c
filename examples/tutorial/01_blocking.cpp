// Three pages, one after the other: while the program waits for one it does nothing else.
#include <array>

#include <unistd.h>

#include "slow_sites.hpp"

// region: get
std::string get(const Site& site) {
  const int descriptor = connectTo(site);
  std::string page;
  std::array<char, 1024> piece{};
  for (;;) {
    const ssize_t count = read(descriptor, piece.data(), piece.size());  // waits here, for as long as it takes
    if (count <= 0) break;
    page.append(piece.data(), static_cast<std::size_t>(count));
  }
  close(descriptor);
  return page;
}
// endregion: get

int main() {
  const SlowSites sites;
  const auto start = std::chrono::steady_clock::now();
  // region: all
  Pages pages;
  for (const Site& site : sites.all()) pages[site.name] = get(site);
  show(pages, start);
  // endregion: all
}
