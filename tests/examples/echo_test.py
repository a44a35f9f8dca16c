"""The first program that a reader of the README sees does what it says, and ends in good order."""

import signal
import socket
import subprocess
import sys
import time

from tap import Tap

PORT = 7007
PATIENCE = 30


def connect(process):
    """A connection to the program, as soon as it listens."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return socket.create_connection(('127.0.0.1', PORT), timeout=PATIENCE)
        except ConnectionRefusedError:
            time.sleep(0.01)
    return None


def main():
    tap = Tap()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('', PORT))
        except OSError as error:
            tap.skip('the echo program echoes', f'port {PORT} is taken: {error.strerror}')
            return tap.finish()
    process = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        client = connect(process)
        if tap.check('the echo program listens', client is not None):
            said = b'hello\n' * 1000
            client.sendall(said)
            heard = b''
            while len(heard) < len(said) and (piece := client.recv(65536)):
                heard += piece
            tap.check('what is sent comes back', heard == said)
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=PATIENCE)
        tap.check('SIGTERM ends it in good order', process.returncode == 0, f'status {process.returncode}\n{printed}')
    finally:
        process.kill()
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
