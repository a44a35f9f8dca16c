"""The chat as a program: what it prints, how it refuses what it cannot do, and how it ends. program_test.py PROGRAM"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from tap import Tap  # noqa: E402

PROGRAM = sys.argv[1]
PATIENCE = 30
ENDING = re.compile(r'\S+ \[bight\.reactor\] info: Received SIG\w+, shutting down\.\n')  # all that it says when it ends
tap = Tap()


def start(*arguments, **environment):
    process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, **environment))
    return process, process.stdout.readline().strip()


def end(process, how=signal.SIGTERM):
    process.send_signal(how)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def ask(url, **form):
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(url, data, timeout=PATIENCE) as answer:
        return json.load(answer)


def refused(sentence, arguments, *words, **environment):
    """One line on stderr that holds the words, nothing on stdout, status 2."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE, env=dict(os.environ, **environment))
    line = done.stderr
    tap.check(sentence,
              done.returncode == 2 and done.stdout == '' and line.count('\n') == 1 and line.startswith('comet_chat: ')
              and all(word in line for word in words),
              f'status {done.returncode}, stdout {done.stdout!r}, stderr {line!r}')


# What it cannot do
for port in ('65536', '-1', '8000x', '99999999999999999999', ''):
    refused(f'the port {port!r} is refused', ['--port', port], '--port')
refused('a port for terminals out of range is refused', ['--port', '0', '--lines', '70000'], '--lines')
refused('an unknown reactor is refused and those that exist are named', ['--reactor', 'wait-a-bit'], 'wait-a-bit', 'select', 'poll')
refused('an unknown reactor in the environment is refused as well', ['--port', '0'], 'nonsense', BIGHT_REACTOR='nonsense')
refused('an address that is none is refused', ['--port', '0', '--host', 'not an address'], 'not an address')
refused('an address of another machine is refused', ['--port', '0', '--host', '192.0.2.1'], '192.0.2.1')
refused('an unknown option is refused', ['--prot', '8000'], '--prot')
refused('a history of nothing is refused', ['--history', '0'], '--history')
with socket.socket() as taken:
    taken.bind(('127.0.0.1', 0))
    taken.listen()
    busy = str(taken.getsockname()[1])
    refused('an address in use is refused', ['--port', busy], f'127.0.0.1:{busy}', 'in use')
    refused('a second door that is taken keeps the first one closed too', ['--port', '0', '--lines', busy], f'127.0.0.1:{busy}')

helped = subprocess.run([PROGRAM, '--help'], capture_output=True, text=True, timeout=PATIENCE)
tap.check('--help tells all options and succeeds',
          helped.returncode == 0 and all(f'--{name}' in helped.stdout for name in ('port', 'host', 'lines', 'reactor', 'history')),
          helped.stdout + helped.stderr)

# What it does
for reactor in ('select', 'poll', 'epoll', 'kqueue'):
    chat, url = start('--port', '0', '--reactor', reactor)
    if chat.poll() is not None or not url:
        err = chat.communicate(timeout=PATIENCE)[1]
        tap.skip(f'the chat works on {reactor}', 'this system has no such reactor') if 'epoll' in err or 'kqueue' in err else \
            tap.check(f'the chat works on {reactor}', False, err)
        continue
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(ask(f'{url}wait?since=0')))
    waiter.start()
    said = ask(f'{url}put', user='Ada', text='Hello')
    waiter.join(PATIENCE)
    status, out, err = end(chat)
    tap.check(f'the chat works on {reactor}, and ends in good order',
              said['id'] == 1 and answers and answers[0]['messages'][0]['text'] == 'Hello' and (status, out) == (0, '')
              and ENDING.fullmatch(err),
              f'{said} {answers} {status} {out} {err}')

for name in ('SIGINT', 'SIGTERM'):
    chat, url = start('--port', '0')
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(ask(f'{url}wait?since=0&user=Ada')))
    waiter.start()
    version = 0
    while ask(f'{url}wait?since=0&who={version}')['who']['count'] == 0:  # until Ada waits
        version = ask(f'{url}who')['version']
    status, _, err = end(chat, getattr(signal, name))
    waiter.join(PATIENCE)
    tap.check(f'{name} ends it with status 0, and who waits is answered', status == 0 and answers and answers[0]['messages'] == [],
              f'{status} {answers} {err}')
    again, second = start('--port', str(urllib.parse.urlsplit(url).port))
    tap.check(f'after {name} the port is free at once', second == url, second)
    end(again)

chat, url = start('--port', '0', '--lines', '0')
host, _, port = chat.stdout.readline().strip().removeprefix('for terminals: ').rpartition(':')
with socket.create_connection((host, int(port)), PATIENCE) as terminal, terminal.makefile('rw', encoding='utf-8', newline='\n') as lines:
    talk = [lines.readline()]
    for line in ('Ada', 'Hello from a terminal'):
        lines.write(line + '\n')
    lines.flush()
    heard = ask(f'{url}wait?since=0')['messages'][0]
    ask(f'{url}put', user='Grace', text='Hello back')
    talk += [lines.readline()]
    while not talk[-1].startswith(('Grace', '!')):
        talk += [lines.readline()]
tap.check('people at a terminal and people on the web talk to each other',
          (heard['user'], heard['text']) == ('Ada', 'Hello from a terminal') and talk[-1] == 'Grace: Hello back\n', f'{heard} {talk}')
end(chat)

chat, url = start('--port', '0', '--host', '::1') if socket.has_ipv6 else (None, '')
if url:
    tap.check('it serves IPv6 and prints an address that a browser takes', url.startswith('http://[::1]:') and ask(f'{url}who')['count'] == 0)
    end(chat)
else:
    tap.skip('it serves IPv6 and prints an address that a browser takes', 'this machine has no IPv6')

sys.exit(tap.finish())
