// dladdr() only knows what the linker exports. The table of all symbols, .symtab, is not loaded with a program, but it is
// in its file unless that was stripped. The file may be anything by now, so every number in it is checked before use.
#include "symbol_file.hpp"

#if defined(__linux__) && __has_include(<link.h>)
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstring>
#include <span>

#include "socket.hpp"

namespace bight::detail {
namespace {

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Symbol = ElfW(Sym);

/// A file in memory, to be read only.
class Mapped {
 public:
  explicit Mapped(const char* file) {
    const Descriptor fd(::open(file, O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) return;
    size_ = static_cast<std::size_t>(status.st_size);
    void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
    data_ = at == MAP_FAILED ? nullptr : static_cast<const char*>(at);
    if (!data_) size_ = 0;
  }
  ~Mapped() {
    if (data_) ::munmap(const_cast<char*>(data_), size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  /// `count` things of type T at `offset`; nothing if they are not all in the file.
  template <class T>
  std::span<const T> at(std::uint64_t offset, std::uint64_t count) const {
    if (offset > size_ || offset % alignof(T) != 0 || count > (size_ - offset) / sizeof(T)) return {};
    return {reinterpret_cast<const T*>(data_ + offset), static_cast<std::size_t>(count)};
  }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace

std::string symbolInFile(const char* file, std::uintptr_t base, std::uintptr_t address) {
  const Mapped mapped(file);
  const auto headers = mapped.at<Header>(0, 1);
  constexpr unsigned char ownClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
  if (headers.empty() || std::memcmp(headers[0].e_ident, ELFMAG, SELFMAG) != 0 ||
      headers[0].e_ident[EI_CLASS] != ownClass || headers[0].e_shentsize != sizeof(Section))
    return {};
  const std::uintptr_t wanted = headers[0].e_type == ET_EXEC ? address : address - base;
  const auto sections = mapped.at<Section>(headers[0].e_shoff, headers[0].e_shnum);
  for (const Section& table : sections) {
    if (table.sh_type != SHT_SYMTAB || table.sh_link >= sections.size()) continue;
    const Section& strings = sections[table.sh_link];
    const auto names = mapped.at<char>(strings.sh_offset, strings.sh_size);
    for (const Symbol& each : mapped.at<Symbol>(table.sh_offset, table.sh_size / sizeof(Symbol))) {
      if ((each.st_info & 0xfU) != STT_FUNC || wanted < each.st_value || wanted - each.st_value >= each.st_size)
        continue;
      if (each.st_name >= names.size()) return {};
      const char* const name = names.data() + each.st_name;
      return {name, ::strnlen(name, names.size() - each.st_name)};
    }
  }
  return {};
}

}  // namespace bight::detail

#else

namespace bight::detail {

std::string symbolInFile(const char*, std::uintptr_t, std::uintptr_t) {
  return {};
}

}  // namespace bight::detail

#endif
