// One entry per descriptor number, with at most one reader and one writer. Entries are found by number when they are
// added and by object when they are removed: an object may have closed its descriptor already (and `fileno()` then says
// -1), and must come out all the same.
#include "descriptor_set.hpp"

#include <fcntl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>

#include <bight/connection_errors.hpp>
#include <bight/log.hpp>

namespace bight {

Selectable::~Selectable() = default;
ReactorFDSet::~ReactorFDSet() = default;

namespace detail {

class DescriptorSet::Entry final : public PollTarget, public std::enable_shared_from_this<Entry> {
 public:
  explicit Entry(DescriptorSet& owner) : set(owner) {}

  unsigned interest() const noexcept { return (reader ? pollRead : 0u) | (writer ? pollWrite : 0u); }

  void ready(unsigned events) noexcept override {
    const std::shared_ptr<Entry> kept = shared_from_this();  // this may be taken out by what it calls
    if (events & (pollRead | pollError)) call(reader, &Selectable::doRead);
    if (events & (pollWrite | pollError)) call(writer, &Selectable::doWrite);
  }

  std::string describe() const override {
    const Selectable* const one = reader ? reader.get() : writer.get();
    return one ? one->logPrefix() + " (" + typeName(typeid(*one)) + ")" : std::string("a descriptor");
  }

  DescriptorSet& set;
  PollHandle* handle = nullptr;
  std::shared_ptr<Selectable> reader;
  std::shared_ptr<Selectable> writer;

 private:
  void call(const std::shared_ptr<Selectable>& role, void (Selectable::*function)()) noexcept {
    const std::shared_ptr<Selectable> selectable = role;
    if (!selectable) return;
    try {
      (selectable.get()->*function)();
    } catch (...) {
      set.disconnect(selectable, Failure());
    }
  }
};

DescriptorSet::~DescriptorSet() {
  removeAll();
}

void DescriptorSet::add(std::shared_ptr<Selectable> selectable, Role role, const char* verb) {
  if (!selectable) throw std::invalid_argument(std::string(verb) + ": the pointer is null");
  const int fd = selectable->fileno();
  if (fd < 0) {
    throw std::invalid_argument(std::string(verb) + ": " + selectable->logPrefix() +
                                " has no descriptor (fileno() is " + std::to_string(fd) + ")");
  }
  const auto found = entries_.find(fd);
  if (found != entries_.end()) {
    Entry& entry = *found->second;
    if (entry.*role == selectable) return;
    if (entry.*role) {
      throw std::invalid_argument(std::string(verb) + ": descriptor " + std::to_string(fd) + " is watched for " +
                                  (entry.*role)->logPrefix() + " already; remove that one first");
    }
    const unsigned before = entry.interest();
    entry.*role = std::move(selectable);
    try {
      poller_.change(entry.handle, entry.interest());
    } catch (...) {
      entry.*role = nullptr;
      poller_.change(entry.handle, before);
      throw;
    }
    return;
  }
  auto entry = std::make_shared<Entry>(*this);
  (*entry).*role = std::move(selectable);
  const auto place = entries_.emplace(fd, entry).first;
  try {
    entry->handle = poller_.add(fd, entry->interest(), *entry);
  } catch (...) {
    entries_.erase(place);
    throw;
  }
}

void DescriptorSet::remove(const Selectable* selectable, Role role) noexcept {
  if (!selectable) return;
  const auto holds = [&](const auto& each) { return ((*each.second).*role).get() == selectable; };
  auto found = entries_.find(selectable->fileno());
  if (found == entries_.end() || !holds(*found)) found = std::find_if(entries_.begin(), entries_.end(), holds);
  if (found == entries_.end()) return;
  const std::shared_ptr<Entry> entry = found->second;
  const std::shared_ptr<Selectable> dying = std::exchange((*entry).*role, nullptr);
  if (entry->interest() == 0) {
    poller_.remove(std::exchange(entry->handle, nullptr));
    entries_.erase(found);
    return;
  }
  try {
    poller_.change(entry->handle, entry->interest());
  } catch (...) {
    // Watching less can only fail if the descriptor was closed under us. Then the other role is over too.
    const std::shared_ptr<Selectable> other = entry->reader ? entry->reader : entry->writer;
    disconnect(other, Failure());
  }
}

void DescriptorSet::addReader(std::shared_ptr<Selectable> reader) {
  add(std::move(reader), &Entry::reader, "addReader");
}
void DescriptorSet::addWriter(std::shared_ptr<Selectable> writer) {
  add(std::move(writer), &Entry::writer, "addWriter");
}
void DescriptorSet::removeReader(const std::shared_ptr<Selectable>& reader) noexcept {
  remove(reader.get(), &Entry::reader);
}
void DescriptorSet::removeWriter(const std::shared_ptr<Selectable>& writer) noexcept {
  remove(writer.get(), &Entry::writer);
}

void DescriptorSet::disconnect(const std::shared_ptr<Selectable>& selectable, const Failure& reason) noexcept {
  const std::shared_ptr<Selectable> kept = selectable;
  remove(kept.get(), &Entry::reader);
  remove(kept.get(), &Entry::writer);
  try {
    kept->connectionLost(reason);
  } catch (...) {
    Logger("bight.reactor").failure("Unhandled Error in connectionLost of " + kept->logPrefix(), Failure());
  }
}

void DescriptorSet::preen() noexcept {
  std::vector<std::shared_ptr<Entry>> gone;
  for (const auto& [fd, entry] : entries_) {
    if (::fcntl(fd, F_GETFD) < 0) gone.push_back(entry);
  }
  for (const auto& entry : gone) {
    const Failure reason(ConnectionLost("the descriptor was closed while the reactor watched it; remove it before"));
    for (Role role : {&Entry::reader, &Entry::writer}) {
      if (const std::shared_ptr<Selectable> selectable = (*entry).*role) disconnect(selectable, reason);
    }
  }
}

std::vector<std::shared_ptr<Selectable>> DescriptorSet::removeAll() {
  std::vector<std::shared_ptr<Selectable>> removed;
  const auto entries = std::exchange(entries_, {});
  for (const auto& [fd, entry] : entries) {
    poller_.remove(std::exchange(entry->handle, nullptr));
    for (Role role : {&Entry::reader, &Entry::writer}) {
      std::shared_ptr<Selectable> selectable = std::exchange((*entry).*role, nullptr);
      if (selectable && std::find(removed.begin(), removed.end(), selectable) == removed.end()) {
        removed.push_back(std::move(selectable));
      }
    }
  }
  return removed;
}

std::vector<std::shared_ptr<Selectable>> DescriptorSet::all(Role role) const {
  std::vector<std::shared_ptr<Selectable>> found;
  for (const auto& [fd, entry] : entries_) {
    if ((*entry).*role) found.push_back((*entry).*role);
  }
  return found;
}

std::vector<std::shared_ptr<Selectable>> DescriptorSet::readers() const {
  return all(&Entry::reader);
}
std::vector<std::shared_ptr<Selectable>> DescriptorSet::writers() const {
  return all(&Entry::writer);
}

}  // namespace detail
}  // namespace bight
