"""The tests' own tools can fail: a runner that counted a crash as a pass would make every other test worthless."""

import json
import os
import subprocess
import sys
import tempfile

from tap import Tap

# Prints what a Boost.Test program prints, then ends as its arguments say.
PROGRAM = r'''#!{python}
import os, sys
report = [a for a in sys.argv if a.startswith('--report_sink=')][0].partition('=')[2]
print('Entering test module "bight"')
print('a.cpp(1): Entering test suite "Deferred"')
print('a.cpp(2): Entering test case "one"')
print('a.cpp(2): Leaving test case "one"; testing time: 1us')
print('a.cpp(3): Entering test case "two"')
{ending}
'''
REPORT = '''open(report, 'w').write('<TestResult><TestSuite name="bight"><TestSuite name="Deferred"><TestCase name="one" result="passed"/>'
  '<TestCase name="two" result="{result}"/><TestCase name="three" result="skipped"/></TestSuite></TestSuite></TestResult>')
sys.exit({status})'''


def run_boost(source, directory, ending):
    path = os.path.join(directory, 'program')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(PROGRAM.format(python=sys.executable, ending=ending))
    os.chmod(path, 0o755)
    result = subprocess.run([sys.executable, os.path.join(source, 'tests/run_boost.py'), path], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, check=False)
    return result.returncode, result.stdout


def tally(source, directory, entries, *options):
    path = os.path.join(directory, 'log.json')
    with open(path, 'w', encoding='utf-8') as file:
        for entry in entries:
            file.write(json.dumps(entry) + '\n')
    result = subprocess.run([sys.executable, os.path.join(source, 'tests/tally.py'), *options, path], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=False)
    return result.returncode, result.stdout


