"""tests/consumer/ is a program of somebody else. It must build and run against the installed library, however its author builds: with
pkg-config, with CMake, and with this project as a Meson subproject. Everything happens in a temporary directory."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from compile import Package
from tap import Tap

WANTED = re.compile(r'/include/bight/.*\.hpp$|/libbight\.[^/]*$|/pkgconfig/bight\.pc$|/cmake/bight/bightConfig(Version)?\.cmake$|/bin/bight-trace$')
EXPECTED = 'bight 0.1.0: no 42'


class Failed(Exception):
    """A step of building or running did not work; carries what it said."""


def step(*command, **options):
    environment = dict(os.environ, **options.pop('env', {}))
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False,
                                timeout=600, **options)
    except subprocess.TimeoutExpired as late:
        raise Failed(f'$ {shlex.join(command)}\nit does not end; so far it said:\n{late.output}') from late
    if result.returncode != 0:
        raise Failed(f'$ {shlex.join(command)}\n{result.stdout}')
    return result.stdout


def by_pkg_config(source, stage, prefix, work, compiler):
    libdir = os.path.dirname(find(stage, 'bight.pc'))
    environment = {'PKG_CONFIG_PATH': libdir, 'PKG_CONFIG_SYSROOT_DIR': stage}
    flags = shlex.split(step('pkg-config', '--cflags', '--libs', 'bight', env=environment))
    program = os.path.join(work, 'consumer')
    step(*compiler, '-std=c++20', os.path.join(source, 'tests/consumer/main.cpp'), '-o', program, *flags)
    return program


def by_cmake(source, stage, prefix, work, compiler):
    # `ccache g++` is two words, and CMake wants one.
    program = compiler[1] if os.path.basename(compiler[0]) == 'ccache' else compiler[0]
    step('cmake', '-G', 'Ninja', '-S', os.path.join(source, 'tests/consumer'), '-B', work, f'-DCMAKE_PREFIX_PATH={stage}{prefix}',
         f'-Dbight_DIR={os.path.dirname(find(stage, "bightConfig.cmake"))}', f'-DCMAKE_CXX_COMPILER={program}')
    step('cmake', '--build', work)
    return os.path.join(work, 'consumer')


def as_subproject(source, stage, prefix, work, compiler):
    project = os.path.join(work, 'project')
    shutil.copytree(os.path.join(source, 'tests/consumer'), project)
    os.mkdir(os.path.join(project, 'subprojects'))
    os.symlink(source, os.path.join(project, 'subprojects/bight'))
    build = os.path.join(work, 'build')
    step('meson', 'setup', build, project, '--wrap-mode=nodownload', '--force-fallback-for=bight', '-Dbight:default_library=shared',
         '-Dbuildtype=plain', env={'CXX': shlex.join(compiler)})
    step('ninja', '-C', build, 'consumer')
    return os.path.join(build, 'consumer')


def files_under(root):
    return [os.path.join(directory, name) for directory, _, files in os.walk(root) for name in files]


def find(root, name):
    for path in files_under(root):
        if os.path.basename(path) == name:
            return path
    raise Failed(f'{name} was not installed')


def main():
    source, build = sys.argv[1:]
    tap = Tap()
    compiler = Package(build, 'deferred').compiler()
    with tempfile.TemporaryDirectory(prefix='bight-consumer-') as root:
        stage = os.path.join(root, 'stage')
        step('meson', 'install', '-C', build, '--no-rebuild', '--destdir', stage)
        prefix = find(stage, 'version.hpp')[len(stage):].partition('/include/')[0]
        for sentence, way, tool in (('with pkg-config', by_pkg_config, 'pkg-config'), ('with CMake', by_cmake, 'cmake'),
                                    ('as a Meson subproject, shared', as_subproject, 'ninja')):
            sentence = f'an outside program builds and runs {sentence}'
            if not shutil.which(tool):
                tap.skip(sentence, f'there is no {tool} here')
                continue
            work = os.path.join(root, tool)
            os.mkdir(work)
            try:
                printed = step('timeout', '60', way(source, stage, prefix, work, compiler)).strip()
                tap.check(sentence, printed == EXPECTED, f'it printed {printed!r}, not {EXPECTED!r}')
            except Failed as failed:
                tap.check(sentence, False, failed)
        stray = [path for path in files_under(stage) if not WANTED.search(path)]
        tap.check('nothing else is installed', not stray, '\n'.join(stray))
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
