"""bight-trace runs a program and reports what its Deferreds did: bight_trace_test.py BIGHT_TRACE PROGRAM

PROGRAM is examples/02_stages."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from tap import Tap  # noqa: E402

TRACE, PROGRAM = map(os.path.abspath, sys.argv[1:])
PATIENCE = 60
tap = Tap()
work = tempfile.TemporaryDirectory(prefix='bight-trace-test-')
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith('BIGHT') and name not in ('DISPLAY', 'WAYLAND_DISPLAY')}
ENVIRONMENT['TMPDIR'] = work.name


def trace(*arguments, **environment):
    return subprocess.run([TRACE, *arguments], capture_output=True, text=True, timeout=PATIENCE, cwd=work.name, check=False,
                          env=dict(ENVIRONMENT, **environment))


def read(name):
    with open(os.path.join(work.name, name), encoding='utf-8') as file:
        return file.read()


# Reports
plain = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=PATIENCE, check=True, env=ENVIRONMENT).stdout
done = trace('-o', '-', PROGRAM)
tap.check('the report goes to standard output, after what the program says', done.returncode == 0 and done.stdout.startswith(plain)
          and ' fired with ' in done.stdout[len(plain):], done)
for kind, begin in (('html', '<!doctype html>'), ('svg', '<svg '), ('json', '{"chains":['), ('mermaid', 'flowchart TD'), ('text', '')):
    done = trace('--output', f'of {kind}', '--format', kind, '--', PROGRAM)
    tap.check(f'a report as {kind}, in a file of any name', done.returncode == 0 and read(f'of {kind}').startswith(begin)
              and done.stderr == f'bight-trace: the report is in of {kind}\n', done)
done = trace('--output=my.svg', PROGRAM)
tap.check('the ending of a file tells the kind', read('my.svg').startswith('<svg '), done)
done = trace('-o', 'my.json', '--events', '3', PROGRAM)
recording = json.loads(read('my.json'))
tap.check('there is a limit for events, and what comes after it is counted', len(recording['events']) == 3 and recording['dropped'] > 0, recording)
done = trace(PROGRAM)
name = done.stderr.strip().rpartition(' ')[2]
tap.check('without a name it is a page among temporary files', done.returncode == 0 and name.startswith(work.name) and name.endswith('.html')
          and read(name).startswith('<!doctype html>'), done)

# What the program does is its own business
done = trace('-o', 'a.txt', 'sh', '-c', f'cat; "{PROGRAM}" >/dev/null; exit 7')
tap.check('the exit status is the one of the program', done.returncode == 7, done)
tap.check('a program that is started by the program is recorded', 'fired with' in read('a.txt'))
done = trace('-o', 'b.txt', 'sh', '-c', 'kill -TERM $$')
tap.check('a signal that ended it is told', done.returncode == 128 + 15 and 'nothing was recorded' in done.stderr and 'signal 15' in done.stderr, done)

# What cannot be done
done = trace('-o', '-', 'true')
tap.check('a program that is not of bight is told', done.returncode == 1 and 'nothing was recorded of true' in done.stderr, done)
done = trace('no-such-program')
tap.check('a program that is not there is told', done.returncode == 127 and 'no-such-program cannot be started: No such file' in done.stderr, done)
done = trace(work.name)
tap.check('one that is none is told', done.returncode == 126 and 'Permission denied' in done.stderr, done)
done = trace('-o', 'nowhere/a.html', PROGRAM)
tap.check('a file that cannot be written is told', done.returncode == 1 and 'cannot be written to' in done.stderr, done)
for wrong, words in (([], 'which program'), (['--format', 'pdf', PROGRAM], "no format 'pdf'"), (['--events', 'many', PROGRAM], 'number'),
                     (['--colour', PROGRAM], "'--colour' is no option"), (['-o'], "'-o'")):
    done = trace(*wrong)
    tap.check(f'refused: {" ".join(wrong[:2]) or "nothing"}', done.returncode == 2 and words in done.stderr and done.stdout == '', done)
done = trace('--help')
tap.check('--help tells the options and the statuses', done.returncode == 0 and '--events N' in done.stdout and '127' in done.stdout, done)

# The environment alone
done = subprocess.run([PROGRAM], capture_output=True, text=True, timeout=PATIENCE, cwd=work.name, check=False,
                      env=dict(ENVIRONMENT, BIGHT_TRACE_OUT='alone.txt'))
tap.check('BIGHT_TRACE_OUT does it without this program', done.returncode == 0 and 'fired with' in read('alone.txt'), done)
left = [name for name in os.listdir(work.name) if name.startswith('bight-trace-')]
tap.check('nothing is left among temporary files but the report that was asked for', len(left) == 1, left)

work.cleanup()
sys.exit(tap.finish())
