/// @file
/// The page, as it was in `page/` when the program was built: the program needs no files to run.
#pragma once

#include <span>
#include <string_view>

namespace lab {

struct PageFile {
  std::string_view name;  ///< "style.css"
  std::string_view content;
};

/// All files of `page/`.
std::span<const PageFile> pageFiles();

}  // namespace lab
