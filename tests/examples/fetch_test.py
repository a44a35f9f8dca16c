"""The program that gets URLs, with real servers: fetch_test.py FETCH HTTP_ECHO"""

import gzip
import http.server
import json
import os
import pty
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from tap import Tap

FETCH, ECHO = sys.argv[1:]
PATIENCE = 30
tap = Tap()
BIG = bytes(range(256)) * 4096


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, content, status=200, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        if self.path == '/':
            self.answer(b'hello\n', Content_Type='text/plain')
        elif self.path == '/gzip':
            packed = gzip.compress(b'unpacked\n')
            self.answer(packed, Content_Encoding='gzip')
        elif self.path == '/chunks':
            self.send_response(200)
            self.send_header('Transfer-Encoding', 'chunked')
            self.end_headers()
            self.wfile.write(b'3\r\none\r\n4\r\n two\r\n0\r\n\r\n')
        elif self.path == '/redirect':
            self.answer(b'', 302, Location='/')
        elif self.path == '/cut':
            self.send_response(200)
            self.send_header('Content-Length', '1000')
            self.end_headers()
            self.wfile.write(b'only this')
            self.close_connection = True
        elif self.path == '/slow':
            time.sleep(0.3)
            self.answer(b'slow\n')
        elif self.path == '/never':
            time.sleep(5)
            self.close_connection = True
        elif self.path == '/bomb':
            self.answer(gzip.compress(bytes(64 << 20)) * 16, Content_Encoding='gzip')
        elif self.path == '/endless':
            self.wfile.write(b'HTTP/1.1 200 OK\r\n')
            while True:
                self.wfile.write(b'X: y\r\n' * 1000)
        elif self.path == '/interim':
            while True:
                self.wfile.write(b'HTTP/1.1 103 Early Hints\r\n\r\n' * 1000)
        elif self.path == '/big':
            self.answer(BIG)
        elif self.path == '/fields':
            self.answer(self.headers['X-Mood'].encode() + b'\n')
        else:
            self.answer(b'nowhere\n', 404)

    def do_POST(self):
        content = self.rfile.read(int(self.headers['Content-Length']))
        self.answer(content + b' as ' + self.headers['Content-Type'].encode())

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # those who go away early

    def log_message(self, *_):
        pass


