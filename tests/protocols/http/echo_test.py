"""The echo server, asked by curl and by Python's client: echo_test.py PROGRAM"""

import hashlib
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time

from tap import Tap

PROGRAM = sys.argv[1]
PATIENCE = 60
tap = Tap()


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, '--port', '0', *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        self.address = line.rstrip('/')
        self.port = int(re.fullmatch(r'https?://127\.0\.0\.1:(\d+)/', line)[1])

    def end(self):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, time.monotonic() - begun, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def pieces(count, size):
    for number in range(count):
        yield bytes([65 + number % 26]) * size


with Server() as server:
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=PATIENCE)

    def ask(method, path, body=None, **options):
        connection.request(method, path, body, **options)
        answer = connection.getresponse()
        return answer.status, answer.read()

    tap.check('a content comes back', ask('POST', '/a/b?c=d', b'hello') == (200, b'hello'))
    tap.check('also by methods that nobody knows', ask('BREW', '/', b'coffee') == (200, b'coffee'))
    tap.check('no content comes back as none', ask('GET', '/') == (200, b''))
    tap.check('HEAD has none', ask('HEAD', '/big') == (200, b''))
    tap.check('a large answer comes whole', ask('GET', '/big') == (200, b'x' * (1 << 20)))
    begun = time.monotonic()
    tap.check('a slow answer comes later', ask('GET', '/slow?ms=100') == (200, b'') and time.monotonic() - begun >= 0.1)
    tap.check('senseless words are told', ask('GET', '/slow?ms=soon')[0] == 400)
    large = os.urandom(20 << 20)
    tap.check('a content of 20 MiB comes back', ask('PUT', '/', large) == (200, large))
    chunked = ask('POST', '/', pieces(300, 10000), encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
    tap.check('and one in chunks', chunked == (200, b''.join(pieces(300, 10000))))
    tap.check('all of that went over one connection', connection.sock is not None)

    if shutil.which('curl'):
        with tempfile.NamedTemporaryFile() as file:
            file.write(large)
            file.flush()
            for name, options in (('a length', []), ('chunks', ['-H', 'Transfer-Encoding: chunked'])):
                out = subprocess.run(['curl', '-sS', '-T', file.name, *options, server.address + '/x'], capture_output=True, timeout=PATIENCE)
                tap.check(f'curl gets back what it sends with {name}, after waiting for 100 Continue',
                          hashlib.sha256(out.stdout).digest() == hashlib.sha256(large).digest(), out.stderr)
        two = subprocess.run(['curl', '-sS', '-v', '-d', 'one', server.address + '/', '--next', '-sS', '-d', 'two', server.address + '/'],
                             capture_output=True, text=True, timeout=PATIENCE)
        tap.check('curl asks twice over one connection', two.stdout == 'onetwo' and 'Re-using existing connection' in two.stderr, two.stderr)
    else:
        tap.skip('curl gets back what it sends', 'there is no curl here')
    status, took, errors = server.end()
    tap.check('it ends in good order, within 10 s', status == 0 and took < 10 and 'rror' not in errors, f'{status} {took} {errors}')

if shutil.which('openssl'):
    with tempfile.TemporaryDirectory() as place:
        key, certificate = os.path.join(place, 'key.pem'), os.path.join(place, 'certificate.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj',
                        '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2', '-keyout', key, '-out', certificate],
                       check=True, capture_output=True, timeout=PATIENCE)
        with Server('--certificate', certificate, '--key', key, '--reactors', '2') as server:
            connection = http.client.HTTPSConnection('127.0.0.1', server.port, timeout=PATIENCE,
                                                     context=ssl.create_default_context(cafile=certificate))
            tap.check('it speaks TLS too', ask('POST', '/', large) == (200, large))
            status, took, errors = server.end()
            tap.check('and ends with two reactors as with one', status == 0 and took < 10, f'{status} {took} {errors}')
else:
    tap.skip('it speaks TLS too', 'there is no openssl here')
sys.exit(tap.finish())
