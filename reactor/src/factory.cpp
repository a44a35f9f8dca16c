#include <bight/factory.hpp>

namespace bight {

Factory::~Factory() = default;

void Factory::doStart() {
  if (numPorts_ == 0) startFactory();
  ++numPorts_;
}

void Factory::doStop() {
  if (numPorts_ == 0) return;
  if (--numPorts_ == 0) stopFactory();
}

}  // namespace bight
