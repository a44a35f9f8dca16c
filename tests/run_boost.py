"""Runs one Boost.Test program and tells meson in TAP about every test case: run_boost.py PROGRAM [arguments...]

The program's own report says what became of each case. A program that dies writes no report; then its log tells which cases had ended,
and the one it died in counts as failed.
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ENTER = re.compile(r'Entering test (suite|case) "(.*)"$')
LEAVE = re.compile(r'Leaving test (suite|case) "(.*?)"(;.*)?$')
ERROR = re.compile(r'(?:: |^)(fatal )?error: ')
NOISE = re.compile(r'(Entering|Leaving) test (module|suite|case) |^Running \d+ test case|^\s*$|^\*\*\* ')


class Log:
    """What the program says while it runs: the cases that ended, and the one it is in."""

    def __init__(self):
        self.path = []
        self.current = None
        self.failed = False
        self.cases = []

    def line(self, text):
        if match := ENTER.search(text):
            if match[1] == 'suite':
                self.path.append(match[2])
            else:
                self.current, self.failed = '/'.join(self.path + [match[2]]), False
        elif match := LEAVE.search(text):
            if match[1] == 'suite':
                if self.path:
                    self.path.pop()
            elif self.current:
                self.cases.append((self.current, 'failed' if self.failed else 'passed'))
                self.current = None
        elif ERROR.search(text):
            self.failed = True


def cases_of_report(path):
    """(name, passed | failed | skipped) of each case, or None where there is no whole report."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return None
    cases = []

    def walk(element, names):
        for child in element:
            here = names + [child.get('name', '?')]
            if child.tag == 'TestCase':
                result = child.get('result')
                cases.append(('/'.join(here), result if result in ('passed', 'skipped') else 'failed'))
            elif child.tag == 'TestSuite':
                walk(child, here)

    for top in root:
        walk(top, [])
    return cases


def main():
    program = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix='bight-test-') as directory:
        report = os.path.join(directory, 'report.xml')
        log = Log()
        process = subprocess.Popen(
            program + ['--log_level=test_suite', '--color_output=no', '--catch_system_errors=no', '--report_level=detailed',
                       '--report_format=XML', f'--report_sink={report}'],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
        for text in process.stdout:
            text = text.rstrip('\n')
            log.line(text)
            if not NOISE.search(text):
                print(text, file=sys.stderr, flush=True)
        status = process.wait()
        cases = cases_of_report(report)

    if cases is None:
        cases = log.cases
        where = f' in {log.current}' if log.current else ''
        how = f'was killed by signal {-status}' if status < 0 else f'ended with status {status} and no report'
        cases.append((f'the program {how}{where}', 'failed'))
    elif status != 0 and not any(result == 'failed' for _, result in cases):
        cases.append((f'the program ended with status {status} after its cases had passed', 'failed'))

    for number, (name, result) in enumerate(cases, 1):
        print('not ok' if result == 'failed' else 'ok', number, '-', name + (' # SKIP' if result == 'skipped' else ''))
    print(f'1..{len(cases)}')
    return 1 if any(result == 'failed' for _, result in cases) else 0


if __name__ == '__main__':
    sys.exit(main())
