"""Keeps what the documentation quotes equal to what it quotes: docs.py [--fix] SOURCE_ROOT BUILD_ROOT

In README.md and under docs/ a code block says in the line before it where it comes from,

    <!-- from: examples/01_hello.cpp#callbacks -->           a region of a file: from `// region: callbacks` to `// endregion: callbacks`
    <!-- from: examples/01_hello.cpp -->                     a whole file
    <!-- output of: examples/01_hello --world -->            what a program of the build prints
    <!-- picture by: examples/01_hello FILE -->              what a program of the build writes to FILE: the picture in the next line

and each such block (or picture) is compared; --fix rewrites it instead. A block of C++ that does not say where it comes from has never been
compiled: only docs/design/, where sketches live, may have one. Links to files are followed too, and docs/README.md must lead to every page.
"""

import os
import re
import shlex
import sys
import tempfile
import textwrap

from output import directives, normalise, run
from tap import Tap

FENCE = re.compile(r'^(\s*)(`{3,}|~{3,})\s*(\S*)')
MARK = re.compile(r'^\s*<!--\s*(from|output of|picture by):\s*(.+?)\s*-->\s*$')
REGION = re.compile(r'\b(end)?region: ([\w-]+)')
INDEX = 'docs/README.md'
PICTURE = re.compile(r'^!\[[^\]]*\]\(([^)\s]+)\)$')
LINK = re.compile(r'\]\(([^)\s#]+)(#[^)\s]*)?\)')


class Drift(Exception):
    """Why a block cannot be what it claims to be."""


def quoted(root, where):
    """The text of `file` or `file#region`, without the lines that mark regions, moved to the left margin."""
    path, _, region = where.partition('#')
    try:
        with open(os.path.join(root, path), encoding='utf-8') as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise Drift(f'{path}: {error.strerror}') from error
    taken, inside, seen = [], not region, not region
    for line in lines:
        if match := REGION.search(line):
            if match[2] == region:
                inside = not match[1]
                seen = True
        elif inside:
            taken.append(line)
    if not seen:
        raise Drift(f'{path} has no region "{region}"')
    if region and inside:
        raise Drift(f'{path}: region "{region}" does not end')
    return textwrap.dedent('\n'.join(taken)).strip('\n').splitlines()


class Outputs:
    """Programs of the build, each run once."""

    def __init__(self, source, build):
        self.source, self.build, self.ran = source, build, {}

    def of(self, command):
        """(lines, rules to compare them by)"""
        if command not in self.ran:
            words = shlex.split(command)
            program = os.path.join(self.build, words[0])
            if not os.path.exists(program):
                raise Drift(f'the build has no program {words[0]}')
            printed, status = run([program] + words[1:])
            if status != 0:
                raise Drift(f'{command} ended with status {status}:\n{printed}')
            names = []
            expected = os.path.join(self.source, words[0] + '.expected')
            if os.path.exists(expected):
                with open(expected, encoding='utf-8') as file:
                    names, _ = directives(file.read())
            self.ran[command] = (printed.strip('\n').splitlines(), names)
        return self.ran[command]


    def drawn(self, command, ending):
        """What the command writes to FILE. A word that names a program of the build is that program."""
        with tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, 'picture' + ending)
            words = [file if word == 'FILE' else word for word in shlex.split(command)]
            words = [program if os.path.isfile(program := os.path.join(self.build, word)) else word for word in words]
            if not os.path.exists(words[0]):
                raise Drift(f'the build has no program {words[0]}')
            printed, status = run(words)
            if status != 0 or not os.path.exists(file):
                raise Drift(f'{command} ended with status {status}:\n{printed}')
            with open(file, encoding='utf-8') as made:
                return made.read()


def pages(root):
    yield 'README.md'
    for directory, names, files in os.walk(os.path.join(root, 'docs')):
        names.sort()
        for name in sorted(files):
            if name.endswith('.md'):
                yield os.path.relpath(os.path.join(directory, name), root)


