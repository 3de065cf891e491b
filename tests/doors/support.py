"""The user's doors: commands as they are printed, run in a folder of the user's."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import termios
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Dict, NamedTuple, Optional

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
LAUNCHERS = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'NNODES', 'NODE_RANK', 'MASTER_ADDR',
             'MASTER_PORT', 'PORT')


def listen() -> None:
    """Hear SIGINT, also where the tests themselves run in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Ended(NamedTuple):
    """A command that has ended: its exit code, and what it printed, on both streams together."""

    code: int
    text: str

    @property
    def last(self) -> str:
        return self.text.strip().splitlines()[-1]


def environment(folder: Path, **variables: str) -> Dict[str, str]:
    """As of a user's shell with the project's environment active; downloads are kept in FOLDER."""
    env = {name: value for name, value in os.environ.items() if name not in LAUNCHERS}
    env.update(VIRTUAL_ENV=sys.prefix, CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1',
               TORCH_HOME=str(folder / 'torch'),
               PATH=f'{Path(sys.executable).parent}{os.pathsep}{env["PATH"]}', **variables)
    return env


def checkout(folder: Path) -> Path:
    """A folder like the checkout, without data and runs of its own."""
    for name in ('tools', 'configs', 'docs', 'notebooks'):
        (folder / name).symlink_to(ROOT / name)
    return folder


def write_jpegs(folder: Path, count: int, side: int = 256) -> Path:
    """Smooth random JPEGs, FOLDER/CLASS/NN.JPEG."""
    rng = np.random.default_rng(0)
    for index in range(count):
        file = folder / f'n{index % 2:08d}' / f'{index:02d}.JPEG'
        file.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        coarse.resize((side, side), Image.BICUBIC).save(file)
    return folder


def run(command: str, folder: Path, timeout: int = 400, **variables: str) -> Ended:
    """Run a command line in a folder, by bash."""
    process = subprocess.run(['bash', '-c', command], cwd=folder, text=True, timeout=timeout,
                             env=environment(folder, **variables), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return Ended(process.returncode, process.stdout)


def summary(text: str) -> str:
    """The summary in a run's output."""
    return re.search(r'Pre-training summary\n((?: .*\n)+)', text)[1]


class Releases:
    """A host of releases, reached through a proxy by its own name over https, as from a cluster.

    Args:
        folder: for its certificate.
        host: its name.
        pages: path -> content.
    """

    def __init__(self, folder: Path, host: str, pages: Dict[str, bytes]) -> None:
        self.certificate, key = folder / 'certificate.pem', folder / 'key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                        '-subj', f'/CN={host}', '-addext', f'subjectAltName=DNS:{host}',
                        '-keyout', str(key), '-out', str(self.certificate)],
                       check=True, capture_output=True)
        self.asked = []
        releases = self

        class Host(BaseHTTPRequestHandler):

            def do_GET(self) -> None:
                releases.asked.append(self.path)
                page = pages.get(self.path)
                self.send_response(200 if page else 404)
                self.send_header('Content-Length', str(len(page or b'')))
                self.end_headers()
                self.wfile.write(page or b'')

            def log_message(self, *args) -> None:
                pass

        class Proxy(BaseHTTPRequestHandler):

            def do_CONNECT(self) -> None:
                if self.path != f'{host}:443':
                    self.send_error(502)
                    return
                self.send_response(200)
                self.end_headers()
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(releases.certificate, key)
                with context.wrap_socket(self.connection, server_side=True) as one:
                    Host(one, self.client_address, self.server)
                    one.shutdown(socket.SHUT_WR)

            def log_message(self, *args) -> None:
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Proxy)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def variables(self) -> Dict[str, str]:
        """What a process needs in its environment to reach the host."""
        return dict(https_proxy=f'http://127.0.0.1:{self.server.server_port}', no_proxy='',
                    SSL_CERT_FILE=str(self.certificate))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def steps(text: str) -> Optional[str]:
    """'iteration/iterations' of the last logged step."""
    found = re.findall(r'(?:Epoch|Iter)\(train\).*?\[(\d+/\d+)\]', text)
    return found[-1] if found else None


def run_on_a_terminal(command: str, folder: Path, timeout: int = 400) -> Ended:
    """Run a command line in a folder, on a terminal of 80 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 80, 0, 0))
    process = subprocess.Popen(['bash', '-c', command], cwd=folder, env=environment(folder),
                               stdin=slave, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    stop = threading.Timer(timeout, process.kill)
    stop.start()
    printed = b''
    with contextlib.suppress(OSError):  # at its end
        while block := os.read(master, 65536):
            printed += block
    os.close(master)
    code = process.wait()
    stop.cancel()
    text = re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', printed.decode(errors='replace'))
    return Ended(code, text.replace('\r', '\n'))
