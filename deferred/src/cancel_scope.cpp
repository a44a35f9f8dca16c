#include <bight/cancel_scope.hpp>

#include "free_list.hpp"

namespace bight {

namespace detail {

/// One chain in one scope: a link in the scope's list, owned by the chain.
struct ScopeEntry {
  Chain* chain;
  ScopeEntry** from;  // what points to this entry: the scope, or the entry before
  ScopeEntry* next;

  using Blocks = FreeList<3 * sizeof(void*), 256>;
};

void Chain::leaveScope() noexcept {
  ScopeEntry* entry = std::exchange(scope_, nullptr);
  *entry->from = entry->next;
  if (entry->next) entry->next->from = entry->from;
  ScopeEntry::Blocks::give(entry);
}

void Chain::cutOff() noexcept {
  if (stages_.empty()) return;
  flags_ |= cut;
  if (flags_ & running) return;  // the loop does the rest
  addReference();
  flags_ |= running;  // what a stage had captured may bring about additions when it goes: they go as well
  stages_.clear();
  flags_ &= static_cast<std::uint16_t>(~running);
  consume();
  dropReference();
}

}  // namespace detail

void CancelScope::add(detail::Chain& chain) {
  if (chain.scope_) chain.leaveScope();
  auto* entry = ::new (detail::ScopeEntry::Blocks::take()) detail::ScopeEntry{&chain, &first_, first_};
  if (first_) first_->from = &entry->next;
  first_ = entry;
  chain.scope_ = entry;
}

void CancelScope::cancel() noexcept {
  while (first_) {
    detail::Chain& chain = *first_->chain;
    const detail::ChainReference keep(chain);
    chain.leaveScope();
    chain.cancel();
    chain.cutOff();
  }
}

}  // namespace bight