class Page:
    """One page: its blocks compared, or rewritten."""

    def __init__(self, root, path, outputs, tap, fix):
        self.root, self.path, self.outputs, self.tap, self.fix = root, path, outputs, tap, fix
        with open(os.path.join(root, path), encoding='utf-8') as file:
            self.lines = file.read().splitlines()

    def check(self):
        result, mark, at = [], None, 0
        lines = self.lines
        while at < len(lines):
            line = lines[at]
            fence = FENCE.match(line)
            if not fence:
                if match := MARK.match(line):
                    mark = (match[1], match[2], at + 1)
                elif line.strip():
                    if mark and mark[0] == 'picture by' and (picture := PICTURE.match(line)):
                        self.compare_picture(mark, picture[1])
                    elif mark:
                        self.tap.check(f'{self.path}:{mark[2]}: a block follows the mark', False)
                    mark = None
                    self.follow_links(line, at + 1)
                result.append(line)
                at += 1
                continue
            end = at + 1
            while end < len(lines) and not (lines[end].strip().startswith(fence[2]) and lines[end].strip(' `~') == ''):
                end += 1
            block = lines[at + 1:end]
            if mark:
                block = self.compare(mark, block)
            elif fence[3] in ('cpp', 'c++', 'cc') and not self.path.startswith('docs/design/'):
                self.tap.check(f'{self.path}:{at + 1}: the block of C++ says where it comes from', False,
                               'write <!-- from: FILE#REGION --> in the line before it')
            result += [line] + block + lines[end:end + 1]
            mark, at = None, end + 1
        if self.fix and result != lines:
            with open(os.path.join(self.root, self.path), 'w', encoding='utf-8') as file:
                file.write('\n'.join(result) + '\n')
            print(f'{self.path}: rewritten', file=sys.stderr)

    def compare(self, mark, block):
        kind, where, number = mark
        sentence = f'{self.path}:{number}: {kind} {where}'
        try:
            wanted, names = (quoted(self.root, where), []) if kind == 'from' else self.outputs.of(where)
        except Drift as drift:
            self.tap.check(sentence, False, drift)
            return block
        same = [normalise(line, names) for line in wanted] == [normalise(line, names) for line in block]
        if self.fix:
            return block if same else wanted
        self.tap.check(sentence, same, 'it has drifted; `./dev docs --fix` rewrites the page. It should be:\n' + '\n'.join(wanted))
        return block

    def compare_picture(self, mark, link):
        kind, command, number = mark
        path = os.path.normpath(os.path.join(self.root, os.path.dirname(self.path), link))
        sentence = f'{self.path}:{number}: {kind} {command}'
        try:
            drawn = self.outputs.drawn(command, os.path.splitext(link)[1])
        except Drift as drift:
            self.tap.check(sentence, False, drift)
            return
        there = open(path, encoding='utf-8').read() if os.path.exists(path) else ''
        same = normalise(drawn, ['lines']) == normalise(there, ['lines'])  # clang numbers the lines of one call otherwise
        if not self.fix:
            self.tap.check(sentence, same, f'{link} has drifted; `./dev docs --fix` draws it anew')
        elif not same:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(drawn)
            print(f'{path}: drawn anew', file=sys.stderr)

    def follow_links(self, line, number):
        for match in LINK.finditer(re.sub(r'`[^`]*`', '', line)):
            target = match[1]
            if re.match(r'[a-z]+:', target):
                continue
            path = os.path.normpath(os.path.join(self.root, os.path.dirname(self.path), target))
            if not os.path.exists(path):
                self.tap.check(f'{self.path}:{number}: the link to {target} leads somewhere', False)


def main():
    arguments = sys.argv[1:]
    fix = arguments[:1] == ['--fix']
    source, build = arguments[fix:]
    tap = Tap()
    outputs = Outputs(source, build)
    found = list(pages(source))
    for path in found:
        Page(source, path, outputs, tap, fix).check()
    tap.check(f'{len(found)} pages were read', bool(found))
    with open(os.path.join(source, INDEX), encoding='utf-8') as file:
        linked = {os.path.normpath(os.path.join(os.path.dirname(INDEX), match[1])) for match in LINK.finditer(file.read())}
    missing = [path for path in found if path not in linked and path != INDEX]
    tap.check(f'{INDEX} leads to every page', not missing, missing)
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
