#include <bight/http/middleware.hpp>

#include <stdexcept>
#include <utility>

#include "locate.hpp"
#include "middleware_chain.hpp"

namespace bight::http {

namespace detail {

void MiddlewareChain::add(Middleware middleware) {
  if (!middleware) throw std::invalid_argument("bight::http: a middleware is empty");
  middlewares_.push_back(std::move(middleware));
}

Answer MiddlewareChain::render(Request& request, std::size_t from) {
  if (from == middlewares_.size()) return last(request);
  return middlewares_[from](request, Next(shared_from_this(), from + 1));
}

namespace {

class Behind final : public Resource {
 public:
  Behind(std::vector<Middleware> middlewares, std::shared_ptr<Resource> resource)
      : resource_(std::move(resource)), chain_(std::make_shared<Chain>(resource_)) {
    if (!resource_) throw std::invalid_argument("bight::http::behind: the resource is null");
    for (Middleware& middleware : middlewares) chain_->add(std::move(middleware));
  }

  bool isLeaf() const noexcept override { return true; }
  std::uint64_t streamedBody(const Request& request) const override {
    return RequestAccess::streamedBody(resource_, request);
  }
  Answer render(Request& request) override { return chain_->render(request); }

 private:
  class Chain final : public MiddlewareChain {
   public:
    explicit Chain(std::shared_ptr<Resource> resource) : resource_(std::move(resource)) {}
    Answer last(Request& request) override { return RequestAccess::render(resource_, request); }

   private:
    std::shared_ptr<Resource> resource_;
  };

  std::shared_ptr<Resource> resource_;
  std::shared_ptr<Chain> chain_;
};

}  // namespace
}  // namespace detail

Next::Next(std::shared_ptr<detail::MiddlewareChain> chain, std::size_t index) noexcept
    : chain_(std::move(chain)), index_(index) {}

Answer Next::operator()(Request& request) const {
  return chain_->render(request, index_);
}

std::shared_ptr<Resource> behind(std::vector<Middleware> middlewares, std::shared_ptr<Resource> resource) {
  return std::make_shared<detail::Behind>(std::move(middlewares), std::move(resource));
}

std::shared_ptr<Resource> behind(Middleware middleware, std::shared_ptr<Resource> resource) {
  std::vector<Middleware> one;
  one.push_back(std::move(middleware));
  return behind(std::move(one), std::move(resource));
}

}  // namespace bight::http
