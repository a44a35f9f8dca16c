#include <bight/reactor_errors.hpp>

namespace bight {

ReactorNotRunning::~ReactorNotRunning() = default;
ReactorAlreadyRunning::~ReactorAlreadyRunning() = default;
ReactorNotRestartable::~ReactorNotRestartable() = default;
AlreadyCalled::~AlreadyCalled() = default;
AlreadyCancelled::~AlreadyCancelled() = default;
AlreadyQuit::~AlreadyQuit() = default;
WrongThread::~WrongThread() = default;

}  // namespace bight
