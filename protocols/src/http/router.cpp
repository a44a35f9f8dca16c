// Routes are a tree with one node for each part of a path. A request's parts are decoded once, and the tree is searched depth first, in
// the order of precedence: at each node what is written out, then the parameter, then what takes all the rest, then what is mounted. The
// search goes back when a branch leads nowhere, so it may look at more nodes than there are parts: bounded by the routes, not by the client.
#include <bight/http/router.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "locate.hpp"
#include "middleware_chain.hpp"

namespace bight::http {

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  std::unique_ptr<Node> parameter;
  std::unique_ptr<Node> rest;
  std::shared_ptr<Methods> methods;  // null: no route ends here
  std::vector<std::string> names;    // of the parameters on the way, if one does
  std::shared_ptr<Resource> mounted;
};

namespace {

struct Part {
  std::string text;  // decoded
  std::size_t end;   // where it ends in the path
};

// The parts below where the router stands. Null: there are none ("*"). Throws StatusError(400).
std::optional<std::vector<Part>> partsOf(std::string_view path, std::size_t from) {
  std::vector<Part> parts;
  std::size_t at = std::min(from, path.size());
  if (at < path.size() && path[at] != '/') return std::nullopt;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at + 1), path.size());
    std::optional<std::string> text = percentDecode(path.substr(at + 1, end - at - 1));
    if (!text) throw StatusError(400, "The path of the URL is not properly encoded.");
    parts.push_back({*std::move(text), end});
    at = end;
  }
  if (parts.empty()) parts.push_back({"", path.size()});  // "" is "/"
  return parts;
}

[[noreturn]] void refusePattern(std::string_view pattern, const char* why) {
  throw std::invalid_argument("bight::http::Router: the pattern \"" + std::string(pattern) + "\" " + why);
}

std::vector<std::string> split(std::string_view pattern) {
  if (!pattern.starts_with('/')) refusePattern(pattern, "does not begin with a slash");
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', at + 1), pattern.size());
    parts.emplace_back(pattern.substr(at + 1, end - at - 1));
    at = end;
  }
  return parts;
}

}  // namespace

class Router::Table final : public detail::MiddlewareChain {
 public:
  struct Found {
    const Node* node = nullptr;
    bool mounted = false;  // what is mounted there, not the functions
    std::vector<std::string> values;
    std::size_t end = 0;  // of what was matched, in the path
  };

  Node& root() noexcept { return root_; }
  // The node of a pattern, made if it is not there; `names` of its parameters.
  Node& at(std::string_view pattern, std::vector<std::string>& names) {
    Node* node = &root_;
    bool ended = false;
    for (const std::string& part : split(pattern)) {
      if (ended) refusePattern(pattern, "goes on behind {...}");
      const bool braces = part.find_first_of("{}") != std::string::npos;
      if (!braces) {
        node = &child(node->children[part]);
        continue;
      }
      std::string name = part.size() > 2 ? part.substr(1, part.size() - 2) : std::string();
      if (part.front() != '{' || part.back() != '}' || name.find_first_of("{}") != std::string::npos)
        refusePattern(pattern, "has a brace that does not enclose a whole part");
      ended = name.ends_with("...");
      if (ended) name.resize(name.size() - 3);
      if (name.empty()) refusePattern(pattern, "has a parameter without a name");
      if (std::find(names.begin(), names.end(), name) != names.end())
        refusePattern(pattern, "has two parameters of one name");
      names.push_back(std::move(name));
      node = &child(ended ? node->rest : node->parameter);
    }
    return *node;
  }

  std::optional<Found> find(const Request& request, std::size_t from) const {
    const auto parts = partsOf(request.path(), from);
    if (!parts) return std::nullopt;
    Found found;
    std::vector<std::string> values;
    if (!search(root_, *parts, 0, values, found, from)) return std::nullopt;
    return found;
  }

