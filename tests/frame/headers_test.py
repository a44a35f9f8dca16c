"""Each public header compiles alone, and none brings a user what costs seconds to compile or ties them to a library of ours.
What is in detail/ is not for users, and does not count."""

import concurrent.futures
import os
import re
import sys
import tempfile

from compile import Package
from tap import Tap

UNWANTED = {
    'Boost': re.compile(r'/boost/'),
    'a JSON library': re.compile(r'/(nlohmann|rapidjson)/'),
    'CLI11': re.compile(r'/CLI/'),
    '<regex>': re.compile(r'/regex$'),
    'libevent': re.compile(r'/(event2/|event\.h$)'),
    'OpenSSL': re.compile(r'/openssl/'),
    'what HTTP stands on': re.compile(r'/(zlib|idn2|libpsl|zstd)\.h$|/(uriparser|brotli)/'),
    '<iostream>': re.compile(r'/iostream$'),
}


def examine(package, flags, header):
    """(compiles, what the compiler said, the unwanted things that it reaches)"""
    with tempfile.NamedTemporaryFile(suffix='.d') as depends:
        compiled, said = flags.compile(f'#include <{header}>\n', ['-Werror', '-MD', '-MF', depends.name, '-MT', 'it'])
        reached = open(depends.name, encoding='utf-8').read().replace('\\\n', ' ').split()
    found = [f'{name}: {path}' for name, pattern in UNWANTED.items() for path in reached if pattern.search(path)]
    return package, header, compiled, said, found


def main():
    source, build = sys.argv[1:]
    tap = Tap()
    headers = []
    for package in ('deferred', 'reactor', 'protocols'):
        root = os.path.join(source, package, 'include')
        flags = Package(build, package)
        for directory, names, files in os.walk(root):
            if 'detail' in names:
                names.remove('detail')
            headers += [(package, flags, os.path.relpath(os.path.join(directory, name), root)) for name in files if name.endswith('.hpp')]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = sorted(pool.map(lambda header: examine(*header), headers), key=lambda result: result[:2])
    for _, header, compiled, said, found in results:
        tap.check(f'<{header}> compiles alone, and without what a user should not pay for', compiled and not found,
                  said + '\n'.join(found))
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
