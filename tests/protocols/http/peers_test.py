"""Files, ranges, compression, uploads and events, asked for by curl, Node and Python: peers_test.py FILE_SERVER UPLOADS EVENT_CLOCK"""

import gzip
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from tap import Tap

FILES, UPLOADS, CLOCK = sys.argv[1:]
PATIENCE = 30
tap = Tap()
TEXT = 'Roses are red, violets are blue.\n' * 400


class Server:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        self.port = int(re.fullmatch(r'http://127\.0\.0\.1:(\d+)/', self.url)[1])

    def ask(self, path, method='GET', **fields):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE)
        connection.request(method, path, headers={name.replace('_', '-'): value for name, value in fields.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def curl(*args):
    return subprocess.run(['curl', '-sS', *args], capture_output=True, timeout=PATIENCE, check=False).stdout


def node(script):
    out = subprocess.run(['node', '-e', f'(async () => {{ {script} }})().catch(e => console.log("failed", e))'], capture_output=True,
                         text=True, timeout=PATIENCE, check=False)
    return (out.stdout + out.stderr).strip()


has_curl = shutil.which('curl') is not None
has_node = shutil.which('node') is not None and node('console.log(typeof fetch, typeof FormData)') == 'function function'
with tempfile.TemporaryDirectory() as place:
    inside = os.path.join(place, 'inside')
    os.mkdir(inside)
    with open(os.path.join(inside, 'poem.txt'), 'w', encoding='ascii') as file:
        file.write(TEXT)
    with open(os.path.join(place, 'secret'), 'w', encoding='ascii') as file:
        file.write('secret')
    os.symlink(os.path.join(place, 'secret'), os.path.join(inside, 'link'))
    os.symlink(place, os.path.join(inside, 'up'))

    with Server(FILES, inside, '0') as server:
        status, fields, content = server.ask('/poem.txt')
        tap.check('a file comes', (status, content.decode()) == (200, TEXT) and fields['Accept-Ranges'] == 'bytes')
        tag, date = fields['ETag'], fields['Last-Modified']
        size = len(TEXT)
        for what, wanted, right in (('a part', 'bytes=6-8', (206, b'are', f'bytes 6-8/{size}')),
                                    ('the end', 'bytes=-6', (206, b'blue.\n', f'bytes {size - 6}-{size - 1}/{size}')),
                                    ('from a place on', f'bytes={size - 6}-', (206, b'blue.\n', f'bytes {size - 6}-{size - 1}/{size}')),
                                    ('more than there is', f'bytes={size - 6}-99999999999999999999999', (206, b'blue.\n', None)),
                                    ('behind the end', f'bytes={size}-', (416, None, f'bytes */{size}')),
                                    ('the last nothing', 'bytes=-0', (416, None, f'bytes */{size}')),
                                    ('nonsense', 'bytes=8-6', (200, TEXT.encode(), None)),
                                    ('another unit', 'lines=1-2', (200, TEXT.encode(), None)),
                                    ('a hundred parts', 'bytes=' + ','.join(['0-0'] * 100), (200, TEXT.encode(), None))):
            status, fields, content = server.ask('/poem.txt', Range=wanted)
            tap.check(f'{what} is answered', status == right[0] and right[1] in (None, content)
                      and right[2] in (None, fields['Content-Range']), f'{status} {fields} {content[:100]}')
        status, fields, content = server.ask('/poem.txt', Range='bytes=0-4,6-8')
        tap.check('two parts come as two', status == 206 and content.count(b'Content-Range: bytes') == 2 and b'\r\n\r\nRoses\r\n' in content, content)
        for what, given, right in (('the same tag', {'If_None_Match': tag}, 304), ('a weak one', {'If_None_Match': 'W/' + tag}, 304),
                                   ('one of a list', {'If_None_Match': f'"x", {tag}'}, 304), ('another tag', {'If_None_Match': '"x"'}, 200),
                                   ('the same date', {'If_Modified_Since': date}, 304),
                                   ('an old date', {'If_Modified_Since': 'Sunday, 06-Nov-94 08:49:37 GMT'}, 200),
                                   ('an ancient form', {'If_Unmodified_Since': 'Sun Nov  6 08:49:37 1994'}, 412),
                                   ('no date', {'If_Modified_Since': 'yesterday'}, 200),
                                   ('the tag before the date', {'If_None_Match': '"x"', 'If_Modified_Since': date}, 200),
                                   ('a weak match', {'If_Match': 'W/' + tag}, 412), ('a strong match', {'If_Match': tag}, 200),
                                   ('a part of this version', {'Range': 'bytes=0-0', 'If_Range': tag}, 206),
                                   ('a part of another', {'Range': 'bytes=0-0', 'If_Range': '"x"'}, 200)):
            tap.check(f'{what}: {right}', server.ask('/poem.txt', **given)[0] == right)
        status, fields, content = server.ask('/poem.txt', Accept_Encoding='gzip')
        tap.check('it is compressed for who can read that', fields['Content-Encoding'] == 'gzip' and gzip.decompress(content).decode() == TEXT
                  and 'Accept-Encoding' in fields['Vary'] and len(content) < size / 4, fields)
        status, fields, content = server.ask('/poem.txt', 'HEAD')
        tap.check('HEAD tells the length', (status, fields['Content-Length'], content) == (200, str(size), b''))
        for path in ('/../secret', '/%2e%2e/secret', '/..%2fsecret', '/%2e%2e%2fsecret', '/..%5csecret', '/..\\secret', '/.%00./secret',
                     '/%c0%ae%c0%ae/secret', '/link', '/up/secret', '//etc/passwd', '/poem.txt%00.html', '/poem.txt/'):
            status, fields, content = server.ask(path)
            tap.check(f'{path} leads nowhere', status in (400, 404) and b'secret' != content, f'{status} {content[:100]}')
        if has_curl:
            tap.check('curl gets a part', curl('-r', '6-8', server.url + 'poem.txt') == b'are')
            tap.check('curl undoes compression', curl('--compressed', server.url + 'poem.txt').decode() == TEXT)
            half = os.path.join(place, 'half')
            with open(half, 'w', encoding='ascii') as file:
                file.write(TEXT[:5000])
            curl('-C', '-', '-o', half, server.url + 'poem.txt')
            with open(half, encoding='ascii') as file:
                tap.check('curl goes on where it was cut', file.read() == TEXT)
            tap.check('curl gets nothing if there is nothing new', curl('-z', half, '-w', '%{http_code}', server.url + 'poem.txt') == b'304')
        else:
            tap.skip('curl gets files', 'there is no curl here')

    with Server(UPLOADS, '0') as server:
        if has_curl:
            got = json.loads(curl('--form-string', 'title=Sun "set"; \u00e4', '-F', f'photo=@{half};type=text/plain;filename="a\\"b;c.txt"',
                                  server.url + 'albums/7/photos'))
            tap.check('curl sends a file', got['title'] == 'Sun "set"; \u00e4' and got['files'] == [{'name': 'a"b;c.txt', 'type': 'text/plain', 'size': size}], got)
        else:
            tap.skip('curl sends a file', 'there is no curl here')
        if has_node:
            got = node(f'const f = new FormData(); f.append("title", "a\\r\\nb"); f.append("photo", new Blob(["x".repeat(300000)]), "\\"q\\".bin");'
                       f'console.log(await (await fetch("{server.url}albums/8/photos", {{method: "POST", body: f}})).text())')
            tap.check('Node sends a file', '"album":"8"' in got and '"size":300000' in got and json.loads(got)['files'][0]['name'] == '"q".bin', got)
        else:
            tap.skip('Node sends a file', 'there is no Node with fetch here')

    with Server(CLOCK, '0') as server:
        connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=PATIENCE)
        connection.request('GET', '/', headers={'Last-Event-ID': '7'})
        answer = connection.getresponse()
        lines = [answer.readline().decode() for _ in range(9)]
        tap.check('Python hears events', answer.headers['Content-Type'] == 'text/event-stream' and lines[0] == 'retry: 1000\n'
                  and 'data: you have missed what came after 7\n' in lines and any(re.match(r'id: \d+\n', line) for line in lines), lines)
        connection.close()
        if has_node:
            got = node(f'const r = (await fetch("{server.url}")).body.getReader(); let t = "";'
                       'while ((t.match(/data: tick/g) || []).length < 3) t += new TextDecoder().decode((await r.read()).value);'
                       'await r.cancel(); console.log(JSON.stringify(t))')
            tap.check('Node hears events', re.search(r'id: (\d+)\ndata: tick \1\n\n', json.loads(got)), got)
        else:
            tap.skip('Node hears events', 'there is no Node with fetch here')
sys.exit(tap.finish())
