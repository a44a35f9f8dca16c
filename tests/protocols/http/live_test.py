"""The strict request cases of llhttp against a live server: live_test.py ECHO_PROGRAM CASES

Each is sent as it is, with a Host field put in where there is none, and then our half is closed: what is whole is answered, what is
malformed is refused, and what is incomplete gets no answer.
"""

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time

from tap import Tap

PROGRAM, CASES = sys.argv[1:3]
PATIENCE = 60
tap = Tap()

# Where we differ on purpose; docs/design/10-http.md says why.
DIFFERENT = {
    'request/sample:314', 'request/method:372', 'request/method:400', 'request/method:430', 'request/invalid:66', 'request/invalid:356',
    'request/content-length:444', 'request/transfer-encoding:751', 'request/transfer-encoding:793',
}


def prepared(text):
    if not re.search(r'(?im)^host\s*:', text):
        text = re.sub(r'( HTTP/1\.1\r\n)', r'\1Host: a\r\n', text)
    return text.encode('latin-1')


def statuses(data):
    """The statuses of the answers in `data`, which the requests' methods frame: HEAD has no content."""
    return [int(status) for status in re.findall(rb'HTTP/1\.1 (\d{3}) [A-Z]', data) if status != b'100']


def expected(case):
    """How many requests are answered, and whether something is refused behind them.

    What comes behind "Connection: close" is an error to llhttp; a server has closed by then. CONNECT, which llhttp hands to its user, is
    refused by a server that is no proxy. Where llhttp stops because another protocol could begin (None), a server that does not
    know that protocol goes on in HTTP, and refuses what follows if that is none.
    """
    messages = case['messages'] or []
    connect = any(message['complete'] and message['method'] == 'CONNECT' for message in messages)
    if connect:
        return 0, True
    reason = (case['error'] or {}).get('reason', '')
    error = None if 'Pause on' in reason else case['error'] is not None and 'Data after' not in reason
    return sum(message['complete'] for message in messages), error


def request(line='GET / HTTP/1.1', *fields, host='Host: a', body=''):
    return '\r\n'.join([line, *([host] if host else []), *fields, '', body]).encode('latin-1')


