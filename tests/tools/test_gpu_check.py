"""The GPU's check, rehearsed on a CPU through its script: every part that a CPU can run."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = '7,1,3,4,5,6,2'
pytestmark = pytest.mark.maintained_only  # counts steps, as predict.py does


def gpu_check(*args: str, timeout: int = 550) -> subprocess.CompletedProcess:
    environment = dict(os.environ, OMP_NUM_THREADS='1', PATH=f'/nowhere:{os.environ["PATH"]}')
    return subprocess.run(['bash', str(ROOT / 'tools/gpu_check.sh'), *args], text=True,
                          capture_output=True, timeout=timeout, env=environment)


@pytest.fixture(scope='module')
def rehearsal(tmp_path_factory):
    out = tmp_path_factory.mktemp('check') / 'new' / 'gpu.json'
    done = gpu_check('--device', 'cpu', '--parts', PARTS, '--minutes', '30', '--out', str(out))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout, json.loads(out.read_text())


def test_rehearsal__runs_the_parts_in_the_order_that_was_asked_for(rehearsal):
    _, found = rehearsal
    assert [part['number'] for part in found['parts']] == [int(each) for each in PARTS.split(',')]
    assert all(part['rows'] and part['seconds'] > 0 for part in found['parts'])
    assert found['machine']['device'] == 'cpu' and found['machine']['batch_size'] == 2


def test_rehearsal__passes_what_a_cpu_can_tell_and_says_why_it_skips_the_rest(rehearsal):
    _, found = rehearsal
    outcomes = {(part['number'], row['what']): row['outcome']
                for part in found['parts'] for row in part['rows']}
    assert 'fail' not in outcomes.values()
    passed = {(1, '4 windows, 12 heads, shifted'), (2, '--resume'), (2, 'losses'),
              (3, 'mimco_swin-t: gradients'), (3, 'mimco_vit-s: queues'),
              (6, 'a file cut short, past the workers'), (7, 'k-NN'), (7, 'health'),
              (7, 'a NaN among the weights')}
    assert passed <= {key for key, outcome in outcomes.items() if outcome == 'pass'}
    of_gpus = {(1, 'kernels, trained'), (2, 'memory on the device'), (4, 'mimco_swin-t'),
               (6, 'nvJPEG'), (7, 'fp16')}
    assert of_gpus == {key for key, outcome in outcomes.items() if outcome == 'skipped'} - {
        (1, 'kernels, frozen')}
    speeds = {outcome for (number, _), outcome in outcomes.items() if number == 5}
    assert speeds == {'figure'}  # small networks on a CPU say nothing of the aim


def test_rehearsal__prints_each_row_and_then_the_table(rehearsal):
    text, found = rehearsal
    lines, table = text.split('| part | what | outcome | finding |')
    rows = [row for part in found['parts'] for row in part['rows']]
    assert len(lines.splitlines()) >= len(rows) and table.count('\n| ') == len(rows)
    assert 'cpu: a rehearsal' in lines and f'{len(rows)} ' not in table.splitlines()[0]
