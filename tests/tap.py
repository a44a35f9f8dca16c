"""Test points for the tests that are written in Python: each says in one sentence what is true.

    tap = Tap()
    tap.check('the program exits with status 2', status == 2, detail=output)
    tap.skip('the package is found by CMake', 'there is no cmake here')
    sys.exit(tap.finish())
"""

import sys


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, sentence, passed, detail=''):
        """One point. The detail is shown when it fails."""
        self.count += 1
        print('ok' if passed else 'not ok', self.count, '-', sentence.replace('#', '\\#'), flush=True)
        if not passed:
            self.failed += 1
            print(f'failed: {sentence}', file=sys.stderr)
            if detail:
                print(str(detail).rstrip(), file=sys.stderr, flush=True)
        return passed

    def skip(self, sentence, reason):
        self.count += 1
        print('ok', self.count, '-', sentence.replace('#', '\\#'), '# SKIP', reason, flush=True)
        print(f'skipped: {sentence}: {reason}', file=sys.stderr, flush=True)

    def finish(self):
        """The plan, and the exit status."""
        print(f'1..{self.count}', flush=True)
        return 1 if self.failed else 0
