"""Runs clang-tidy over everything in a build's compile_commands.json; `./dev lint` calls it: tidy.py BUILD CLANG_TIDY

Most of its time goes into the headers, so sources that are compiled alike and lie in one directory go through it together. What does not
pass together (because of what clang-tidy says, or because two of them use one name) is looked at again, each source alone."""

import concurrent.futures
import itertools
import json
import os
import shlex
import subprocess
import sys
import tempfile

TOGETHER = 8
# Checks of how a file relates to the files that it includes, which for a bundle are others than for a source.
ONLY_ALONE = '-bugprone-suspicious-include,-misc-unused-using-decls'


def commands(build):
    """(source, the words of its command without the source and the output), for what is ours."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        for entry in json.load(file):
            if not entry['file'].startswith('..'):
                continue  # it is generated
            words = shlex.split(entry['command'])
            kept, skip = [], False
            for word in words[1:]:
                if skip:
                    skip = False
                elif word in ('-o', '-MF', '-MQ', '-MT'):
                    skip = True
                elif word.startswith('-') and word not in ('-c', '-MD'):
                    kept.append(word)
            yield os.path.normpath(os.path.join(entry['directory'], entry['file'])), tuple(kept)


def bundles(build):
    """Lists of sources that may be looked at together, each with its flags."""
    def alike(item):
        source, flags = item
        alone = '/src/' not in source  # programs: each has a main()
        return source if alone else os.path.dirname(source), flags
    for (_, flags), items in itertools.groupby(sorted(set(commands(build)), key=alike), alike):
        sources = [source for source, _ in items]
        for first in range(0, len(sources), TOGETHER):
            yield sources[first:first + TOGETHER], flags


def tidy(tool, build, file, flags, *options):
    result = subprocess.run([tool, '--quiet', *options, file, '--', *flags], cwd=build, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    said = '\n'.join(line for line in result.stdout.splitlines() if not line.endswith(' generated.') and line)
    return result.returncode == 0, said


def examine(tool, build, sources, flags):
    """[(source, passed, what clang-tidy said)]"""
    if len(sources) > 1:
        config = os.path.join(os.path.dirname(build), '.clang-tidy')
        with tempfile.NamedTemporaryFile('w', suffix='.cpp', dir=build) as bundle:
            bundle.writelines(f'#include "{source}"\n' for source in sources)
            bundle.flush()
            if tidy(tool, build, bundle.name, flags, f'--config-file={config}', f'--checks={ONLY_ALONE}')[0]:
                return [(source, True, '') for source in sources]
    return [(source, *tidy(tool, build, source, flags)) for source in sources]


def main():
    build, tool = os.path.abspath(sys.argv[1]), sys.argv[2]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for results in pool.map(lambda bundle: examine(tool, build, *bundle), bundles(build)):
            for source, passed, said in results:
                print(f'clang-tidy: {os.path.relpath(source, os.path.dirname(build))}{"" if passed else f": failed{os.linesep}{said}"}', flush=True)
                failed += not passed
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
