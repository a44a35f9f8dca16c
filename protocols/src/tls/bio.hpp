/// @file
/// Internal: OpenSSL's view of a layer.
#pragma once

#include "openssl.hpp"

namespace bight::tls::detail {

class Layer;

/// A BIO that reads the layer's input from where it lies, and hands output to the layer: unlike a pair of memory BIOs,
/// it keeps and copies nothing. The layer must outlive it.
BioPtr makeBio(Layer& layer);

}  // namespace bight::tls::detail
