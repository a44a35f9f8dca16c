"""The mistakes that people make with a Deferred: each file here must fail to compile with exactly one message, which says the remedy.

A file says at its top, in lines of `// error: TEXT` or `// warning: TEXT`, what its one message must contain (`A | B`: either, for compilers
that say it differently), and in lines of `// shown: TEXT` what else the compiler must print: the comment in the line of a deleted function; a second message is allowed only where
`// second: TEXT` says so. `// error 2: TEXT` is meant for mistake 2 alone. `// package: reactor` compiles it as a part of that package. It makes the mistakes `#if MISTAKE == 1`, `2`, … one at a time; without any of them it must compile, without a warning."""

import concurrent.futures
import os
import re
import sys

from compile import Package
from tap import Tap

EXPECTED = re.compile(r'^// (error|warning|second|shown)(?: (\d+))?: (.+)$', re.MULTILINE)
PACKAGE = re.compile(r'^// package: (\w+)$', re.MULTILINE)
MESSAGE = re.compile(r'^.*?\b(?:fatal )?(error|warning): .*$', re.MULTILINE)
LONGEST = 30  # lines of output that people still read


def expected(text, mistake):
    """The kind of the message, the texts it must contain, those of a second one, and those that must be shown with it."""
    kinds = {'error': [], 'warning': [], 'second': [], 'shown': []}
    for kind, only, words in EXPECTED.findall(text):
        if only and int(only) != mistake:
            continue
        kinds[kind].append([word.strip() for word in words.split(' | ')])
    kind = 'warning' if kinds['warning'] else 'error'
    if not kinds[kind]:
        raise SystemExit('the file does not say what the message must say')
    return kind, kinds[kind], kinds['second'], kinds['shown']


def has(text, alternatives):
    return any(words in text for words in alternatives)


def wrong(kind, words, second, shown, compiled, said):
    """What is wrong with the compiler's answer to a mistake; empty if nothing."""
    messages = [match[0] for match in MESSAGE.finditer(said)]
    if compiled != (kind == 'warning'):
        return 'it compiled' if compiled else 'it did not compile'
    if len(messages) == 2 and second and has(messages[1], second[0]):
        messages.pop()
    if len(messages) != 1:
        return f'{len(messages)} messages instead of one'
    if f'{kind}: ' not in messages[0]:
        return f'the message is no {kind}'
    for alternatives in words:
        if not has(messages[0], alternatives):
            return f'the message does not say "{" | ".join(alternatives)}"'
    for alternatives in shown:
        if not has(said, alternatives):
            return f'it does not show "{" | ".join(alternatives)}"'
    if said.count('\n') > (2 * LONGEST if second else LONGEST):
        return f'{said.count(chr(10))} lines'
    return ''


def main():
    source, build = sys.argv[1:]
    directory = os.path.join(source, 'tests', 'does_not_compile')
    packages = {name: Package(build, name) for name in ('deferred', 'reactor', 'protocols')}
    tap = Tap()
    jobs = []
    for name in sorted(os.listdir(directory)):
        if not name.endswith('.cpp'):
            continue
        with open(os.path.join(directory, name), encoding='utf-8') as file:
            text = file.read()
        jobs += [(name[:-4].replace('_', ' '), text, int(mistake)) for mistake in sorted({'0'} | set(re.findall(r'MISTAKE == (\d+)', text)))]

    def compile(job):
        _, text, mistake = job
        package = PACKAGE.search(text)
        return job, packages[package[1] if package else 'deferred'].compile(text, ['-Wall', '-Wextra', '-Wno-unused-parameter', '-Wno-unused-variable', f'-DMISTAKE={mistake}'])

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for (name, text, mistake), (compiled, said) in pool.map(compile, jobs):
            if mistake == 0:
                tap.check(f'{name}: without the mistake it compiles', compiled and not said, said)
            else:
                problem = wrong(*expected(text, mistake), compiled, said)
                tap.check(f'{name}: mistake {mistake} gets one message that says the remedy', not problem, f'{problem}\n{said}')
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
