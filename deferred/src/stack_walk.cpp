// The unwinder of the C++ library finds, for each frame, the description of its function among all that are loaded, and
// interprets it: about 100 ns a frame. But what it finds for an address is nearly always the same: so many bytes up lies
// the next return address. So each thread remembers that distance by address, and walks by itself over addresses that it
// knows; at the first that it does not, the unwinder walks, and what it finds is remembered.
//
// A function whose frame has no fixed size (`alloca`, realigned stacks) has another distance another time. Then the walk
// comes to something that is no return address that it knows, and the unwinder walks again; it sees the other distance, and
// that address is never walked over again. Whatever is read lies in the stack of this thread.
#include "stack_walk.hpp"

#include <pthread.h>
#include <unwind.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define BIGHT_UNCHECKED __attribute__((no_sanitize("address", "thread", "memory")))
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BIGHT_UNCHECKED __attribute__((no_sanitize("address", "thread")))
#endif
#ifndef BIGHT_UNCHECKED
#define BIGHT_UNCHECKED
#endif

namespace bight::detail {

namespace {

struct Walk {
  const void* wanted;  // the first address; nothing is noted before it
  const void** addresses;
  unsigned most;
  unsigned depth = 0;
  bool whole = false;  // it came to the end of the stack
  // Of each frame, where its stack pointer stood at the call.
  std::uintptr_t frames[64];
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* to) {
  Walk& walk = *static_cast<Walk*>(to);
  const _Unwind_Ptr address = _Unwind_GetIP(context);
  if (address == 0) {
    walk.whole = true;
    return _URC_END_OF_STACK;
  }
  const void* const place = reinterpret_cast<const void*>(address);  // NOLINT(performance-no-int-to-ptr)
  if (walk.depth == 0 && place != walk.wanted) return _URC_NO_REASON;
  walk.frames[walk.depth] = _Unwind_GetCFA(context);
  walk.addresses[walk.depth++] = place;
  return walk.depth < walk.most ? _URC_NO_REASON : _URC_END_OF_STACK;
}

#if defined(__x86_64__)

/// What is known of a return address: how far above the stack pointer at its call its own caller's lies.
struct Known {
  const void* address;
  std::uint32_t distance;  // in bytes; 0 if that is not known
  bool varies;
  bool last;  // the stack ends there
};

struct Memory {
  static constexpr unsigned size = 1024;
  static constexpr unsigned mostUsed = size * 3 / 4;
  Known known[size];
  unsigned used;
  std::uintptr_t low;  // of the stack of the thread
  std::uintptr_t high;

  Known* find(const void* address) noexcept {
    std::uintptr_t slot = reinterpret_cast<std::uintptr_t>(address);
    slot = (slot ^ (slot >> 12)) * 0x9E3779B97F4A7C15ULL >> 54;
    while (known[slot].address && known[slot].address != address) slot = (slot + 1) % size;
    return &known[slot];
  }
};

struct OfThread {
  Memory* memory;
  bool over;
};
constinit thread_local OfThread ofThread{};

struct Guard {
  ~Guard() {
    std::free(ofThread.memory);
    ofThread = {nullptr, true};
  }
};

Memory* makeMemory() noexcept {
  if (ofThread.over) return nullptr;
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return nullptr;
  void* low = nullptr;
  std::size_t size = 0;
  const bool told = pthread_attr_getstack(&attributes, &low, &size) == 0;
  pthread_attr_destroy(&attributes);
  if (!told) return nullptr;
  static thread_local Guard guard;
  static_cast<void>(&guard);
  ofThread.memory = static_cast<Memory*>(std::calloc(1, sizeof(Memory)));
  if (!ofThread.memory) return nullptr;
  ofThread.memory->low = reinterpret_cast<std::uintptr_t>(low);
  ofThread.memory->high = ofThread.memory->low + size;
  return ofThread.memory;
}

/// The walk over known addresses. 0 if it came to one that is not.
BIGHT_UNCHECKED unsigned walkKnown(Memory& memory, const void* address, std::uintptr_t frame, const void** addresses,
                                   unsigned most) noexcept {
  if (frame < memory.low) return 0;  // another stack than the thread's own, such as a fiber's
  for (unsigned depth = 0; depth < most;) {
    const Known& known = *memory.find(address);
    if (!known.address || known.varies) return 0;
    addresses[depth++] = address;
    if (known.last || depth == most) return depth;
    frame += known.distance;
    if (known.distance == 0 || frame > memory.high) return 0;
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    std::memcpy(static_cast<void*>(&address), reinterpret_cast<const void*>(frame - sizeof address), sizeof address);
  }
  return 0;
}

BIGHT_UNCHECKED void remember(Memory& memory, const Walk& walk) noexcept {
  for (unsigned i = 0; i < walk.depth; ++i) {
    if (walk.frames[i] < memory.low || walk.frames[i] > memory.high) return;
    if (memory.used >= Memory::mostUsed) {
      std::memset(memory.known, 0, sizeof memory.known);
      memory.used = 0;
    }
    Known& known = *memory.find(walk.addresses[i]);
    if (!known.address) {
      known = {walk.addresses[i], 0, false, false};
      ++memory.used;
    }
    if (i + 1 == walk.depth) {  // or there was no room for more
      known.last = known.last || walk.whole;
      known.varies = known.varies || (known.last && known.distance > 0);
      return;
    }
    const std::uintptr_t above = walk.frames[i + 1];
    const void* there = nullptr;
    if (above > walk.frames[i] && above <= memory.high) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      std::memcpy(static_cast<void*>(&there), reinterpret_cast<const void*>(above - sizeof there), sizeof there);
    }
    const auto distance = static_cast<std::uint32_t>(above - walk.frames[i]);
    if (there != walk.addresses[i + 1] || known.last || (known.distance > 0 && known.distance != distance)) {
      known.varies = true;
    } else {
      known.distance = distance;
    }
  }
}

#endif

}  // namespace

unsigned walkStack(const void* address, const void* frame, const void** addresses, unsigned most) noexcept {
  Walk walk{.wanted = address, .addresses = addresses, .most = most < 64 ? most : 64, .frames = {}};
#if defined(__x86_64__)
  Memory* const memory = ofThread.memory ? ofThread.memory : makeMemory();
  if (memory) {
    const unsigned depth = walkKnown(*memory, address, reinterpret_cast<std::uintptr_t>(frame), addresses, walk.most);
    if (depth > 0) return depth;
  }
#else
  static_cast<void>(frame);
#endif
  if (_Unwind_Backtrace(&step, &walk) == _URC_END_OF_STACK && walk.depth < walk.most) walk.whole = true;
#if defined(__x86_64__)
  if (memory) remember(*memory, walk);
#endif
  return walk.depth;
}

}  // namespace bight::detail
