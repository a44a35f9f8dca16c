"""The strict request cases of llhttp against a live server: live_test.py ECHO_PROGRAM CASES

Each is sent as it is, with a Host field put in where there is none, and then our half is closed: what is whole is answered, what is
malformed is refused, and what is incomplete gets no answer.
"""

import json
import re
import selectors
import signal
import socket
import subprocess
import sys

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

    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=PATIENCE)
    tap.check('the server ends in good order', server.returncode == 0)
finally:
    if server.poll() is None:
        server.kill()
        server.communicate()
sys.exit(tap.finish())
