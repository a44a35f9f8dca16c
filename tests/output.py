"""Runs a program and compares what it prints, to the letter.

    output.py PROGRAM EXPECTED     compare with a file           output.py --fix PROGRAM EXPECTED     write the file anew

What differs from machine to machine or with every edit is compared loosely only where the expected file says so in its first line:

    #normalise: lines addresses

`lines` makes `file.cpp:12` into `file.cpp:N` (and so in tracebacks) and drops the directory before the file; `addresses` makes every 0x… into 0xN;
`times` makes `123 ms` into `N ms`.
"""

import difflib
import os
import re
import subprocess
import sys

DIRECTIVE = '#normalise:'
RULES = {
    'lines': [(re.compile(r'(?:[\w.+-]*/)*([\w.+-]+\.(?:cpp|hpp|cc|h)):\d+(:\d+)?'), r'\1:N'),
              (re.compile(r'File "(?:[^"/]*/)*([^"/]+)", line \d+'), r'File "\1", line N')],
    'addresses': [(re.compile(r'0x[0-9a-fA-F]+'), '0xN')],
    'times': [(re.compile(r'\b\d+ ms\b'), 'N ms')],
}


def directives(text):
    """The rule names of the first line, and the text after it."""
    first, _, rest = text.partition('\n')
    if not first.startswith(DIRECTIVE):
        return [], text
    names = first[len(DIRECTIVE):].split()
    for name in names:
        if name not in RULES:
            raise SystemExit(f'{DIRECTIVE} {name}: there is no such rule; there are: {", ".join(RULES)}')
    return names, rest


def normalise(text, names):
    for name in names:
        for pattern, replacement in RULES[name]:
            text = pattern.sub(replacement, text)
    return text


def run(command, timeout=60):
    """What the command prints on both streams, in order, and its exit status."""
    environment = dict(os.environ, LC_ALL='C.UTF-8', TZ='UTC', BIGHT_TRACE='0')
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=timeout,
                            env=environment, check=False)
    return result.stdout.decode('utf-8', 'replace'), result.returncode


def main():
    arguments = sys.argv[1:]
    fix = arguments[:1] == ['--fix']
    program, path = arguments[fix:]
    with open(path, encoding='utf-8') as file:
        names, expected = directives(file.read())
    printed, status = run([program])
    if status != 0:
        print(printed, file=sys.stderr)
        print(f'{program} ended with status {status}', file=sys.stderr)
        return 1
    wanted, got = normalise(expected, names), normalise(printed, names)
    if wanted == got:
        return 0
    if fix:
        with open(path, 'w', encoding='utf-8') as file:
            file.write((f'{DIRECTIVE} {" ".join(names)}\n' if names else '') + got)
        return 0
    sys.stderr.writelines(difflib.unified_diff(wanted.splitlines(True), got.splitlines(True), 'expected', 'printed'))
    return 1


if __name__ == '__main__':
    sys.exit(main())
