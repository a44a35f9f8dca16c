/// @file
/// Watching descriptors of your own: how a library that has its own sockets (libpq, curl, a Redis client) is plugged
/// into the reactor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <bight/export.hpp>
#include <bight/failure.hpp>

namespace bight {

/// Something with a descriptor that the reactor shall watch. Twisted: IReadDescriptor and IWriteDescriptor in one.
class BIGHT_API Selectable {
 public:
  virtual ~Selectable();

  /// The descriptor; asked for when it is added. It must stay open and the same until the object has been removed from
  /// the set, or until `connectionLost`. Selectables never close it: that is yours, in `connectionLost`.
  virtual int fileno() const = 0;

  /// There is something to read (or the end of it, or an error: read to find out). What it throws ends the watching:
  /// `connectionLost` is called with it. Called again in the next turn if anything is left to read.
  virtual void doRead() {}

  /// There is room to write. What it throws ends the watching, as with `doRead`.
  virtual void doWrite() {}

  /// Called once if `doRead` or `doWrite` threw, or if the reactor shuts down while this is watched. It is not in the
  /// set any more.
  virtual void connectionLost(const Failure& reason) { static_cast<void>(reason); }

  /// What the log shall call this one.
  virtual std::string logPrefix() const { return "descriptor"; }
};

/// The set of watched descriptors. The reactor holds a reference to what is in the set. Twisted: IReactorFDSet.
///
/// Reader and writer of one descriptor may be one object or two. Adding what is there and removing what is not does
/// nothing. An object that is removed is not called any more, not even for something that was already known to be
/// ready.
class BIGHT_API ReactorFDSet {
 public:
  virtual ~ReactorFDSet();

  /// Calls `reader->doRead()` whenever its descriptor is readable.
  /// @throws std::invalid_argument if the pointer is null or the descriptor is negative, or has another reader;
  /// std::length_error if the backend cannot watch so high a descriptor (select);
  /// std::system_error if the system refuses (for instance: epoll does not watch regular files).
  virtual void addReader(std::shared_ptr<Selectable> reader) = 0;

  /// Calls `writer->doWrite()` whenever its descriptor has room: add it only while there is something to write. Throws
  /// as `addReader`.
  virtual void addWriter(std::shared_ptr<Selectable> writer) = 0;

  virtual void removeReader(const std::shared_ptr<Selectable>& reader) = 0;
  virtual void removeWriter(const std::shared_ptr<Selectable>& writer) = 0;

  /// Empties the set without calling anybody, and returns what was in it, each once. The reactor's own descriptors (its
  /// waker, its connections and ports) are not part of the set.
  virtual std::vector<std::shared_ptr<Selectable>> removeAll() = 0;

  virtual std::vector<std::shared_ptr<Selectable>> getReaders() const = 0;
  virtual std::vector<std::shared_ptr<Selectable>> getWriters() const = 0;
};

}  // namespace bight
