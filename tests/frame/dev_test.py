"""The script `dev`, run in a directory of its own where every tool is one of ours that only notes how it was called."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile

from tap import Tap

REAL = ['sh', 'dirname', 'sort', 'tr', 'cat', 'rm', 'mkdir', 'grep', 'chmod']
NOTE = '#!/bin/sh\necho "{name} $*" >>"{log}"\n{body}\n'


class Machine:
    """A PATH with nothing in it but what the test puts there."""

    def __init__(self, source, tools, user='1000'):
        self.directory = tempfile.TemporaryDirectory(prefix='bight-dev-')
        self.root = self.directory.name
        self.log = os.path.join(self.root, 'log')
        self.bin = os.path.join(self.root, 'bin')
        os.mkdir(self.bin)
        shutil.copy(os.path.join(source, 'dev'), self.root)
        for name in REAL:
            os.symlink(shutil.which(name), os.path.join(self.bin, name))
        self.tool('id', f'echo {user}')
        for name, body in tools.items():
            self.tool(name, body)

    def tool(self, name, body):
        path = os.path.join(self.bin, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(NOTE.format(name=name, log=self.log, body=body))
        os.chmod(path, stat.S_IRWXU)

    def dev(self, *arguments):
        """(exit status, what it said, the calls it made)"""
        environment = {'PATH': self.bin, 'HOME': self.root}
        result = subprocess.run([os.path.join(self.bin, 'sh'), os.path.join(self.root, 'dev'), *arguments], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        calls = open(self.log, encoding='utf-8').read().splitlines() if os.path.exists(self.log) else []
        return result.returncode, result.stdout, calls


ALL_THERE = {
    'c++': 'cat >/dev/null',
    'meson': 'case $1 in --version) echo 1.0.1 ;; setup) mkdir -p "$2"; : >"$2/build.ninja" ;; esac',
    'ninja': '',
    'pkg-config': '',
    'sudo': '"$@"',
    'apt-get': '',
    'env': 'shift; "$@"',
    'cmake': '',
    'python3': '',
}


def main():
    source = sys.argv[1]
    tap = Tap()

    status, said, _ = Machine(source, {}).dev('help')
    verbs = ['chat', 'lab', 'test', 'build', 'bench', 'lint', 'format', 'docs', 'clean', 'help']
    tap.check('help names every verb', status == 0 and all(f'\n  {verb} ' in said for verb in verbs), said)
    status, said, _ = Machine(source, {}).dev('frobnicate')
    tap.check('an unknown verb ends with status 2 and the usage', status == 2 and "'frobnicate'" in said and 'usage:' in said, said)
    status, said, calls = Machine(source, ALL_THERE).dev('test', '--brwser')
    tap.check('an unknown option is refused before anything is done', status == 2 and '--brwser' in said and not calls, said)

    status, said, _ = Machine(source, {}).dev('chat')
    tap.check('a system without apt gets the packages of Fedora, Arch, Alpine and macOS',
              status == 1 and all(name in said for name in ('Fedora', 'Arch', 'Alpine', 'macOS', 'libevent')), said)

    status, said, calls = Machine(source, ALL_THERE).dev('build')
    tap.check('nobody is asked for root when everything is there',
              status == 0 and not any(call.startswith(('sudo', 'apt-get')) for call in calls), said + '\n'.join(calls))
    tap.check('meson is told not to download anything', any('setup' in call and '--wrap-mode=nodownload' in call for call in calls),
              '\n'.join(calls))

    machine = Machine(source, ALL_THERE)
    machine.dev('chat')
    chat_build = machine.dev('build')[2]
    machine.dev('test', '--no-browser')
    tested = len(machine.dev('build')[2])
    again = machine.dev('build')[2][tested:]
    tap.check('build adds the benchmark programs to what the chat had built, and leaves alone what the tests have set up',
              any(call.startswith('meson configure build') and '-Dbenchmarks=true' in call for call in chat_build) and
              not any(call.startswith('meson configure') or call.startswith('meson setup') for call in again), '\n'.join(chat_build + again))

    no_libevent = dict(ALL_THERE, **{'pkg-config': '[ "$2" != libevent_core ] || exit 1'})
    status, said, calls = Machine(source, no_libevent).dev('build')
    installs = [call for call in calls if call.startswith('apt-get install')]
    tap.check('only what is missing is installed, without a question, and said before',
              len(installs) == 1 and installs[0].endswith('libevent-dev') and ' -y ' in installs[0] and 'libevent-dev' in said and
              any('DEBIAN_FRONTEND=noninteractive' in call for call in calls), said + '\n'.join(calls))
    tap.check('a user who is not root goes through sudo', any(call.startswith('sudo apt-get update') for call in calls),
              '\n'.join(calls))
    _, _, calls = Machine(source, no_libevent, user='0').dev('build')
    tap.check('root does not', not any(call.startswith('sudo') for call in calls) and any('apt-get install' in call for call in calls),
              '\n'.join(calls))

    without_sudo = {name: body for name, body in no_libevent.items() if name != 'sudo'}
    status, said, calls = Machine(source, without_sudo).dev('build')
    tap.check('where there is no sudo, it says what to run as root',
              status == 1 and 'apt-get install libevent-dev' in said and not any(call.startswith('apt-get') for call in calls), said)

    failing = dict(no_libevent, **{'apt-get': 'echo "E: no network" >&2; exit 100'})
    status, said, _ = Machine(source, failing).dev('build')
    tap.check('a failed installation is an error that shows the reason', status == 1 and 'E: no network' in said, said)
    old = dict(ALL_THERE, **{'meson': 'echo 0.56.2'})
    status, said, _ = Machine(source, old).dev('build')
    tap.check('a meson that is too old is named with its version', status == 1 and '0.56.2' in said, said)
    broken = dict(ALL_THERE, ninja='echo "x.cpp:1: error: expected a semicolon"; exit 1')
    status, said, _ = Machine(source, broken).dev('build')
    tap.check('the errors of a build are visible', status == 1 and 'expected a semicolon' in said, said)
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
