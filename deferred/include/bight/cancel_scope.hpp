/// @file
/// `CancelScope`: ties Deferreds to the life of an object.
#pragma once

#include <source_location>
#include <utility>

#include <bight/deferred.hpp>

namespace bight {

/// Cancels, when it ends, every Deferred that was tracked and is not finished, and drops the stages that even then have
/// not run. So a stage may capture `this` of the object that owns the scope:
///
///     class Session {
///       void load() {
///         scope_.track(fetch(url_)).addCallback([this](Page page) { show(page); });
///       }
///       CancelScope scope_;      // last member: it ends first
///     };
///
/// The stages see the CancelledError while the object still lives; an errback that recovers by waiting for something
/// else waits in vain: what would have come after is dropped. None of the tracked stages runs once `cancel()` or the
/// destructor has returned; also those added after `track`. A Protocol has a scope of its own (`Protocol::track`),
/// which ends right after connectionLost.
class BIGHT_API CancelScope {
 public:
  CancelScope() noexcept = default;
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;
  ~CancelScope() { cancel(); }

  /// Ties the chain to this scope, and gives its handle back. A chain is in one scope: tracking it again moves it.
  template <class T>
  Deferred<T> track(Deferred<T> deferred) {
    add(deferred.chain());
    return deferred;
  }

  /// Cancels what is tracked now. The scope can be used again.
  void cancel() noexcept;

  /// Whether nothing is tracked.
  bool empty() const noexcept { return !first_; }

 private:
  friend class detail::Chain;
  void add(detail::Chain& chain);

  detail::ScopeEntry* first_ = nullptr;
};

}  // namespace bight
