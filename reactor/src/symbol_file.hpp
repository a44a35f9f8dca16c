/// @file
/// Internal: names of functions out of the file that they were loaded from.
#pragma once

#include <cstdint>
#include <string>

namespace bight::detail {

/// The name, as the linker knows it, of the function at an address of an ELF file: also of one that is not exported (a
/// lambda, a static function), unless the file was stripped. Empty if there is none, or the file cannot be read. Reads
/// the file each time: for reports.
/// @param base where the file was loaded
std::string symbolInFile(const char* file, std::uintptr_t base, std::uintptr_t address);

}  // namespace bight::detail
