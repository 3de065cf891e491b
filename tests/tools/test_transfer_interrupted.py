"""Ctrl-C in a suite of transfers ends its command first, which saves, and keeps what it says."""

import pickle
import signal
import subprocess
import sys

from mimco_mm.processes.signals import Interrupted
from mimco_mm.transfers.running import run_logged

# says that it has begun, and some time after a SIGINT that it has saved
COMMAND = '''
import signal, sys, time
def save(*args):
    time.sleep(1)
    print('saved', flush=True)
    sys.exit(130)
signal.signal(signal.SIGINT, save)
print('begun', flush=True)
time.sleep(100)
'''


def listen() -> None:
    """Hear SIGINT, also where the tests themselves run in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted_command__is_heard_to_its_end(tmp_path):
    log = tmp_path / 'output.log'
    suite = subprocess.Popen([sys.executable, __file__, str(log)], text=True,
                             stdout=subprocess.PIPE, preexec_fn=listen)
    assert suite.stdout.readline() == 'begun\n'
    suite.send_signal(signal.SIGINT)
    assert (suite.stdout.read(), suite.wait()) == ('saved\n', 130)
    assert log.read_text().splitlines()[-2:] == ['begun', 'saved']


def test_interruption__is_told_between_processes():
    told = pickle.loads(pickle.dumps(Interrupted(15, 'saved: iter_3.pth')))
    assert (told.number, str(told)) == (15, 'saved: iter_3.pth')


if __name__ == '__main__':
    try:
        run_logged([sys.executable, '-c', COMMAND], sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
