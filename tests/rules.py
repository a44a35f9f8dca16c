"""Keeps docs/design/rules.md true: rules.py [--fix] SOURCE_ROOT

Tests name the rules that they cover (A35, B12, C20) in comments; docs/design/rules.md says what each rule is, and which tests name it. This
compares the two. --fix writes the column of tests anew; the sentences are written by hand.

A rule that is in the table has a test that names it, or a reason here. A rule that anything names, be it a test, a source or a page, is in
the table. "A1 to A4" and "A1-A4" name all of them.
"""

import glob
import os
import re
import sys

from tap import Tap

PAGE = 'docs/design/rules.md'
ROW = re.compile(r'^\| ([A-E]\d{1,3}) \| (.+?) \| (.*?) ?\|$')
NAMED = re.compile(r'\b([A-E])(\d{1,3})[a-z]?\b(?:(?: to |-)([A-E])(\d{1,3})\b)?')
COMMENT = re.compile(r'(?<!:)//(.*)')

# Why no test names it.
UNTESTED = {
    'A10': 'nothing that could be run: captures are the language\'s',
    'A90': 'not there',
    'B22': 'no test may set the clock of the machine',
    'B71': 'not there',
}


def tests(root):
    """Test sources, and the examples whose output is compared: (path, short name)."""
    for pattern in ('tests/**/*.[ch]pp', 'tests/**/*.py'):
        for path in glob.glob(os.path.join(root, pattern), recursive=True):
            path = os.path.relpath(path, root)
            if path != 'tests/rules.py':
                yield path, re.sub(r'_test$', '', os.path.splitext(path)[0].removeprefix('tests/'))
    for expected in glob.glob(os.path.join(root, 'examples/*.expected')):
        path = os.path.relpath(expected, root)
        yield path.removesuffix('.expected') + '.cpp', path.removesuffix('.expected')


def others(root):
    """What is no test and may name rules all the same: sources, examples, pages."""
    for directory in ('deferred', 'reactor', 'protocols', 'examples', 'benchmarks'):
        for path in glob.glob(os.path.join(root, directory, '**/*.[ch]pp'), recursive=True):
            yield os.path.relpath(path, root)
    for path in glob.glob(os.path.join(root, 'docs/**/*.md'), recursive=True):
        if os.path.relpath(path, root) != PAGE:
            yield os.path.relpath(path, root)


def text_of(root, path):
    """Where rules are named: the comments of C++, the whole of everything else."""
    with open(os.path.join(root, path), encoding='utf-8') as file:
        text = file.read()
    if path.endswith('pp'):
        return '\n'.join(COMMENT.findall(text))
    return re.sub(r'# noqa.*', '', text)


def named(text):
    rules = set()
    for letter, first, last_letter, last in NAMED.findall(text):
        if last and last_letter == letter:
            rules.update(f'{letter}{number}' for number in range(int(first), int(last) + 1))
        else:
            rules.add(letter + first)
            if last:
                rules.add(last_letter + last)
    return rules


def column(rule, naming):
    """What stands in the third column: "reactor: tcp_closing, testing; protocols/tls: closing"."""
    if rule in UNTESTED and rule not in naming:
        return f'none: {UNTESTED[rule]}'
    by_directory = {}
    for name in sorted(naming.get(rule, ())):
        directory, _, stem = name.rpartition('/')
        by_directory.setdefault(directory, []).append(stem)
    return '; '.join(f'{directory}: {", ".join(stems)}' for directory, stems in sorted(by_directory.items()))


def main():
    arguments = sys.argv[1:]
    fix = arguments[:1] == ['--fix']
    (root,) = arguments[fix:]
    tap = Tap()

    naming = {}
    for path, name in tests(root):
        for rule in named(text_of(root, path)):
            naming.setdefault(rule, set()).add(name)
    with open(os.path.join(root, PAGE), encoding='utf-8') as file:
        lines = file.read().splitlines()
    table, written, twice = {}, [], []
    for line in lines:
        if row := ROW.match(line):
            rule, sentence, there = row.groups()
            if rule in table:
                twice.append(rule)
            table[rule] = there
            line = f'| {rule} | {sentence} | {column(rule, naming)} |'
        written.append(line)
    if fix and written != lines:
        with open(os.path.join(root, PAGE), 'w', encoding='utf-8') as file:
            file.write('\n'.join(written) + '\n')
        print(f'{PAGE}: rewritten', file=sys.stderr)
        table = {rule: column(rule, naming) for rule in table}

    tap.check('no rule is in the table twice', not twice, twice)
    unknown = {rule: sorted(names) for rule, names in naming.items() if rule not in table}
    tap.check('every rule that a test names is in the table', not unknown, unknown)
    unknown = {path: sorted(rules) for path in others(root) if (rules := named(text_of(root, path)) - set(table))}
    tap.check('every rule that a source or a page names is in the table', not unknown, unknown)
    untested = sorted(set(table) - set(naming) - set(UNTESTED))
    tap.check('every rule of the table is named by a test, or it is said why not', not untested, untested)
    tap.check('nothing is excused that is tested or not there', not (excused := [r for r in UNTESTED if r in naming or r not in table]), excused)
    drifted = [rule for rule, there in table.items() if there != column(rule, naming)]
    tap.check('the column of tests is what the tests say', not drifted, f'rules.py --fix {root} writes it anew: {", ".join(drifted)}')
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