def serve(context=None):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Pages)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def fetch(*args):
    done = subprocess.run([FETCH, *args], capture_output=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr.decode()


base = f'http://127.0.0.1:{serve()}'
scratch = tempfile.mkdtemp()
try:
    status, out, err = fetch(base + '/')
    tap.check('a page is printed, and a line about it told', (status, out) == (0, b'hello\n') and '200, 6 bytes' in err, err)
    status, out, err = fetch(base + '/slow', base + '/', base + '/big', base + '/chunks')
    tap.check('several are got at once and printed in their order', (status, out) == (0, b'slow\nhello\n' + BIG + b'one two'), err)
    tap.check('gzip is undone', fetch(base + '/gzip')[:2] == (0, b'unpacked\n'))
    tap.check('redirects are followed', fetch(base + '/redirect')[:2] == (0, b'hello\n'))
    tap.check('an answer is whole whatever its status', fetch(base + '/nowhere')[:2] == (0, b'nowhere\n'))
    status, out, err = fetch(base + '/cut', base + '/')
    tap.check('one that is cut is told, and the others come', status == 1 and out.endswith(b'hello\n') and 'after 9 of 1000 bytes' in err, err)
    status, out, err = fetch('--timeout', '0.5', base + '/never')
    tap.check('a limit of time is kept', status == 1 and 'no answer from 127.0.0.1' in err and 'within 0.5 s' in err, err)
    status, out, err = fetch('--limit', '1000', base + '/big')
    tap.check('a limit of size is kept', status == 1 and out == b'' and '1000 bytes' in err, err)
    def memory(*args):
        """The status, and the most memory that it took, in MiB."""
        with subprocess.Popen([FETCH, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _, raw, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(raw)
        return process.returncode, usage.ru_maxrss / (1024 if sys.platform == 'linux' else 1 << 20)

    _, usual = memory(base + '/')
    for path in ('/bomb', '/endless', '/interim'):
        for options in ([], ['--json']):
            status, most = memory(*options, base + path)
            tap.check(f'{path} {" ".join(options)} is ended, within 64 MiB', status == 1 and most < usual + 64, f'{status}: {most}, not {usual} MiB')
    tap.check('fields are sent', fetch('-H', 'X-Mood: fine', base + '/fields')[:2] == (0, b'fine\n'))
    tap.check('data are posted', fetch('-d', 'a=b', base + '/')[:2] == (0, b'a=b as application/x-www-form-urlencoded'))
    file = os.path.join(scratch, 'page')
    status, out, err = fetch('-o', file, base + '/big')
    tap.check('a file is written', status == 0 and out == b'' and open(file, 'rb').read() == BIG, err)
    status, out, err = fetch('-o', scratch + '/', base + '/', base + '/chunks')
    tap.check('files are written into a directory', status == 0 and open(scratch + '/index.html').read() == 'hello\n'
              and open(scratch + '/chunks').read() == 'one two', err)
    status, out, err = fetch('-o', file + '2', base + '/cut')
    tap.check('half a file is not left behind', status == 1 and not os.path.exists(file + '2') and not os.path.exists(file + '2.part'), err)
    status, out, err = fetch('--json', base + '/', base + '/cut')
    lines = [json.loads(line) for line in out.splitlines()]
    tap.check('a line of JSON tells all', status == 1 and lines[0]['ok'] and lines[0]['content'] == 'hello\n' and lines[0]['status'] == 200
              and lines[0]['headers']['Content-Type'] == 'text/plain' and not lines[1]['ok'] and '1000' in lines[1]['error'], out)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        status, out, err = fetch(f'http://127.0.0.1:{free.getsockname()[1]}/')
    tap.check('nobody there is told', status == 1 and 'no connection to 127.0.0.1' in err, err)
    tap.check('a wrong URL is told', fetch('nonsense')[0] == 2 and fetch()[0] == 2 and fetch('ftp://a/')[0] == 2)

    # A terminal: bars.
    leader, follower = pty.openpty()
    program = subprocess.Popen([FETCH, base + '/slow', base + '/big'], stdout=subprocess.DEVNULL, stderr=follower)
    os.close(follower)
    drawn = b''
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
    tap.check('on a terminal there are bars', program.wait(PATIENCE) == 0 and b'\x1b[K' in drawn and b'1.0 MB in' in drawn, drawn)

    echo = subprocess.Popen([ECHO, '--port', '0'], stdout=subprocess.PIPE, text=True)
    try:
        line = echo.stdout.readline().strip()
        own = line.rstrip('/')
        status, out, err = fetch('-d', 'x' * 100000, own + '/a')
        tap.check('our own server sends a large content back', status == 0 and out == b'x' * 100000, line + err)
        status, out, err = fetch(*[own + '/big'] * 20)
        tap.check('twenty at once', status == 0 and len(out) == 20 * 1048576, err)
    finally:
        echo.terminate()
        echo.wait(PATIENCE)

    if shutil.which('openssl'):
        cert, key = scratch + '/cert.pem', scratch + '/key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj',
                        '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        secure = f'https://127.0.0.1:{serve(context)}'
        status, out, err = fetch('--cacert', cert, secure + '/', secure + '/big')
        tap.check('a trusted server is read over TLS', (status, out) == (0, b'hello\n' + BIG), err)
        status, out, err = fetch(secure + '/')
        tap.check('an unknown one is not', status == 1 and out == b'' and 'certificate' in err, err)
    else:
        tap.skip('TLS', 'there is no openssl here')

    if shutil.which('node'):
        script = ("const s=require('http').createServer((q,r)=>{r.write('from ');setTimeout(()=>r.end('node'),20)});"
                  "s.listen(0,'127.0.0.1',()=>console.log(s.address().port))")
        node = subprocess.Popen(['node', '-e', script], stdout=subprocess.PIPE, text=True)
        try:
            port = node.stdout.readline().strip()
            status, out, err = fetch(f'http://127.0.0.1:{port}/', f'http://127.0.0.1:{port}/again')
            tap.check('Node answers', (status, out) == (0, b'from nodefrom node'), err)
        finally:
            node.terminate()
            node.wait(PATIENCE)
    else:
        tap.skip('Node answers', 'there is no node here')
finally:
    shutil.rmtree(scratch)
sys.exit(tap.finish())
