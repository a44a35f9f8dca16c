#include "bio.hpp"

#include <new>

#include "layer.hpp"

namespace bight::tls::detail {

namespace {

Layer& layerOf(BIO* bio) noexcept {
  return *static_cast<Layer*>(BIO_get_data(bio));
}

int readFromLayer(BIO* bio, char* to, std::size_t size, std::size_t* got) noexcept {
  BIO_clear_retry_flags(bio);
  *got = layerOf(bio).giveInput(to, size);
  if (*got > 0) return 1;
  BIO_set_retry_read(bio);
  return 0;
}

int writeToLayer(BIO* bio, const char* from, std::size_t size, std::size_t* taken) noexcept {
  BIO_clear_retry_flags(bio);
  *taken = size;
  return layerOf(bio).takeOutput({from, size}) ? 1 : 0;
}

/// OpenSSL flushes, and asks for what we do not have.
long control(BIO*, int command, long, void*) noexcept {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* makeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bight transport");
  if (!method || BIO_meth_set_read_ex(method, readFromLayer) != 1 || BIO_meth_set_write_ex(method, writeToLayer) != 1 ||
      BIO_meth_set_ctrl(method, control) != 1)
    throw std::bad_alloc();
  return method;
}

}  // namespace

BioPtr makeBio(Layer& layer) {
  static BIO_METHOD* const method = makeMethod();
  BioPtr bio(BIO_new(method));
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio.get(), &layer);
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace bight::tls::detail
