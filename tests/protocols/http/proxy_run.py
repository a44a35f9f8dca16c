"""Holds many large transfers through the reverse proxy at once, and says what that costs: proxy_run.py PROXY [COUNT [MIB [ECHO]]]

A program, not a test. It is upstream and clients itself: COUNT (500) clients ask for MIB (100) MiB each and take what comes for SECONDS,
then wait with all transfers under way while the memory of the proxy is read, and then take the rest of some of them.
"""

import re
import selectors
import socket
import subprocess
import sys
import threading
import time

PROXY = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 500
SIZE = (int(sys.argv[3]) if len(sys.argv) > 3 else 100) << 20
PIECE = b'x' * 65536


def upstream(listener):
    """Answers each request with SIZE bytes, as fast as they are taken, all in one thread."""
    ready = selectors.DefaultSelector()
    listener.setblocking(False)
    ready.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setblocking(False)
                ready.register(connection, selectors.EVENT_READ, {'left': 0})
                continue
            state = key.data
            try:
                if state['left'] == 0:
                    if not key.fileobj.recv(65536):
                        raise ConnectionResetError
                    key.fileobj.send(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % SIZE)
                    state['left'] = SIZE
                    ready.modify(key.fileobj, selectors.EVENT_WRITE, state)
                state['left'] -= key.fileobj.send(PIECE[:state['left']])
                if state['left'] == 0:
                    ready.modify(key.fileobj, selectors.EVENT_READ, state)
            except BlockingIOError:
                pass
            except OSError:
                ready.unregister(key.fileobj)
                key.fileobj.close()


def memory(process):
    with open(f'/proc/{process.pid}/status', encoding='ascii') as file:
        return {name: int(kib) / 1024 for name, kib in re.findall(r'(VmRSS|VmHWM):\s+(\d+)', file.read())}


listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
threading.Thread(target=upstream, args=(listener,), daemon=True).start()
proxy = subprocess.Popen([PROXY, '0', f'http://127.0.0.1:{listener.getsockname()[1]}'], stdout=subprocess.PIPE, text=True)
try:
    port = int(re.search(r':(\d+)/', proxy.stdout.readline())[1])
    empty = memory(proxy)['VmRSS']
    clients = []
    for _ in range(COUNT):
        clients.append(socket.create_connection(('127.0.0.1', port)))
        clients[-1].sendall(b'GET /film HTTP/1.1\r\nHost: a\r\n\r\n')
    begun = time.monotonic()
    received = [0] * COUNT
    while time.monotonic() - begun < 10 or min(received) == 0:
        for number, client in enumerate(clients):
            received[number] += len(client.recv(262144))
    time.sleep(2)  # nobody reads: everything that can wait does
    now = memory(proxy)
    print(f'{COUNT} transfers of {SIZE >> 20} MiB under way, {sum(received) >> 20} MiB taken by now, {min(received) >> 10} KiB by the slowest')
    print(f'memory of the proxy: {empty:.1f} MiB at first, {now["VmRSS"]:.1f} MiB now, {now["VmHWM"]:.1f} MiB at its peak')
    whole = 0
    for number, client in enumerate(clients[:5]):
        head = None
        while received[number] < SIZE + 1000:
            data = client.recv(1 << 20)
            received[number] += len(data)
            if not data or received[number] >= SIZE + 50:
                break
        whole += received[number] >= SIZE
    print(f'{whole} of 5 that were read to the end came whole; peak {memory(proxy)["VmHWM"]:.1f} MiB')
finally:
    proxy.terminate()
    for client in clients:
        client.close()
    try:
        proxy.wait(20)
    except subprocess.TimeoutExpired:
        proxy.kill()
