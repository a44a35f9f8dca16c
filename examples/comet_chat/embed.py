"""Writes a C++ source that holds files: embed.py NAMESPACE OUTPUT FILE..."""

import os
import sys

HEAD = '''// Made by embed.py from the files in page/.
#include "page.hpp"

#include <array>

namespace %s {
namespace {

'''


def literal(content):
    """The bytes as string literals, one for each line. Octal escapes have three digits, so the next character can't join them."""
    lines = content.splitlines(keepends=True) or [b'']
    return '\n'.join('    "%s"' % ''.join(character(byte) for byte in line) for line in lines)


def character(byte):
    if byte in b'"\\?':
        return '\\' + chr(byte)
    return chr(byte) if 32 <= byte < 127 else '\\%03o' % byte


def main():
    namespace, output, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    rows = []
    for path in files:
        with open(path, 'rb') as file:
            content = file.read()
        rows.append('    PageFile{"%s", {\n%s,\n    %d}},\n' % (os.path.basename(path), literal(content), len(content)))
    with open(output, 'w', encoding='ascii') as file:
        file.write(HEAD % namespace)
        file.write('constexpr std::array<PageFile, %d> files{{\n%s}};\n' % (len(files), ''.join(rows)))
        file.write('\n}  // namespace\n\nstd::span<const PageFile> pageFiles() { return files; }\n\n}  // namespace %s\n' % namespace)


main()
