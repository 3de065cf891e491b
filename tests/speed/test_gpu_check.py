"""The check's parts end whatever happens in one: their rows stay, and the next one runs."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from mimco_mm.speed.gpu_check.report import markdown, worst
from mimco_mm.speed.gpu_check.rows import Row, Setting, figure, judged
from mimco_mm.speed.gpu_check.running import Part, check, rows_of, write

ROW = figure('a figure', '1 ms')


@pytest.fixture
def part(monkeypatch):
    """Make a part of a generator."""

    def make(run) -> Part:
        module = ModuleType('mimco_mm.speed.gpu_check.parts.made')
        module.run = run
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return Part('made', 'made', 20)

    return make


@pytest.fixture
def outcome(tmp_path, part):
    """Run a generator as a part, in its own forked process; its rows, and seconds."""

    def call(run, seconds: float = 20):
        started = time.monotonic()
        rows = list(rows_of(part(run), Setting('cpu', 2, tmp_path), seconds))
        return rows, time.monotonic() - started

    return call


def test_part__that_raises(outcome):
    def run(setting):
        yield ROW
        raise ValueError('no such kernel')

    rows, _ = outcome(run)
    assert rows[0] == ROW and rows[1].outcome == 'fail'
    assert rows[1].told == 'ValueError: no such kernel'


def test_part__that_crashes(outcome):
    def run(setting):
        yield ROW
        os.write(2, b'the last words\n')
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)

    rows, _ = outcome(run)
    assert rows[0] == ROW and rows[1].outcome == 'fail'
    assert 'code -9' in rows[1].told and 'the last words' in rows[1].told


def test_part__that_hangs_ends_with_what_it_started(outcome, tmp_path):
    def run(setting):
        yield ROW
        child = os.fork()
        if not child:
            time.sleep(600)
        (tmp_path / 'child').write_text(str(child))
        time.sleep(600)

    rows, seconds = outcome(run, seconds=3)
    assert rows[0] == ROW and rows[1].outcome == 'fail' and seconds < 60
    assert rows[1].told.startswith('stopped after its 3 s')
    child = int((tmp_path / 'child').read_text())
    deadline = time.monotonic() + 20  # the signal is sent; a busy machine takes its time
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(child)


def is_running(number: int) -> bool:
    try:
        return Path(f'/proc/{number}/stat').read_text().split()[2] != 'Z'
    except OSError:
        return False


def test_part__that_is_stopped_while_it_begins(outcome, monkeypatch):
    monkeypatch.setattr(os, 'setsid', lambda: time.sleep(600))
    rows, seconds = outcome(lambda setting: iter([ROW]), seconds=1)
    assert [row.outcome for row in rows] == ['fail'] and seconds < 60


def test_part__for_which_no_time_is_left(outcome):
    rows, _ = outcome(lambda setting: iter([ROW]), seconds=-1)
    assert [row.outcome for row in rows] == ['skipped']


def test_check__writes_the_file_after_each_row(tmp_path, part):
    out, seen = tmp_path / 'out.json', []

    def run(setting):
        yield judged('one', True, '')
        yield judged('two', False, 'a | b', apart=1.)

    def told(title, row):
        seen.append((title, len(json.loads(out.read_text())['parts'][-1]['rows'])))

    found = check(Setting('cpu', 2, tmp_path), [2, 1], 60, out, told, [part(run)] * 2)
    assert seen == [('2. made', 1), ('2. made', 2), ('1. made', 1), ('1. made', 2)]
    assert json.loads(out.read_text()) == found and worst(found) == 'fail'
    table = markdown(found)
    assert table.count('| fail | a / b |') == 2 and '2 pass, 0 figure, 0 skipped, 2 fail' in table


def test_rows__have_known_outcomes_alone():
    with pytest.raises(ValueError, match='one of pass, figure'):
        Row('x', 'passed', '')


def test_write__leaves_no_half_file(tmp_path):
    write(dict(parts=[]), tmp_path / 'a' / 'b.json')
    assert [file.name for file in (tmp_path / 'a').iterdir()] == ['b.json']
