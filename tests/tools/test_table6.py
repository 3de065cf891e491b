"""The sweep of Table 6: its commands, and that finished runs are not run again."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mimco_mm.tables import TABLE_6_PAIRS
from tests.tables import suites
from tests.tools.modules import call, refusal

ROOT = Path(__file__).parents[2]
TOOL = 'transfers/table6.py'


@pytest.fixture
def files(tmp_path):
    for name in ('swin-t.py', 'backbone.pth'):
        (tmp_path / name).write_text('work_dir = None')
    return [str(tmp_path / 'swin-t.py'), str(tmp_path / 'backbone.pth'), '--work-dir',
            str(tmp_path / 'out')]


class Runs:
    """Stands in for subprocess.run: a run logs two epochs, of 70 + its number and of 60 %.

    A line between them is damaged, as a full disk leaves it.
    """

    def __init__(self):
        self.commands, self.code, self.data = [], 0, suites.IMAGENET

    def __call__(self, command, env):
        assert env['PATH'].startswith(str(Path(sys.executable).parent))
        self.commands.append(command)
        folder = Path(command[command.index('--work-dir') + 1])
        suites.write_data_record(folder, self.data, 100, '0' * 64)
        log = folder / '2025' / 'vis_data'
        log.mkdir(parents=True, exist_ok=True)
        lines = [{'accuracy/top1': 70. + len(self.commands), 'step': 1}, {'loss': 1., 'step': 50},
                 {'accuracy/top1': 60., 'step': 100}]
        (log / 'scalars.json').write_text('{"loss": 2.\n'.join(
            f'{json.dumps(line)}\n' for line in lines))
        return subprocess.CompletedProcess(command, self.code)


@pytest.fixture
def runs(monkeypatch):
    runs = Runs()
    monkeypatch.setattr(subprocess, 'run', runs)
    return runs


def test_table__has_the_paper_s_rows_and_configs():
    assert {name: len(rows) for name, rows in TABLE_6_PAIRS.items()} == {
        'swin-t': 4, 'swin-b': 5, 'vit-s': 4, 'vit-b': 4}
    assert {name: max(rows, key=rows.get) for name, rows in TABLE_6_PAIRS.items()} == {
        'swin-t': (0.1, 0.75), 'swin-b': (0.2, 0.8), 'vit-s': (0.1, 0.75), 'vit-b': (0.1, 0.65)}
    for name in TABLE_6_PAIRS:
        assert (ROOT / 'configs' / 'benchmarks' / 'imagenet' / f'{name}.py').is_file()


def test_dry_run__prints_the_commands(runs):
    printed = call(TOOL, 'imagenet/vit-b', 'a b.pth', '--dry-run', '--cfg-options', 'x=1')
    lines = [line for line in printed.splitlines() if 'dist_train.sh' in line]
    assert len(lines) == 4 and not runs.commands
    config = ROOT / 'configs' / 'benchmarks' / 'imagenet' / 'vit-b.py'
    assert all(line.startswith(f'bash {ROOT}/tools/dist_train.sh {config} 8 --work-dir '
                               'work_dirs/table6_vit-b/drop-path-0.') for line in lines)
    assert lines[1].endswith('--resume --cfg-options '
                             '\'model.backbone.init_cfg.checkpoint="a b.pth"\' '
                             'model.backbone.drop_path_rate=0.1 '
                             'optim_wrapper.paramwise_cfg.layer_decay_rate=0.65 x=1')


def test_data_root__goes_to_all_loaders(runs, tmp_path):
    printed = call(TOOL, 'imagenet/vit-b', 'b.pth', '--dry-run', '--data-root', tmp_path / 'none')
    for part in ('train_dataloader.dataset.dataset', 'val_dataloader.dataset',
                 'test_dataloader.dataset'):
        assert f'{part}.data_root="{tmp_path}/none"' in printed
    assert printed.splitlines()[-1] == f'# there is no {tmp_path}/none here (--data-root DIR)'


def test_sweep__resumes_what_stopped_and_skips_what_is_finished(files, runs):
    arguments = [*files, '--pairs', '0.1,0.75', '0.3,0.9']
    runs.code = 1
    assert re.search('exit 1.*resumes it', refusal(TOOL, *arguments))
    runs.code = 0
    call(TOOL, *arguments)
    assert len(runs.commands) == 3 and runs.commands[0] == runs.commands[1]
    printed = call(TOOL, *arguments)
    assert len(runs.commands) == 3
    assert [line.split() for line in printed.splitlines()[-3:-1]] == [
        ['0.1', '0.75', '60.00', '72.00', '81.66'], ['0.3', '0.9', '60.00', '73.00', '-']]
    written = json.loads((Path(files[3]) / 'results.json').read_text())
    assert written['results'] == {'drop_path=0.1 layer_decay=0.75': 60.,
                                  'drop_path=0.3 layer_decay=0.9': 60.}
    assert list(written['best'].values()) == [72., 73.]
    assert re.search('holds results of something else: command was .*lr=1', refusal(
        TOOL, *arguments, '--cfg-options', 'optim_wrapper.optimizer.lr=1'))
    Path(files[1]).write_text('other weights, in a file of the same name')
    assert re.search('start_sha256 was .*Choose another --work-dir', refusal(TOOL, *arguments))
    assert len(runs.commands) == 3


def test_table__what_cannot_stand_beside_the_paper_says_so(files, runs):
    runs.data = {**suites.IMAGENET, 'train': dict(images=20, classes=1000)}
    assert call(TOOL, *files, '--pairs', '0.1,0.75').splitlines()[-2].endswith(
        "60.00   71.00       -  not the paper's: train has 20 images, not 1281167")


@pytest.mark.parametrize('options, message', [
    (['--pairs', '0.1'], "expected DROP_PATH,LAYER_DECAY such as 0.1,0.75, got '0.1'"),
    (['--pairs', '1,0.5'], 'a drop path rate from 0 to below 1'),
])
def test_pairs__wrong_ones_are_explained(files, options, message):
    assert message in refusal(TOOL, *files, *options)


def test_files__missing_ones_are_explained(files):
    assert 'CHECKPOINT: there is no file nothing.pth' in refusal(TOOL, files[0], 'nothing.pth')