  Answer last(Request& request) override {
    const std::size_t from = detail::RequestAccess::below(request);
    std::optional<Found> found = find(request, from);
    if (!found) return Response::error(404, "There is nothing at this address.");
    if (!found->values.empty()) {
      auto& parameters = detail::RequestAccess::extras(request).parameters;
      for (std::size_t i = 0; i < found->values.size(); ++i)
        parameters.emplace_back(found->node->names[i], std::move(found->values[i]));
    }
    detail::RequestAccess::below(request) = static_cast<std::uint16_t>(found->end);
    if (!found->mounted) return found->node->methods->render(request);
    return detail::RequestAccess::render(found->node->mounted, request);
  }

 private:
  static Node& child(std::unique_ptr<Node>& place) {
    if (!place) place = std::make_unique<Node>();
    return *place;
  }

  // Whether `parts` from `index` on lead from `node` to a route or a mounted resource.
  bool search(const Node& node, const std::vector<Part>& parts, std::size_t index, std::vector<std::string>& values,
              Found& found, std::size_t begin) const {
    const std::size_t at = index == 0 ? begin : parts[index - 1].end;
    if (index == parts.size()) {
      if (!node.methods && !node.mounted) return false;
      found = {&node, !node.methods, values, at};
      return true;
    }
    const std::string& text = parts[index].text;
    if (const auto next = node.children.find(text); next != node.children.end()) {
      if (search(*next->second, parts, index + 1, values, found, begin)) return true;
    }
    if (node.parameter && !text.empty()) {
      values.push_back(text);
      if (search(*node.parameter, parts, index + 1, values, found, begin)) return true;
      values.pop_back();
    }
    if (node.rest) {
      std::string rest = text;
      for (std::size_t i = index + 1; i < parts.size(); ++i) rest += "/" + parts[i].text;
      values.push_back(std::move(rest));
      found = {node.rest.get(), false, values, parts.back().end};
      return true;
    }
    if (node.mounted) {
      found = {&node, true, values, at};
      return true;
    }
    return false;
  }

  Node root_;
};

Router::Router() : table_(std::make_shared<Table>()) {}
Router::~Router() = default;

Router::Node& Router::place(std::string_view pattern) {
  std::vector<std::string> names;
  Node& node = table_->at(pattern, names);
  if ((node.methods || node.mounted) && node.names != names) {
    throw std::logic_error("bight::http::Router: the parameters of \"" + std::string(pattern) +
                           "\" had other names before");
  }
  node.names = std::move(names);
  return node;
}

Methods& Router::methodsAt(std::string_view pattern) {
  Node& node = place(pattern);
  if (!node.methods) node.methods = std::make_shared<Methods>();
  return *node.methods;
}

Router& Router::on(std::string method, std::string_view pattern, Render render) {
  methodsAt(pattern).on(std::move(method), std::move(render));
  return *this;
}

Router& Router::onStream(std::string method, std::string_view pattern, std::uint64_t limit, Render render) {
  methodsAt(pattern).onStream(std::move(method), limit, std::move(render));
  return *this;
}

Router& Router::mount(std::string_view prefix, std::shared_ptr<Resource> resource) {
  if (!resource) throw std::invalid_argument("bight::http::Router::mount: the resource is null");
  if (prefix.size() > 1 && prefix.ends_with('/'))
    refusePattern(prefix, "ends in a slash; what is mounted answers that too");
  Node& node = prefix == "/" ? table_->root() : place(prefix);
  if (node.rest || node.mounted)
    throw std::logic_error("bight::http::Router::mount: what is below \"" + std::string(prefix) +
                           "\" is answered already");
  node.mounted = std::move(resource);
  return *this;
}

Router& Router::use(Middleware middleware) {
  table_->add(std::move(middleware));
  return *this;
}

std::uint64_t Router::streamedBody(const Request& request) const {
  const std::size_t below = detail::RequestAccess::below(const_cast<Request&>(request));
  const std::optional<Table::Found> found = table_->find(request, below);
  if (!found) return 0;
  if (!found->mounted) return found->node->methods->streamedBody(request);
  auto& place = detail::RequestAccess::below(const_cast<Request&>(request));
  place = static_cast<std::uint16_t>(found->end);
  const std::uint64_t streamed = detail::RequestAccess::streamedBody(found->node->mounted, request);
  place = static_cast<std::uint16_t>(below);
  return streamed;
}

Answer Router::render(Request& request) {
  return table_->render(request);
}

}  // namespace bight::http
