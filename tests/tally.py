"""The closing line of a test run: tally.py [--skipped N] [--broken N] testlog.json...

Counts test cases over all the given logs of `meson test`: each point of a test that speaks TAP, one for any other test. A test that
failed without a failing point (it crashed, it ran out of time) counts as one failed case. A log that is not there does too.
"""

import argparse
import json
import re
import sys

POINT = re.compile(r'^(not )?ok\b([^#]*)(#\s*(SKIP|TODO)\b)?', re.IGNORECASE)


def count_test(entry):
    """(passed, failed, skipped) of one test."""
    passed = failed = skipped = 0
    for line in (entry.get('stdout') or '').splitlines():
        if match := POINT.match(line):
            if (match[4] or '').upper() == 'SKIP':
                skipped += 1
            elif match[1]:
                failed += 1
            else:
                passed += 1
    result = entry['result']
    if passed + failed + skipped == 0:
        return (result in ('OK', 'EXPECTEDFAIL'), result not in ('OK', 'EXPECTEDFAIL', 'SKIP'), result == 'SKIP')
    if result not in ('OK', 'EXPECTEDFAIL', 'SKIP') and failed == 0:
        failed = 1
    return (passed, failed, skipped)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--skipped', type=int, default=0, help='tests that were left out before the run')
    parser.add_argument('--broken', type=int, default=0, help='configurations that did not build')
    parser.add_argument('logs', nargs='*')
    arguments = parser.parse_args()

    passed, failed, skipped = 0, arguments.broken, arguments.skipped
    for path in arguments.logs:
        try:
            with open(path, encoding='utf-8') as log:
                entries = [json.loads(line) for line in log if line.strip()]
        except (OSError, json.JSONDecodeError) as error:
            print(f'tally: {path}: {error}', file=sys.stderr)
            failed += 1
            continue
        for entry in entries:
            p, f, s = count_test(entry)
            if f:
                print(f'failed: {entry["name"]} ({path})', file=sys.stderr)
            passed, failed, skipped = passed + p, failed + f, skipped + s
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
