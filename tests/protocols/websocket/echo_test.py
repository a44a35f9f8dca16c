"""The WebSocket echo server, with Node's client as its peer and with bytes of our own: echo_test.py PROGRAM"""

import base64
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from tap import Tap

PATIENCE = 60
PAGE = """
const socket = new WebSocket(process.argv[1]);
socket.binaryType = "arraybuffer";
const big = new Uint8Array(3000000).map((_, i) => i * i >> 5);
const sent = ["hello", "", "\\u00e9\\u{1f600}".repeat(50000), big, "x".repeat(70000)];
const got = [];
socket.onopen = () => { for (const one of sent) socket.send(one); };
socket.onmessage = ({ data }) => {
  got.push(data);
  if (got.length === sent.length) socket.close(4001, "thanks");
};
socket.onerror = () => console.log("error");
socket.onclose = ({ code, wasClean }) => {
  const same = (a, b) => typeof a === "string" ? a === b : Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;
  console.log(JSON.stringify({ same: sent.every((one, i) => same(one, got[i])), code, wasClean, extensions: socket.extensions }));
};
"""


def frame(opcode, payload=b'', fin=True):
    key = os.urandom(4)
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + struct.pack('!H', len(payload))
    return bytes([(0x80 if fin else 0) | opcode]) + length + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def connect(port):
    """A connection whose handshake is through."""
    line = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
    key = base64.b64encode(os.urandom(16)).decode()
    line.sendall((f'GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                  f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n').encode())
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += line.recv(1)
    return line, head


def until_end(line):
    data = b''
    while piece := line.recv(65536):
        data += piece
    return data


def node(url):
    """What Node's own client says, or why it cannot be asked."""
    program = shutil.which('node')
    if not program:
        return None, 'there is no node here'
    for options in ([], ['--experimental-websocket']):
        has = subprocess.run([program, *options, '-e', 'console.log(typeof WebSocket)'], capture_output=True, text=True, timeout=PATIENCE)
        if has.stdout.strip() == 'function':
            ran = subprocess.run([program, *options, '-e', PAGE, url], capture_output=True, text=True, timeout=PATIENCE)
            return ran.stdout, ran.stderr
    return None, 'this node has no WebSocket'


def wsproto_talk(port):
    """What comes back from a client of Python's wsproto: three messages and a close, compressed; or why it cannot be asked."""
    try:
        from wsproto import ConnectionType, WSConnection
        from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage
        from wsproto.extensions import PerMessageDeflate
    except ImportError:
        return None, 'there is no wsproto here'
    client = WSConnection(ConnectionType.CLIENT)
    line = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
    line.sendall(client.send(Request(host=f'127.0.0.1:{port}', target='/', extensions=[PerMessageDeflate()])))
    sent = ['\u00e9' * 1000, bytes(range(256)) * 2000, 'short']
    got, parts, extensions = [], [], []
    while True:
        data = line.recv(65536)
        client.receive_data(data or None)
        for event in client.events():
            if isinstance(event, AcceptConnection):
                extensions = [extension.name for extension in event.extensions]
                for one in sent:
                    line.sendall(client.send(TextMessage(one) if isinstance(one, str) else BytesMessage(one)))
                line.sendall(client.send(Ping(b'?')))
            elif isinstance(event, (TextMessage, BytesMessage)):
                parts.append(event.data)
                if event.message_finished:
                    got.append(parts[0][:0].join(parts) if isinstance(parts[0], str) else b''.join(parts))
                    parts = []
            elif isinstance(event, Pong):
                line.sendall(client.send(CloseConnection(1000, 'done')))
            elif isinstance(event, CloseConnection):
                return got == sent and event.code == 1000 and extensions == ['permessage-deflate'], (extensions, event, len(got))
        if not data:
            return False, 'the connection ended without a close'


def main():
    tap = Tap()
    server = subprocess.Popen([sys.argv[1], '--port', '0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        port = int(re.fullmatch(r'ws://127\.0\.0\.1:(\d+)/', url)[1])

        said, why = node(url)
        if said is None:
            tap.skip("Node's client gets back what it sends", why)
        else:
            tap.check("Node's client gets back what it sends", '"same":true,"code":4001,"wasClean":true' in said, said + why)
            tap.check("Node's client agrees to compress", 'permessage-deflate' in said, said)

        same, why = wsproto_talk(port)
        if same is None:
            tap.skip("Python's wsproto gets back what it sends, compressed", why)
        else:
            tap.check("Python's wsproto gets back what it sends, compressed", same, why)

        line, head = connect(port)
        tap.check('the handshake is answered with 101', head.startswith(b'HTTP/1.1 101 '), head)
        line.sendall(frame(1, b'Hel', fin=False) + frame(9, b'?') + frame(0, b'lo') + frame(8, struct.pack('!H', 1000)))
        answer = until_end(line)
        tap.check('fragments, a ping and a close are answered', answer == b'\x8a\x01?\x81\x05Hello\x88\x02\x03\xe8', answer)

        line, _ = connect(port)
        line.sendall(b'\x81\x05Hello' + bytes(300000))
        answer = until_end(line)
        tap.check('who breaks a rule reads why before the connection ends', answer.startswith(b'\x88') and answer[2:4] == b'\x03\xea', answer)

        line, _ = connect(port)
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=PATIENCE)
        tap.check('SIGTERM ends it with status 0 within 10 s', server.returncode == 0 and time.monotonic() - begun < 10, err)
    finally:
        if server.poll() is None:
            server.kill()
            server.communicate()
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
