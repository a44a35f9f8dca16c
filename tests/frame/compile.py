"""Compiles a piece of text with the very flags that the build gives to a package's sources."""

import itertools
import json
import os
import shlex
import subprocess

DROPPED_WITH_ARGUMENT = {'-o', '-MF', '-MQ', '-MT', '-include', '-include-pch'}  # the last two bring a precompiled header
DROPPED = {'-MD', '-MMD', '-c', '-Winvalid-pch', '-Werror'}  # a test that wants -Werror says so


class Package:
    """The compile command of one package: that of its first source, without the source."""

    def __init__(self, build, package, source=None):
        """`source` picks the file whose flags are wanted; without it any of the package's `src/` serves, but libevent's poller and TLS."""
        with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
            commands = json.load(file)
        for entry in commands:
            path = os.path.normpath(os.path.join(entry['directory'], entry['file']))
            ours = f'/{package}/src/' in path or f'/libbight_{package}.a.p/' in path  # the latter: several sources as one
            if not ours or source is None and ('libevent_poller' in path or '/src/tls/' in path):
                continue
            if source is None or path.endswith(source):
                self.directory = entry['directory']
                self.source = path
                self.command = self.without_source(shlex.split(entry['command']), entry['file'])
                return
        raise SystemExit(f'no source of {package}/ in {build}/compile_commands.json')

    @staticmethod
    def without_source(words, source):
        kept, skip = [], False
        for word in words:
            if skip:
                skip = False
            elif word in DROPPED_WITH_ARGUMENT:
                skip = True
            elif word not in DROPPED and word != source and not word.startswith('-fsanitize'):
                kept.append(word)
        return kept

    def compiler(self):
        """The compiler itself: the words before the first flag."""
        return list(itertools.takewhile(lambda word: not word.startswith('-'), self.command))

    def compile(self, text, extra=()):
        """(compiles, what the compiler said). Nothing is written."""
        result = subprocess.run(self.command + ['-fsyntax-only', '-fdiagnostics-color=never', *extra, '-x', 'c++', '-'], input=text,
                                cwd=self.directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return result.returncode == 0, result.stderr