CHUNKED = 'Transfer-Encoding: chunked'
# What RFC 9110 and 9112 ask of a server: the bytes, the statuses that are right for them, and the end of the answer.
RULES = [
    ('a request is answered', request(), (200,)),
    ('field names compare without case, and their values are trimmed', request(host='hOsT: \t a \t'), (200,)),
    ('a field may be empty', request('GET / HTTP/1.1', 'X-Empty:', 'X-Blank:   '), (200,)),
    ('an empty line before a request is skipped', b'\r\n' + request(), (200,)),
    ('an absolute target is a request for its path, whatever Host says', request('GET http://b.example/x HTTP/1.1'), (200,)),
    ('a method is any token', request('BREW-9 / HTTP/1.1'), (200,)),
    ('OPTIONS * asks about the server', request('OPTIONS * HTTP/1.1'), (200, 204)),
    ('HTTP/1.0 needs no Host', request('GET / HTTP/1.0', host=''), (200,)),
    ('a later minor version is answered as 1.1', request('GET / HTTP/1.2'), (200, 505)),
    ('a content of a length is read', request('POST / HTTP/1.1', 'Content-Length: 5', body='hello'), (200,), b'hello'),
    ('a content in chunks is read', request('POST / HTTP/1.1', CHUNKED, body='3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n'), (200,), b'hello'),
    ('with extensions and trailers', request('POST / HTTP/1.1', CHUNKED, body='5;a="b;c"\r\nhello\r\n0\r\nX: y\r\n\r\n'), (200,), b'hello'),
    ('the coding compares without case', request('POST / HTTP/1.1', 'Transfer-Encoding: CHUNKED', body='0\r\n\r\n'), (200,)),
    ('HEAD has no content', request('HEAD /big HTTP/1.1'), (200,), b'\r\n\r\n'),
    ('an expectation is met before the content', request('POST / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 5'), (100,)),
    ('another expectation is not', request('GET / HTTP/1.1', 'Expect: wonders'), (417,)),
    ('a missing Host is refused', request(host=''), (400,)),
    ('two are refused', request('GET / HTTP/1.1', 'Host: b'), (400,)),
    ('a malformed one is refused', request(host='Host: a b'), (400,)),
    ('a folded field is refused', request('GET / HTTP/1.1', 'X: a', ' b'), (400,)),
    ('white space before a colon is refused', request('GET / HTTP/1.1', 'X : a'), (400,)),
    ('a name that is no token is refused', request('GET / HTTP/1.1', 'X[]: a'), (400,)),
    ('a control character is refused', request('GET / HTTP/1.1', 'X: a\x07'), (400,)),
    ('NUL is refused', request('GET / HTTP/1.1', 'X: a\0'), (400,)),
    ('a carriage return alone is refused', request('GET / HTTP/1.1', 'X: a\rY: b'), (400,)),
    ('a line feed alone is refused', b'GET / HTTP/1.1\nHost: a\n\n', (400,)),
    ('lengths that are none are refused', request('POST / HTTP/1.1', 'Content-Length: -5'), (400,)),
    ('also long ones', request('POST / HTTP/1.1', 'Content-Length: ' + '9' * 30), (400, 413)),
    ('two different lengths are refused', request('POST / HTTP/1.1', 'Content-Length: 5', 'Content-Length: 6', body='hello'), (400,)),
    ('a length beside chunks is refused', request('POST / HTTP/1.1', 'Content-Length: 5', CHUNKED, body='0\r\n\r\n'), (400,)),
    ('a coding that nobody knows is refused', request('POST / HTTP/1.1', 'Transfer-Encoding: xchunked', body='0\r\n\r\n'), (400, 501)),
    ('chunks that do not come last are refused', request('POST / HTTP/1.1', 'Transfer-Encoding: chunked, gzip'), (400, 501)),
    ('a chunk whose size is none is refused', request('POST / HTTP/1.1', CHUNKED, body='0x5\r\nhello\r\n0\r\n\r\n'), (400,)),
    ('a chunk longer than its size is refused', request('POST / HTTP/1.1', CHUNKED, body='2\r\nhello\r\n0\r\n\r\n'), (400,)),
    ('a request line without a version is refused', request('GET /'), (400, 505)),
    ('another version is refused', request('GET / HTTP/9.9'), (400, 505)),
    ('a line with more words is refused', request('GET / / HTTP/1.1'), (400,)),
    ('a target too long is refused', request('GET /' + 'x' * 20000 + ' HTTP/1.1'), (414,)),
    ('a field too long is refused', request('GET / HTTP/1.1', 'X: ' + 'x' * 40000), (431,)),
    ('too many fields are refused', request('GET / HTTP/1.1', *['X: y'] * 500), (431,)),
    ('CONNECT is not for a server', request('CONNECT a:80 HTTP/1.1'), (400, 405, 501)),
    ('an upgrade that nobody takes is ignored', request('GET / HTTP/1.1', 'Connection: upgrade', 'Upgrade: x'), (200,)),
]
WHOLE = request('POST /hello HTTP/1.1', 'Content-Length: 3', body='abc')


