#include "locate.hpp"

#include <algorithm>
#include <optional>

#include <bight/http/status.hpp>

namespace bight::http::detail {

// Nobody is counted on the way: what was put stays where it is, and what was made for this request is kept here.
std::shared_ptr<Resource> RequestAccess::locate(const std::shared_ptr<Resource>& root, Request& request) {
  const std::shared_ptr<Resource>* here = &root;
  std::shared_ptr<Resource> made;
  const std::string_view path = request.path();
  std::size_t at = std::min<std::size_t>(request.below_, path.size());
  while (!(*here)->isLeaf() && at < path.size()) {
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
    const auto& put = (*here)->children_;
    if (const auto child = put.find(name); child != put.end()) {
      here = &child->second;
    } else {
      std::shared_ptr<Resource> parent = *here;  // it may take itself off the tree
      std::shared_ptr<Resource> next = parent->getChild(name, request);
      if (!next) {
        if (part.empty() && end == path.size()) {  // "/rooms/" is "/rooms", unless somebody answers for ""
          request.below_ = static_cast<std::uint16_t>(at);
          return parent;
        }
        return nullptr;
      }
      made = std::move(next);
      here = &made;
    }
    at = end;
  }
  request.below_ = static_cast<std::uint16_t>(at);
  return *here;
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
