"""The example of a web server, used with a plain client: example_test.py PROGRAM"""

import http.client
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
from tap import Tap  # noqa: E402

PROGRAM = sys.argv[1]
PATIENCE = 30
tap = Tap()

server = subprocess.Popen([PROGRAM, '--port', '0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
try:
    line = server.stdout.readline().strip()
    address = re.fullmatch(r'http://127\.0\.0\.1:(\d+)/', line)
    tap.check('the program says where it listens', address, line)
    connection = http.client.HTTPConnection('127.0.0.1', int(address[1]), timeout=PATIENCE)

    def ask(method, path, body=None, **headers):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    tap.check('the page is there', ask('GET', '/') == (200, '<h1>Welcome</h1>\n'))
    form = {'Content-Type': 'application/x-www-form-urlencoded'}
    tap.check('a form is read', ask('POST', '/greet', 'name=Ann+B%2e', **form) == (200, 'Hello, Ann B.!\n'))
    status, text = ask('POST', '/greet', 'x=y', **form)
    tap.check('a missing field is told', status == 400 and text.endswith('The form needs a field "name".\n'), text)
    tap.check('no form at all is told', ask('POST', '/greet', '{}', **{'Content-Type': 'application/json'})[0] == 415)
    tap.check('a wrong method is told', ask('GET', '/greet')[0] == 405)
    tap.check('what is not there is told', ask('GET', '/nowhere')[0] == 404)
    tap.check('a page may come later', ask('GET', '/slow') == (200, 'That took a while, 127.0.0.1.\n'))
    tap.check('events come as they happen', ask('GET', '/ticks') == (200, ''.join(f'data: tick {i}\n\n' for i in (1, 2, 3))))
    tap.check('all of that went over one connection', connection.sock is not None)

    connection.request('GET', '/ticks')
    connection.getresponse()
    connection.close()  # goes away in the middle
    server.send_signal(signal.SIGTERM)
    out, err = server.communicate(timeout=PATIENCE)
    tap.check('the program ends in good order', server.returncode == 0 and 'rror' not in err, f'{server.returncode} {err}')
finally:
    if server.poll() is None:
        server.kill()
        server.wait()

outside = subprocess.run([PROGRAM, '--port', '70000'], capture_output=True, text=True, timeout=PATIENCE)
tap.check('a port out of range is refused', outside.returncode == 2 and outside.stdout == '', outside.stderr)
sys.exit(tap.finish())
