"""tools/benchmarks/run.sh: one command plans, runs, resumes and reports all transfers."""

import importlib.util
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import save_backbone

from ..tiny import BACKBONE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def run():
    spec = importlib.util.spec_from_file_location('run', ROOT / 'tools/benchmarks/run.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    file = tmp_path / 'mine' / 'backbone_epoch_100.pth'
    file.parent.mkdir()
    state = MODELS.build(dict(type='SwinTransformer', **BACKBONE)).state_dict()
    save_backbone(file, state, None, algorithm='MimCo', epoch=100, seed=3,
                  teacher_checkpoint='moby_300ep.pth')
    return file


def planned(run, checkpoint, capsys, *options) -> list:
    run.main([str(checkpoint), '--network', 'swin-t', '--dry-run', *options])
    return [shlex.split(line) for line in capsys.readouterr().out.splitlines()
            if '/configs/' in line]


def test_dry_run__one_command_for_each_benchmark(run, checkpoint, capsys, tmp_path):
    commands = planned(run, checkpoint, capsys, '--work-dir', str(tmp_path / 'out'), '--gpus', '4')
    configs = [next(word for word in command if '/configs/' in word) for command in commands]
    assert [Path(config).relative_to(ROOT / 'configs/benchmarks').as_posix()
            for config in configs] == [
        'imagenet/swin-t.py', 'coco/mask-rcnn_swin-t_1x.py', 'ade20k/upernet_swin-t_160k.py',
        'retrieval/swin-t_dino.py', 'retrieval/swin-t_ibot.py', 'knn/swin-t.py',
        'linear/swin-t.py']
    for command in commands:
        assert str(checkpoint) in ' '.join(command)
        if command[0].endswith('dist_train.sh'):
            assert command[2] == '4' and '--resume' in command
            assert f'model.backbone.init_cfg.checkpoint={checkpoint}' in command
        else:
            assert '--nproc-per-node=4' in command
    assert not (tmp_path / 'out').exists()


def test_dry_run__a_subset_in_its_order_with_options(run, checkpoint, capsys):
    commands = planned(run, checkpoint, capsys, '--suite', 'knn,imagenet', '--gpus', '1',
                       '--cfg-options', 'train_dataloader.batch_size=8')
    assert [Path(next(w for w in c if '/configs/' in w)).parent.name for c in commands] == [
        'knn', 'imagenet']
    assert all(command[-1] == 'train_dataloader.batch_size=8' for command in commands)
    assert commands[0][0] == sys.executable and 'torch.distributed.run' not in commands[0]


def test_dry_run__slurm(run, checkpoint, capsys):
    training, features = planned(run, checkpoint, capsys, '--suite', 'coco,knn', '--slurm', 'gpu',
                                 '--gpus', '16')
    assert training[:2] == ['env', 'GPUS=16'] and training[2].endswith('slurm_train.sh')
    assert training[3:5] == ['gpu', 'coco']
    assert features[:2] == ['srun', '--partition=gpu'] and '--gres=gpu:8' in features
    assert '--nproc-per-node=8' in features


def test_dry_run__other_nodes_take_part_in_the_training_alone(run, checkpoint, capsys, monkeypatch):
    monkeypatch.setenv('NODE_RANK', '1')
    assert {Path(command[0]).name for command in planned(run, checkpoint, capsys)} == {
        'dist_train.sh'}


def test_main__what_is_finished_is_not_run_again_and_a_failure_stops_nothing(
        run, checkpoint, tmp_path, monkeypatch, capfd):
    out, log = tmp_path / 'out', tmp_path / 'log'

    def commands(args, network, work_dir):
        def step(name, code):
            return [sys.executable, '-c', f"open({str(log)!r}, 'a').write('{name} '); "
                                          f'raise SystemExit({code})', str(ROOT / 'configs/x')]
        return dict(imagenet=step('imagenet', 3), knn=step('knn', 0))

    monkeypatch.setattr(run, 'commands', commands)
    monkeypatch.setattr(run.Path, 'is_file', lambda self: 'configs' in str(self)
                        or self.exists() and not self.is_dir())
    for expected in ('imagenet knn ', 'imagenet knn imagenet '):
        with pytest.raises(SystemExit) as stop:
            run.main([str(checkpoint), '--network', 'swin-t', '--work-dir', str(out)])
        assert stop.value.code == 1 and log.read_text() == expected
    printed = capfd.readouterr().out
    assert 'imagenet: failed with exit status 3' in printed and 'knn: finished before' in printed
    written = json.loads((out / 'run.json').read_text())
    assert written['method'] == 'MimCo' and written['effective_epochs'] == 700
    assert written['seed'] == 3 and 'not run' in (out / 'report.md').read_text()
    assert (out / 'report.png').stat().st_size > 1000


@pytest.mark.parametrize('arguments, reason', [
    (['nothing.pth'], 'No such checkpoint file'),
    (['{checkpoint}', '--suite', 'imagenet,cifar'], '--suite expects some of imagenet,coco'),
    (['{checkpoint}'], 'there are no configs; name those to take with --network'),
    (['{empty}'], 'No tensors in it')])
def test_main__bad_input_is_refused_in_words(checkpoint, tmp_path, arguments, reason):
    torch.save(dict(optimizer={}), tmp_path / 'empty.pth')
    arguments = [a.format(checkpoint=checkpoint, empty=tmp_path / 'empty.pth') for a in arguments]
    done = subprocess.run([sys.executable, str(ROOT / 'tools/benchmarks/run.py'), *arguments],
                          capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode and reason in done.stderr and 'Traceback' not in done.stderr
    assert not (tmp_path / 'work_dirs').exists()