def first(port, data, last=b''):
    """The first answer to `data`, as far as it goes: up to its head, and to `last` if that is given."""
    with socket.create_connection(('127.0.0.1', port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        got = b''
        while b'\r\n\r\n' not in got or not got.endswith(last):
            more = connection.recv(65536)
            if not more:
                break
            got += more
        return got


def flood(port, begin, again, most=8 << 20):
    """Sends `begin`, and then `again` and again, without reading; the first bytes of what is answered."""
    with socket.create_connection(('127.0.0.1', port), timeout=1) as connection:
        connection.sendall(begin)
        try:
            for _ in range(most // len(again)):
                connection.sendall(again)
        except OSError:
            pass  # it reads no more, or has closed
        try:
            return connection.recv(12)
        except OSError:
            return b''


def drip(port, begin, again):
    """Sends `begin`, and `again` every 0.2 s, until there is an answer; that, and how long it took."""
    with socket.create_connection(('127.0.0.1', port), timeout=0.2) as connection:
        begun = time.monotonic()
        connection.sendall(begin)
        while time.monotonic() - begun < 15:
            try:
                return connection.recv(12), time.monotonic() - begun
            except TimeoutError:
                connection.sendall(again)
        return b'', PATIENCE


FORM = request('POST / HTTP/1.1', CHUNKED)
# What never ends, and the answers to it.
ENDLESS = [
    ('fields', b'GET / HTTP/1.1\r\nHost: a\r\n', b'X: y\r\n' * 1000, b'HTTP/1.1 431'),
    ('a field', b'GET / HTTP/1.1\r\nHost: a\r\nX: ', b'y' * 65536, b'HTTP/1.1 431'),
    ('a target', b'GET /', b'y' * 65536, b'HTTP/1.1 414'),
    ('chunk extensions', FORM + b'1;', b'y' * 65536, b'HTTP/1.1 413'),
    ('trailers', FORM + b'0\r\n', b'X: y\r\n' * 1000, b'HTTP/1.1 431'),
    ('requests, none of whose answers is read', b'', request('GET /big HTTP/1.1') * 1000, b'HTTP/1.1 200'),
    ('a content that comes back and is not read', FORM, b'10000\r\n' + b'x' * 65536 + b'\r\n', b''),
]


with open(CASES, encoding='utf-8') as file:
    cases = [case for case in json.load(file) if case['mode'] in ('request', 'request-finish')]
server = subprocess.Popen([PROGRAM, '--port', '0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
try:
    port = int(re.search(r':(\d+)/', server.stdout.readline())[1])
    waiting = selectors.DefaultSelector()
    for case in cases:
        connection = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
        connection.sendall(prepared(case['input']))
        connection.shutdown(socket.SHUT_WR)
        connection.setblocking(False)
        case['answer'] = b''
        waiting.register(connection, selectors.EVENT_READ, case)
    while waiting.get_map():
        ready = waiting.select(PATIENCE)
        if not ready:
            break
        for key, _ in ready:
            try:
                data = key.fileobj.recv(65536)
            except ConnectionResetError:
                data = b''
            key.data['answer'] += data
            if not data:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
    tap.check('every connection comes to its end', not waiting.get_map())
    agree, wrong = 0, []
    for case in cases:
        answered, refused = expected(case)
        got = statuses(case['answer'])
        good = [status for status in got if status < 400]
        bad = [status for status in got if status >= 400]
        if len(good) == answered and refused in (None, bool(bad)):
            agree += 1
        elif case['id'] not in DIFFERENT:
            wrong.append(f"{case['id']} {case['name']}: {answered} answers{' and a refusal' if refused else ''} expected, got {got}")
    tap.check(f'{agree} of {len(cases)} cases are answered as llhttp reads them, the others differ on purpose', not wrong, '\n'.join(wrong))
    tap.check('and those are few', len(cases) - agree <= len(DIFFERENT), f'{agree} of {len(cases)}')

    for sentence, data, right, *last in RULES:
        got = first(port, data, *last)
        status = int(got[9:12] or 0)
        tap.check(sentence, status in right and got.endswith(last[0] if last else b''), f'{right} expected, got {got[:300]}')
    # What is not whole is waited for: the same connection gets its one answer when the rest has come.
    early = []
    for cut in range(1, len(WHOLE)):
        with socket.create_connection(('127.0.0.1', port), timeout=PATIENCE) as connection:
            connection.sendall(WHOLE[:cut])
            first(port, request())  # the server has come round
            connection.setblocking(False)
            try:
                early.append((cut, connection.recv(1000)))
            except BlockingIOError:
                connection.settimeout(PATIENCE)
                connection.sendall(WHOLE[cut:])
                got = b''
                while not got.endswith(b'abc'):
                    got += connection.recv(1000) or b'abc'
                if not got.startswith(b'HTTP/1.1 200 '):
                    early.append((cut, got))
    tap.check('a request is answered when it is whole, wherever it was cut', not early, early)

    def memory():
        with open(f'/proc/{server.pid}/status', encoding='ascii') as status:
            return int(re.search(r'VmHWM:\s+(\d+)', status.read())[1]) / 1024

    if os.path.exists('/proc/self/status'):
        usual = memory()
        for what, begin, again, right in ENDLESS:
            got = flood(port, begin, again)
            # An answer may be lost when the rest of the flood meets a closed connection.
            tap.check(f'endless {what} cost it less than 64 MiB', memory() < usual + 64 and (right.startswith(got) or not right),
                      f'{got}: {memory()}, not {usual} MiB')
    else:
        tap.skip('endless floods cost little', 'there is no /proc here')

    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=PATIENCE)
    tap.check('the server ends in good order', server.returncode == 0)

    server = subprocess.Popen([PROGRAM, '--port', '0', '--patience', '1'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    port = int(re.search(r':(\d+)/', server.stdout.readline())[1])
    for what, begin, again in (('a head that drips', b'GET / HTTP/1.1\r\n', b'X: y\r\n'),
                               ('a content that drips', request('POST / HTTP/1.1', 'Content-Length: 1000'), b'x'),
                               ('trailers that drip', FORM + b'0\r\n', b'X: y\r\n')):
        got, took = drip(port, begin, again)
        tap.check(f'{what} is cut when the time is over', got == b'HTTP/1.1 408' and 0.5 < took < 10, f'{got} after {took} s')
finally:
    if server.poll() is None:
        server.kill()
        server.communicate()
sys.exit(tap.finish())
