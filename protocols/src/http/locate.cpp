#include "locate.hpp"

#include <algorithm>
#include <optional>

#include <bight/http/status.hpp>

namespace bight::http::detail {

std::shared_ptr<Resource> RequestAccess::locate(std::shared_ptr<Resource> resource, Request& request) {
  const std::string_view path = request.path();
  std::size_t at = std::min<std::size_t>(request.below_, path.size());
  while (!resource->isLeaf() && at < path.size()) {
    request.below_ = static_cast<std::uint16_t>(at);
    if (path[at] != '/') return nullptr;  // "*"
    const std::size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view part = path.substr(at + 1, end - at - 1);
    std::string decoded;
    std::string_view name = part;
    if (part.find('%') != std::string_view::npos) {
      std::optional<std::string> text = percentDecode(part);
      if (!text) throw StatusError(400, "The path of the URL is not properly encoded.");
      decoded = *std::move(text);
      name = decoded;
    }
    std::shared_ptr<Resource> child = resource->findChild(name);
    if (!child) child = resource->getChild(name, request);
    if (!child) {
      if (part.empty() && end == path.size()) break;  // "/rooms/" is "/rooms", unless somebody answers for ""
      return nullptr;
    }
    resource = std::move(child);
    at = end;
  }
  request.below_ = static_cast<std::uint16_t>(at);
  return resource;
}

std::uint64_t RequestAccess::streamedBody(const std::shared_ptr<Resource>& root, const Request& request) {
  auto& changing = const_cast<Request&>(request);
  const std::uint16_t below = request.below_;
  const std::shared_ptr<Resource> resource = locate(root, changing);
  const std::uint64_t streamed = resource ? resource->streamedBody(request) : 0;
  changing.below_ = below;
  return streamed;
}

Answer RequestAccess::render(const std::shared_ptr<Resource>& root, Request& request) {
  std::shared_ptr<Resource> resource = locate(root, request);
  if (!resource) return Response::error(404, "There is nothing at this address.");
  Answer answer = resource->render(request);
  return std::move(answer).keeping(std::move(resource));
}

RequestExtras& RequestAccess::extras(Request& request) {
  if (!request.extras_) request.extras_ = std::make_unique<RequestExtras>();
  return *request.extras_;
}

}  // namespace bight::http::detail
