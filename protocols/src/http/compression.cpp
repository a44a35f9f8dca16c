#include <bight/http/compression.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <bight/http/syntax.hpp>

#include "gzip_encoder.hpp"
#include "locate.hpp"

namespace bight::http {

namespace {

// "q=0.5" in thousandths; 1000 without one, -1 if it is malformed (RFC 9110, 12.4.2).
int weightOf(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    const std::size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view one = trimWhitespace(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (one.size() < 3 || (one[0] != 'q' && one[0] != 'Q') || one[1] != '=') continue;
    const std::string_view number = one.substr(2);
    if (number.size() > 5 || (number[0] != '0' && number[0] != '1') || (number.size() > 1 && number[1] != '.'))
      return -1;
    int weight = (number[0] - '0') * 1000;
    int unit = 100;
    for (char c : number.size() > 2 ? number.substr(2) : std::string_view()) {
      if (c < '0' || c > '9') return -1;
      weight += (c - '0') * unit;
      unit /= 10;
    }
    return weight > 1000 ? -1 : weight;
  }
  return 1000;
}

class Compressed final : public Resource {
 public:
  Compressed(std::shared_ptr<Resource> resource, const CompressionOptions& options)
      : resource_(std::move(resource)), options_(options) {
    if (!resource_) throw std::invalid_argument("bight::http::compressed: the resource is null");
    if (options.level < 1 || options.level > 9)
      throw std::invalid_argument("bight::http::CompressionOptions: the level is between 1 and 9");
  }

  bool isLeaf() const noexcept override { return true; }
  std::uint64_t streamedBody(const Request& request) const override {
    return detail::RequestAccess::streamedBody(resource_, request);
  }
  Answer render(Request& request) override {
    detail::RequestExtras& extras = detail::RequestAccess::extras(request);
    extras.responseHeaders.add("Vary", "Accept-Encoding");
    if (codingWeight(request, "gzip") > 0) {
      extras.gzipLevel = options_.level;
      extras.gzipFrom = options_.from;
    }
    return detail::RequestAccess::render(resource_, request);
  }

 private:
  std::shared_ptr<Resource> resource_;
  CompressionOptions options_;
};

}  // namespace

int codingWeight(const Request& request, std::string_view coding) noexcept {
  int named = -1;
  int any = -1;
  for (const Field& field : request.headers()) {
    if (!equalsIgnoringCase(field.name, "Accept-Encoding")) continue;
    std::string_view rest = field.value;
    for (std::string_view item = nextListItem(rest); !item.empty(); item = nextListItem(rest)) {
      const std::size_t semicolon = std::min(item.find(';'), item.size());
      const std::string_view name = trimWhitespace(item.substr(0, semicolon));
      const int weight = weightOf(item.substr(std::min(semicolon + 1, item.size())));
      if (equalsIgnoringCase(name, coding)) {
        named = std::max(weight, 0);
      } else if (name == "*") {
        any = std::max(weight, 0);
      }
    }
  }
  return named >= 0 ? named : std::max(any, 0);
}

std::shared_ptr<Resource> compressed(std::shared_ptr<Resource> resource, CompressionOptions options) {
  return std::make_shared<Compressed>(std::move(resource), options);
}

}  // namespace bight::http
