"""The packages have a direction: deferred/ sees only itself, reactor/ sees deferred/, protocols/ sees both, only the poller sees
libevent, and only TLS sees OpenSSL. Each wrong include must fail to compile with the flags of the build, for the right reason, while the right one beside it compiles."""

import os
import re
import sys

from compile import Package
from tap import Tap

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def a_header_of(source, package, avoid=()):
    """One public header of the package, as a user writes it."""
    root = os.path.join(source, package, 'include')
    for directory, names, files in os.walk(root):
        names.sort()
        for name in sorted(files):
            path = os.path.relpath(os.path.join(directory, name), root)
            if name.endswith('.hpp') and path not in avoid:
                return path
    raise SystemExit(f'{package}/ has no public header')


def main():
    source, build = sys.argv[1:]
    tap = Tap()
    headers = {package: a_header_of(source, package) for package in ('deferred', 'reactor', 'protocols')}
    flags = {package: Package(build, package) for package in headers}
    for package, seen in {'deferred': ['deferred'], 'reactor': ['deferred', 'reactor'],
                          'protocols': ['deferred', 'reactor', 'protocols']}.items():
        for other, header in headers.items():
            compiled, said = flags[package].compile(f'#include <{header}>\n')
            if other in seen:
                tap.check(f'{package}/ may include <{header}> of {other}/', compiled, said)
            else:
                refused = not compiled and header in said and ('No such file' in said or 'file not found' in said)
                tap.check(f'{package}/ cannot include <{header}> of {other}/', refused, said or 'it compiled')

    for package in headers:
        compiled, said = flags[package].compile('#include <event2/event.h>\n')
        tap.check(f'{package}/ cannot include libevent', not compiled and 'only reactor/src/libevent_poller.cpp' in said,
                  said or 'it compiled')
    compiled, said = Package(build, 'reactor', 'src/libevent_poller.cpp').compile('#include <event2/event.h>\n')
    tap.check('the libevent poller can include libevent', compiled, said)

    for package in headers:
        compiled, said = flags[package].compile('#include <openssl/ssl.h>\n')
        tap.check(f'{package}/ cannot include OpenSSL', not compiled and 'only protocols/src/tls/' in said, said or 'it compiled')
    compiled, said = Package(build, 'protocols', 'src/tls/bio.cpp').compile('#include <openssl/ssl.h>\n')
    tap.check('TLS can include OpenSSL', compiled, said)

    # A path that climbs out of its package would get around the include roots.
    climbing = []
    for package in headers:
        for directory, _, files in os.walk(os.path.join(source, package)):
            for name in files:
                path = os.path.join(directory, name)
                if not name.endswith(('.hpp', '.cpp', '.h')):
                    continue
                with open(path, encoding='utf-8') as file:
                    for included in INCLUDE.findall(file.read()):
                        target = os.path.normpath(os.path.join(directory, included))
                        if '..' in included and not target.startswith(os.path.join(source, package) + os.sep):
                            climbing.append(f'{os.path.relpath(path, source)}: {included}')
    tap.check('no include climbs out of its package', not climbing, '\n'.join(climbing))
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