def docs(source, root, *options):
    result = subprocess.run([sys.executable, os.path.join(source, 'tests/docs.py'), *options, root, root], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.returncode, result.stdout


def check_boost(tap, source, directory):
    status, said = run_boost(source, directory, REPORT.format(result='passed', status=0))
    tap.check('run_boost: every case becomes a point, a disabled one is skipped',
              status == 0 and said == 'ok 1 - Deferred/one\nok 2 - Deferred/two\nok 3 - Deferred/three # SKIP\n1..3\n', said)
    status, said = run_boost(source, directory, REPORT.format(result='failed', status=201))
    tap.check('run_boost: a failed case fails', status == 1 and 'not ok 2 - Deferred/two' in said, said)
    status, said = run_boost(source, directory, REPORT.format(result='aborted', status=201))
    tap.check('run_boost: an aborted case fails', status == 1 and 'not ok 2 - Deferred/two' in said, said)
    status, said = run_boost(source, directory, REPORT.format(result='passed', status=23))
    tap.check('run_boost: a bad exit status fails though all cases passed (leaks are found at exit)',
              status == 1 and 'not ok 4 - the program ended with status 23' in said, said)
    status, said = run_boost(source, directory, 'sys.stdout.flush(); os.abort()')
    tap.check('run_boost: a crash fails in the case it came in, and what had passed counts',
              status == 1 and 'ok 1 - Deferred/one' in said and 'not ok 2 - the program was killed by signal 6 in Deferred/two' in said, said)


def check_tally(tap, source, directory):
    points = {'name': 'a', 'result': 'OK', 'stdout': 'ok 1 - x\nok 2 - y # SKIP\n1..2\n'}
    plain = {'name': 'b', 'result': 'OK', 'stdout': 'whatever\n'}
    status, said = tally(source, directory, [points, plain])
    tap.check('tally: points are counted, and a test without points is one', (status, said) == (0, '2 passed, 0 failed, 1 skipped\n'), said)
    status, said = tally(source, directory, [plain])
    tap.check('tally: nothing is said about skipped ones when there are none', (status, said) == (0, '1 passed, 0 failed\n'), said)
    status, said = tally(source, directory, [dict(points, result='TIMEOUT')])
    tap.check('tally: a test that ran out of time after good points failed', (status, said) == (1, '1 passed, 1 failed, 1 skipped\n'), said)
    status, said = tally(source, directory, [dict(points, result='FAIL', stdout='not ok 1 - x\nok 2 - y\n')])
    tap.check('tally: a failed point is one failed case', (status, said) == (1, '1 passed, 1 failed\n'), said)
    status, said = tally(source, directory, [plain], os.path.join(directory, 'nowhere.json'))
    tap.check('tally: a log that is not there is a failure', (status, said) == (1, '1 passed, 1 failed\n'), said)


def check_docs(tap, source, directory):
    root = os.path.join(directory, 'project')
    os.makedirs(os.path.join(root, 'docs/design'))
    readme = os.path.join(root, 'README.md')

    def write(path, text):
        with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
            file.write(text)

    write('a.cpp', 'int x;\n  // region: one\n  int y;\n    int z;\n  // endregion: one\n')
    write('program', '#!/bin/sh\necho hello\n')
    os.chmod(os.path.join(root, 'program'), 0o755)
    good = ('<!-- from: a.cpp#one -->\n```cpp\nint y;\n  int z;\n```\n\n<!-- output of: program -->\n```text\nhello\n```\n')
    write('README.md', good)
    write('docs/README.md', '[up](../README.md), [one](design/one.md)\n')
    write('docs/design/one.md', 'One.\n')
    status, said = docs(source, root)
    tap.check('docs: a region and an output that agree pass', status == 0 and 'ok 2 - README.md:7: output of program' in said, said)
    write('README.md', good.replace('int y', 'int q').replace('hello', 'goodbye'))
    status, said = docs(source, root)
    tap.check('docs: a region and an output that drifted fail', status == 1 and said.count('not ok') == 2, said)
    docs(source, root, '--fix')
    with open(readme, encoding='utf-8') as file:
        tap.check('docs: --fix rewrites them', file.read() == good)
    write('README.md', '```cpp\nint x;\n```\n')
    tap.check('docs: a block of C++ from nowhere fails', docs(source, root)[0] == 1)
    write('README.md', 'a [link](nowhere.md)\n')
    tap.check('docs: a link to nowhere fails', docs(source, root)[0] == 1)
    write('README.md', '<!-- from: a.cpp#two -->\n```cpp\n```\n')
    tap.check('docs: an unknown region fails', docs(source, root)[0] == 1)
    write('README.md', 'Nothing to compare.\n')
    write('docs/design/two.md', 'Two.\n')
    status, said = docs(source, root)
    tap.check('docs: a page that the index does not lead to fails', status == 1 and "two.md" in said and 'one.md' not in said, said)


def check_output(tap, source, directory):
    program, expected = os.path.join(directory, 'prints'), os.path.join(directory, 'prints.expected')

    def compare(printed, text):
        with open(program, 'w', encoding='utf-8') as file:
            file.write(f"#!/bin/sh\ncat <<'END'\n{printed}END\n")
        os.chmod(program, 0o755)
        with open(expected, 'w', encoding='utf-8') as file:
            file.write(text)
        return subprocess.run([sys.executable, os.path.join(source, 'tests/output.py'), program, expected], stderr=subprocess.DEVNULL,
                              check=False).returncode

    tap.check('output: the same letters pass', compare('a\nb\n', 'a\nb\n') == 0)
    tap.check('output: other letters fail', compare('a\nb\n', 'a\nB\n') == 1)
    tap.check('output: an address differs unless the file says that it may', compare('at 0x12\n', 'at 0x34\n') == 1)
    tap.check('output: where it says so, addresses and lines may differ',
              compare('src/a.cpp:12 at 0x12\n', '#normalise: lines addresses\na.cpp:99 at 0x34\n') == 0)


def main():
    source = sys.argv[1]
    tap = Tap()
    for check in (check_boost, check_tally, check_docs, check_output):
        with tempfile.TemporaryDirectory(prefix='bight-tools-') as directory:
            check(tap, source, directory)
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
