/// @file
/// Internal: the descriptors that users let the reactor watch (B70).
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include <bight/failure.hpp>
#include <bight/fdset.hpp>
#include <bight/poller.hpp>

namespace bight::detail {

/// What implements ReactorFDSet.
class DescriptorSet {
 public:
  explicit DescriptorSet(Poller& poller) : poller_(poller) {}
  ~DescriptorSet();
  DescriptorSet(const DescriptorSet&) = delete;
  DescriptorSet& operator=(const DescriptorSet&) = delete;

  void addReader(std::shared_ptr<Selectable> reader);
  void addWriter(std::shared_ptr<Selectable> writer);
  void removeReader(const std::shared_ptr<Selectable>& reader) noexcept;
  void removeWriter(const std::shared_ptr<Selectable>& writer) noexcept;
  std::vector<std::shared_ptr<Selectable>> removeAll();
  /// Takes out whoever closed a descriptor without removing it first, and tells them: some pollers cannot wait any more
  /// with such a one in their set (B29).
  void preen() noexcept;
  std::vector<std::shared_ptr<Selectable>> readers() const;
  std::vector<std::shared_ptr<Selectable>> writers() const;

 private:
  class Entry;
  using Role = std::shared_ptr<Selectable> Entry::*;

  void add(std::shared_ptr<Selectable> selectable, Role role, const char* verb);
  void remove(const Selectable* selectable, Role role) noexcept;
  std::vector<std::shared_ptr<Selectable>> all(Role role) const;
  /// Takes `selectable` out in both roles and tells it.
  void disconnect(const std::shared_ptr<Selectable>& selectable, const Failure& reason) noexcept;

  Poller& poller_;
  std::unordered_map<int, std::shared_ptr<Entry>> entries_;
};

}  // namespace bight::detail
