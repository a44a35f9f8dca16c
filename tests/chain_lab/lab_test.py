"""The chain lab over HTTP: what it refuses, what it runs, what it writes. lab_test.py PROGRAM GENERATED

GENERATED is a program as the lab writes it for the plan GENERATED_PLAN; it is compiled, and run, with the tests."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from tap import Tap  # noqa: E402

PROGRAM, GENERATED = sys.argv[1:]
PATIENCE = 30
tap = Tap()

GENERATED_PLAN = {
    'stages': [
        {'add': 'callback', 'f': {'do': 'later', 'value': 'a "page"', 'after': 20, 'say': 'asking'}},
        {'add': 'callbacks', 'f': {'do': 'throw', 'message': 'cannot parse \\ it'}, 'g': {'do': 'onlyCancelled', 'value': 0}},
        {'add': 'both', 'f': {'do': 'pass', 'say': 'cleaned up'}},
        {'add': 'errback', 'g': {'do': 'failLater', 'message': 'and the copy is broken', 'after': 20}},
        {'add': 'errback', 'g': {'do': 'fired', 'value': 3}},
        {'add': 'callback', 'f': {'do': 'block', 'after': 10}},
        {'add': 'callback', 'f': {'do': 'add', 'value': -2}},
        {'add': 'callback', 'f': {'do': 'print'}},
        {'add': 'errback', 'g': {'do': 'nothing'}}],
    'start': {'with': 'value', 'value': 41, 'after': 10, 'twice': True}, 'cancel': 100}


def post(path, what, **headers):
    """(status, JSON or text)"""
    content = what if isinstance(what, bytes) else json.dumps(what).encode()
    request = urllib.request.Request(url + path, content, {'Content-Type': 'application/json', **headers})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text, status, kind = answer.read().decode(), answer.status, answer.headers.get('Content-Type', '')
    except urllib.error.HTTPError as refused:
        with refused:
            text, status, kind = refused.read().decode(), refused.code, refused.headers.get('Content-Type', '')
    return status, json.loads(text) if kind.startswith('application/json') else text


def events(stream):
    """The events in the text, as (kind, data)."""
    for event in stream.split('\n\n'):
        fields = dict(line.partition(': ')[::2] for line in event.split('\n') if ': ' in line)
        if 'data' in fields:
            yield fields['event'], json.loads(fields['data'])


def run(plan):
    status, stream = post('run', plan)
    if status != 200:
        raise AssertionError(stream)
    return list(events(stream))


def frames(plan):
    return [data for kind, data in run(plan) if kind == 'frame']


class Stream:
    """A run that is read while it goes on."""

    def __init__(self, plan):
        self.connection = http.client.HTTPConnection(url.split('/')[2], timeout=PATIENCE)
        self.connection.request('POST', '/run', json.dumps(plan), {'Content-Type': 'application/json'})
        self.answer = self.connection.getresponse()

    def next(self):
        lines = iter(lambda: self.answer.readline().decode(), '')
        event = ''
        for line in lines:
            if line == '\n' and 'data: ' in event:
                return next(events(event))
            event = '' if line == '\n' else event + line
        return None

    def until(self, words):
        while (event := self.next()) is not None:
            if words in event[1].get('words', event[0]):
                return event[1]
        return None

    def close(self):
        self.answer.close()
        self.connection.close()


def plan(*stages, start=None, **more):
    return {'stages': list(stages), 'start': start or {'with': 'value', 'value': 1}, **more}


def callback(do, **more):
    return {'add': 'callback', 'f': {'do': do, **more}}


def errback(do, **more):
    return {'add': 'errback', 'g': {'do': do, **more}}


process = subprocess.Popen([PROGRAM, '--port', '0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
url = process.stdout.readline().strip()
tap.check('it says where it listens', url.startswith('http://127.0.0.1:'), url)

# What it refuses
ADD = callback('add', value=1)
for sentence, bad, stage, words in (
        ('no JSON', b'{"stages": [', -1, 'object'),
        ('no object', [1], -1, 'object'),
        ('no stages', {'start': {'with': 'value'}}, -1, 'stages'),
        ('no stage at all', plan(), -1, '1 to 12'),
        ('more stages than there may be', plan(*[ADD] * 13), -1, '1 to 12'),
        ('no start', {'stages': [ADD]}, -1, 'start'),
        ('an unknown way of adding', plan({'add': 'addCallback', 'f': {'do': 'pass'}}), 0, 'callbacks'),
        ('a stage without its function', plan(ADD, {'add': 'callbacks', 'f': {'do': 'pass'}}), 1, '"g"'),
        ('an unknown deed', plan(callback('fly')), 0, 'failLater'),
        ('a delay that is too long', plan(callback('later', after=5001)), 0, '5000'),
        ('a delay below nothing', plan(callback('later', after=-1)), 0, '5000'),
        ('a delay that is no number', plan(callback('later', after='1')), 0, '5000'),
        ('blocking for too long, all together', plan(callback('block', after=200), callback('block', after=200)), 1, '250'),
        ('a text that is too long', plan(callback('throw', message='x' * 61)), 0, '60'),
        ('control characters', plan(callback('throw', message='a\nb')), 0, 'control'),
        ('a number that is too large', plan(callback('return', value=10 ** 10)), 0, 'nine digits'),
        ('a value that is a list', plan(callback('return', value=[1])), 0, 'number'),
        ('adding a text', plan(callback('add', value='1')), 0, 'number'),
        ('adding to a text', plan(callback('return', value='a'), ADD), 1, 'a text'),
        ('printing nothing', plan(callback('nothing'), callback('print')), 1, 'nothing'),
        ('an errback that leaves another type', plan(errback('return', value='a')), 0, 'one type'),
        ('two sides that leave two types', plan({'add': 'callbacks', 'f': {'do': 'return', 'value': 'a'},
                                                 'g': {'do': 'return', 'value': 1}}), 0, 'one type'),
        ('an errback that adds', plan(errback('add', value=1)), 0, 'callback'),
        ('a callback that takes CancelledError', plan(callback('onlyCancelled')), 0, 'errback'),
        ('its own Deferred, of another type by now', plan(callback('return', value='a'), callback('itself')), 1, 'own Deferred'),
        ('cancelling what has been given away', plan(callback('itself'), cancel=1), -1, 'cancel'),
        ('a cancel that is no time', plan(ADD, cancel='soon'), -1, '5000')):
    for path in ('code', 'run'):
        status, answer = post(path, bad)
        tap.check(f'/{path} refuses {sentence}', status == 400 and answer.get('stage') == stage and words in answer['error'], f'{status} {answer}')
status, answer = post('run', b'x' * 20000)
tap.check('what is too long is refused', status == 413, answer)
status, answer = post('run', plan(ADD), **{'Content-Type': 'text/plain'})
tap.check('other types of content are refused', (status, answer['stage']) == (415, -1), answer)
status, answer = post('run', plan(ADD), Origin='http://evil.example')
tap.check("pages of other sites are refused", status == 403, answer)
status, answer = post('runs/99/cancel', {})
tap.check('a run that is none is told as JSON', status == 404 and 'error' in answer, answer)

# What it runs
told = frames(plan(ADD, callback('print')))
tap.check('each step is told, with its line, its picture and what was printed',
          [frame['words'] for frame in told] == [
              'The chain is built. Nothing has run yet.', 'Deferred of chain.cpp:8 fired with 1', 'callback of chain.cpp:10 runs with 1',
              'callback of chain.cpp:10 returns 2', 'callback of chain.cpp:11 runs with 2', 'callback of chain.cpp:11 returns nothing',
              'Deferred of chain.cpp:8 ends']
          and [frame['line'] for frame in told] == [8, 13, 10, 10, 11, 11, 8] and told[4]['printed'] == ['2']
          and all('<svg' in frame['svg'] and '<style' not in frame['svg'] for frame in told), told)
tap.check('the picture grows', 'has not fired' in told[0]['svg'] and 'onvalue' in told[1]['svg'] and
          [frame['svg'].count('class="box"') for frame in told] == [0, 0, 1, 1, 2, 2, 2])
told = frames(plan(callback('throw', message='<&>"é')))
tap.check('what is not handled is reported at the end, with its traceback',
          'reported' in told[-1]['words'] and told[-1]['traceback'].startswith('Unhandled error in Deferred:\nTraceback: std::runtime_error: <&>"é\n')
          and 'thrown by the callback at chain.cpp:10\n    in the Deferred' in told[-1]['traceback'] and '&lt;&amp;&gt;&quot;é' in told[-2]['svg'], told[-1])
told = frames(plan(callback('later', value=5, after=2000), errback('onlyCancelled', value=7), cancel=30))
tap.check('cancelling reaches the Deferred that was returned, and the errback sees it',
          told[-1]['words'].endswith('ends with 7') and told[-1]['ms'] < 1500 and any(frame['depth'] == 1 for frame in told), told[-1])
stream = Stream(plan(ADD, start={'with': 'you', 'value': 1, 'message': 'no'}))
begin = stream.next()
tap.check('a run begins with its number and its program', begin[0] == 'begin' and 'd.callback(1)' in begin[1]['code'], begin)
tap.check('a Deferred that waits for you fails when you say so', post(f'runs/{begin[1]["id"]}/fire', {'with': 'failure'})[0] == 204
          and stream.until('failed with')['words'].endswith('std::runtime_error: no') and stream.until('over') is not None)
tap.check('and then the run has gone', post(f'runs/{begin[1]["id"]}/fire', {'with': 'value'})[0] == 404)
stream.close()
stream = Stream(plan(ADD, start={'with': 'you', 'value': 1}))
number = stream.next()[1]['id']
status, answer = post(f'runs/{number}/fire', {'with': 'joy'})
tap.check('other ways of firing are refused', status == 400, answer)
tap.check('one that waits for you can be cancelled', post(f'runs/{number}/cancel', {})[0] == 204 and stream.until('CancelledError') is not None)
stream.close()

# Limits
waiting = [Stream(plan(ADD, start={'with': 'you', 'value': 1})) for _ in range(50)]
numbers = [one.next()[1]['id'] for one in waiting]
status, answer = post('run', plan(ADD))
tap.check('more than 50 at once are refused', status == 503 and 'Too many' in answer['error'], answer)
for one in waiting:
    one.close()
for number in numbers:
    while post(f'runs/{number}/fire', {'with': 'joy'})[0] != 404:
        pass
tap.check('runs end with their connections', len(frames(plan(ADD))) == 5)

# What it offers, and what it writes
with urllib.request.urlopen(url + 'presets.json', timeout=PATIENCE) as answer:
    presets = [preset for group in json.load(answer) for preset in group['presets']]
stories = {}


def story(preset):
    with contextlib.suppress(AssertionError, OSError):
        stories[preset['id']] = frames(preset['plan'])


threads = [threading.Thread(target=story, args=[preset]) for preset in presets if preset['plan']['start']['with'] != 'you']
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(PATIENCE)
tap.check(f'all {len(threads)} examples of the page run at once', len(stories) == len(threads), sorted(stories))
for name, words in (('nice', 'ends'), ('forgotten-return', 'returns nothing'), ('errback-first', 'reported'), ('two-sides', 'reported'),
                    ('one-after-another', 'ends with 1'), ('twice', 'AlreadyCalledError'), ('cancelled', 'ends with -1'),
                    ('blocking', 'nobody was served'), ('itself', 'wait for itself'), ('swallowed', 'errback of chain.cpp:13 is skipped by nothing'),
                    ('nobody', 'AbandonedError'), ('cause', 'and the copy is broken'), ('fired', '"from the cache"')):
    tap.check(f'the example {name} shows what it is for', any(words in frame['words'] for frame in stories.get(name, [])), stories.get(name))
tap.check('an errback that throws keeps the cause', 'while handling' in stories['cause'][-3]['traceback'], stories['cause'][-3]['traceback'])

with open(GENERATED, encoding='utf-8') as file:
    wanted = file.read()
status, answer = post('code', GENERATED_PLAN)
tap.check('the program that is written is the one that the tests compile', answer.get('code') == wanted.partition('\n\n')[2], answer.get('code', answer))

process.send_signal(signal.SIGTERM)
out, err = process.communicate(timeout=PATIENCE)
tap.check('it ends in good order', process.returncode == 0, f'{process.returncode} {err}')
sys.exit(tap.finish())
