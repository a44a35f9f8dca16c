#include "own_places.hpp"

namespace bight::detail {

bool isOwnFile(std::string_view file) noexcept {
  // As the compiler was given it: "../deferred/src/own_places.cpp", or an absolute name.
  constexpr std::string_view here = __FILE__;
  constexpr std::size_t root = here.rfind("deferred/src/own_places.cpp");
  constexpr std::string_view above = here.substr(0, root);
  if (file.find("/include/c++/") != file.npos || file.find("include/bight/") != file.npos) return true;
  // Where the sources lie is told by this one; without a name of its own only relative ones can be compared.
  if (!file.starts_with(above)) return false;
  file.remove_prefix(above.size());
  return file.starts_with("deferred/src/") || file.starts_with("reactor/src/") || file.starts_with("protocols/src/");
}

bool isOwnFunction(std::string_view function) noexcept {
  for (const std::string_view own :
       {"bight::detail::", "std::", "__gnu_cxx::", "__cxa_", "_Unwind_", "__libc_start", "start_thread", "clone3",
        "_start", "bight::Failure::", "bight::Promise<", "bight::Deferred<"}) {
    if (function.starts_with(own)) return true;
  }
  // Templates come with the type they return in front: "void bight::detail::fireWith<int>(…)".
  const std::size_t space = function.find(" bight::detail::");
  return space != function.npos && space < function.find('(');
}

}  // namespace bight::detail
