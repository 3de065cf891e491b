"""tools/transfers/run.sh: one command plans, runs, resumes and reports all transfers."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest
import torch
from mmpretrain.registry import MODELS

from mimco_mm.checkpoints import save_backbone
from mimco_mm.transfers import SUITE

from .. import tiny
from ..tiny import BACKBONE
from .modules import load_tool, refusal

ROOT = Path(__file__).parents[2]
RUN = ROOT / 'tools/transfers/run.sh'
# judged by few images and no GPU
KNN = ('--suite', 'knn', '--gpus', '1', '--cfg-options', 'knn.ks=[1,5]', 'queries.data_prefix=test',
       'num_workers=0', 'batch_size=4')


@pytest.fixture(scope='module')
def run():
    return load_tool('transfers/run.py')


def write_checkpoint(file: Path, seed: int = 0, **network) -> Path:
    file.parent.mkdir(parents=True)
    torch.manual_seed(seed)
    backbone = MODELS.build(dict(type='SwinTransformer', **network))
    save_backbone(file, backbone.state_dict(), None, algorithm='MimCo', epoch=100, seed=3,
                  teacher_checkpoint='moby_300ep.pth')
    return file


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return write_checkpoint(tmp_path / 'mine' / 'backbone_epoch_100.pth', **BACKBONE)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Two checkpoints of a Swin-T with one name, in folders of one name."""
    root = tmp_path_factory.mktemp('whole')
    return [write_checkpoint(root / name / 'mine' / 'backbone_epoch_100.pth', seed, arch='tiny',
                             img_size=224) for seed, name in enumerate('ab')]


def door(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
    """The command as a user types it."""
    environment = dict(os.environ, OMP_NUM_THREADS='1', VIRTUAL_ENV=sys.prefix, **variables,
                       PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
    return subprocess.run([str(RUN), *map(str, arguments)], text=True, cwd=cwd, timeout=600,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture
def refused(run, tmp_path, monkeypatch, capsys):
    """A function that returns what the command says when it gives up, before it runs anything."""

    def call(*arguments: object) -> str:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as stop:
            run.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert 'dist_train.sh' not in said.out and 'knn.py' not in said.out
        text = stop.value.code if isinstance(stop.value.code, str) else said.err
        assert 'error: ' in text
        return text

    return call


# The commands


def planned(run, checkpoint, capsys, *options) -> list:
    run.main([str(checkpoint), '--network', 'swin-t', '--dry-run', *options])
    return [shlex.split(line) for line in capsys.readouterr().out.splitlines()
            if '/configs/' in line]


def test_suite__is_the_packages(run):
    assert run.SUITE == SUITE


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
            assert f'model.backbone.init_cfg.checkpoint="{checkpoint}"' in command
        else:
            assert command[command.index('--gpus') + 1] == '4'
    assert not (tmp_path / 'out').exists()


def test_dry_run__options_of_all_and_of_one(run, checkpoint, capsys):
    commands = planned(run, checkpoint, capsys, '--suite', 'knn,imagenet', '--gpus', '1',
                       '--cfg-options', 'data_preprocessor.mean=[1,2,3]', 'knn.batch_size=8',
                       'imagenet,knn.model.backbone.img_size=192',
                       'imagenet.train_cfg.max_epochs=1')
    assert [Path(next(w for w in c if '/configs/' in w)).parent.name for c in commands] == [
        'knn', 'imagenet']
    both = ['data_preprocessor.mean=[1,2,3]', 'model.backbone.img_size=192']
    assert [sorted(command[-3:]) for command in commands] == [
        sorted([*both, own]) for own in ('batch_size=8', 'train_cfg.max_epochs=1')]
    assert commands[0][0] == sys.executable and 'torch.distributed.run' not in commands[0]


def test_dry_run__data_roots_reach_every_loader_and_evaluator(run, checkpoint, capsys, tmp_path):
    root = tmp_path / 'my photos, 2017'
    root.mkdir()
    commands = planned(run, checkpoint, capsys, '--gpus', '1', '--data-root',
                       f'{",".join(SUITE)}={root}')
    moved = {Path(command[command.index('--work-dir') + 1]).name: {
        word for word in command if f'="{root}' in word}
        for command in commands if '--work-dir' in command}
    datasets = {f'{part}_dataloader.dataset.data_root="{root}"' for part in ('val', 'test')}
    train = 'train_dataloader.dataset'
    assert moved == dict(
        imagenet={*datasets, f'{train}.dataset.data_root="{root}"'},
        linear={*datasets, f'{train}.dataset.data_root="{root}"'},
        ade20k={*datasets, f'{train}.data_root="{root}"'},
        coco={*datasets, f'{train}.data_root="{root}"', *(
            f'{part}_evaluator.ann_file="{root}/annotations/instances_val2017.json"'
            for part in ('val', 'test'))})
    frozen = [command for command in commands if '--out' in command]
    assert len(frozen) == 3
    assert {command[command.index('--data-root') + 1] for command in frozen} == {str(root)}


def test_dry_run__images_may_lie_in_tars(run, checkpoint, capsys, tmp_path):
    root = tmp_path / 'shards'
    root.mkdir()
    (root / 'imagenet1k-train-0000.tar').touch()
    for given in (root, f'tar://{root}'):
        training, features = planned(run, checkpoint, capsys, '--suite', 'imagenet,knn', '--gpus',
                                     '1', '--data-root', f'imagenet,knn={given}')
        assert f'val_dataloader.dataset.data_root="tar://{root}"' in training
        assert features[features.index('--data-root') + 1] == f'tar://{root}'


def test_dry_run__says_which_images_are_not_here(run, checkpoint, capsys, tmp_path, monkeypatch):
    (tmp_path / 'there').mkdir()
    monkeypatch.chdir(tmp_path)
    run.main([str(checkpoint), '--network', 'swin-t', '--dry-run', '--suite', 'knn,linear',
              '--data-root', 'knn=there'])
    told = [line for line in capsys.readouterr().out.splitlines() if 'there is no' in line]
    assert len(told) == 1 and told[0].startswith('# linear: there is no ')
    assert told[0].endswith('/data/imagenet here (--data-root linear=DIR)')


def test_dry_run__slurm(run, checkpoint, capsys):
    training, features = planned(run, checkpoint, capsys, '--suite', 'coco,knn', '--slurm', 'gpu',
                                 '--gpus', '16')
    assert training[:2] == ['env', 'GPUS=16'] and training[2].endswith('slurm_train.sh')
    assert training[3:5] == ['gpu', 'coco']
    assert features[:2] == ['srun', '--partition=gpu'] and '--gres=gpu:8' in features
    assert features[features.index('--gpus') + 1] == '8'


def test_dry_run__other_nodes_take_part_in_the_training_alone(run, checkpoint, capsys, monkeypatch):
    monkeypatch.setenv('NODE_RANK', '1')
    assert {Path(command[0]).name for command in planned(run, checkpoint, capsys)} == {
        'dist_train.sh'}
    monkeypatch.setenv('NODE_RANK', 'abc')
    assert "NODE_RANK must be a whole number from 0 up, got 'abc'" in refusal(
        'transfers/run.py', checkpoint, '--network', 'swin-t', '--dry-run')


def test_knn__of_several_machines_is_the_first_ones_and_waits_for_none(whole, tmp_path):
    data = tiny.write_stripes(tmp_path / 'data', 3, 2)
    done = door(whole[0], '--work-dir', 'out', '--data-root', f'knn={data}', *KNN, cwd=tmp_path,
                NNODES='2', NODE_RANK='0', MASTER_ADDR='127.0.0.1', MEETING_TIMEOUT='5')
    assert done.returncode == 0, done.stdout[-3000:]
    assert 'knn: finished' in done.stdout


def test_dry_run__of_several_machines_trains_first(run, checkpoint, capsys, monkeypatch):
    monkeypatch.setenv('NNODES', '2')
    commands = planned(run, checkpoint, capsys)
    assert [Path(command[0]).name for command in commands] == ['dist_train.sh'] * 4 + ['env'] * 3
    assert commands[-1][1:9] == ['-u', 'NNODES', '-u', 'NODE_RANK', '-u', 'MASTER_ADDR', '-u',
                                 'PORT']


@pytest.fixture
def no_dense_libraries(monkeypatch):
    """Python as it finds neither mmdet nor mmseg."""

    class Without(PathFinder):

        @classmethod
        def find_spec(cls, name, path=None, target=None):
            return None if name in ('mmdet', 'mmseg') else PathFinder.find_spec(name, path, target)

    for name in [name for name in sys.modules if name.split('.')[0] in ('mmdet', 'mmseg')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, 'meta_path', [
        Without if finder is PathFinder else finder for finder in sys.meta_path])


def test_dry_run__without_mmdet_and_mmseg(run, checkpoint, capsys, no_dense_libraries, tmp_path):
    with pytest.raises(SystemExit) as end:
        run.main([str(checkpoint), '--network', 'swin-t', '--dry-run', '--gpus', '1'])
    printed = [line for line in capsys.readouterr().out.splitlines() if 'there is no' not in line]
    assert end.value.code == 1 and len(printed) == 7
    for line, package in zip(printed[1:3], ('mmdet', 'mmseg')):
        assert line.startswith('# ') and line.endswith(f'needs {package}: tools/setup_env.sh tests')
    assert refusal('transfers/make_dense_sets.py', tmp_path, '--out', tmp_path).endswith(
        'needs mmdet: tools/setup_env.sh tests')


# Results are those of the checkpoint, the data and the options that were asked for


def figures(work_dir: Path) -> dict:
    return json.loads((work_dir / 'knn' / 'results.json').read_text())


def test_knn__of_a_second_checkpoint_of_the_same_name_is_its_own(run, whole, tmp_path, refused,
                                                                 monkeypatch, capsys):
    data = tiny.write_stripes(tmp_path / 'my photos, 2017', 3, 2)
    for file in whole:
        done = door(file, '--data-root', f'knn={data}', *KNN, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-3000:]
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in whole]
    folders = [tmp_path / 'work_dirs/transfers' / f'mine_backbone_epoch_100_{digest[:8]}'
               for digest in hashes]
    assert [figures(folder)['checkpoint_sha256'] for folder in folders] == hashes
    assert figures(folders[0])['data']['bank'] == dict(folder=str(data), images=6, classes=2)
    # the report says that this is no figure of ImageNet
    report = (folders[1] / 'report.md').read_text()
    assert hashes[1][:12] in report and hashes[0][:12] not in report
    line = next(line for line in report.splitlines() if 'k1_top1' in line)
    assert ' * |' in line and 'bank has 6 images, not 1281167' in line
    assert 'options `ks=[1,5] queries.data_prefix=test batch_size=4`' in report
    assert (folders[0] / 'report.png').stat().st_size > 1000
    assert 'knn.py' in (folders[0] / 'knn' / 'output.log').read_text()

    monkeypatch.chdir(tmp_path)
    run.main([str(whole[0]), '--data-root', f'knn={data}', *KNN])
    assert 'knn: finished before' in capsys.readouterr().out
    # in one work dir they are never mixed, nor with other data or options
    said = refused(whole[1], '--work-dir', folders[0], '--suite', 'linear')
    assert f'has the results of a checkpoint with sha256 {hashes[0][:12]}' in said
    said = refused(whole[0], *KNN)
    assert f"data_root was '{data}', now is '{tmp_path}/data/imagenet'" in said
    said = refused(whole[0], '--data-root', f'knn={data}', *KNN, 'temperature=1')
    assert "options.temperature was None, now is '1'" in said and '--work-dir' in said
    assert figures(folders[0])['checkpoint_sha256'] == hashes[0]


def test_imagenet__a_failed_run_is_told_and_not_gone_on_with_from_another_start(whole, tmp_path,
                                                                                 refused):
    (tmp_path / 'my photos, (2017').mkdir()
    options = ('--work-dir', 'out put', '--suite', 'imagenet', '--gpus', '1', '--data-root',
               'imagenet=my photos, (2017')
    done = door(whole[0], *options, cwd=tmp_path)
    log = 'out put/imagenet/output.log'
    assert done.returncode == 1
    assert f'imagenet: failed with exit status 1, see {log}' in done.stdout
    out = tmp_path / 'out put'
    row = next(line for line in (out / 'report.md').read_text().splitlines() if 'Table 1' in line)
    assert f'failed with exit status 1 |  |  |  | log: `{log}`' in row
    # names arrive whole
    wanted = 'There is no folder my photos, (2017/train with images to train on'
    assert wanted in (tmp_path / log).read_text() and wanted in done.stdout

    said = refused(whole[1], *options)
    assert 'has the results of a checkpoint with sha256' in said
    (out / 'run.json').unlink()  # as older versions overwrote it
    assert 'out put/imagenet holds results of something else: start_sha256 was' in refused(
        whole[1], *options)
    (out / 'imagenet' / 'record.json').unlink()
    assert 'no record.json that says what they are of' in refused(whole[0], *options)


def test_imagenet__a_toy_run_is_no_figure_of_the_paper(whole, tmp_path, refused):
    data = tiny.write_stripes(tmp_path / 'data', 2, 1)
    toy = ['--work-dir', 'out', '--suite', 'imagenet', '--gpus', '1']
    done = door(
        whole[0], *toy, '--data-root', f'imagenet={data}', '--cfg-options',
        'train_cfg.max_epochs=1', 'train_dataloader.batch_size=2', 'model.head.num_classes=2',
        'data_preprocessor.num_classes=2', 'val_evaluator.topk=1', 'test_evaluator.topk=1',
        'val_dataloader.dataset.data_prefix=test', 'train_dataloader.num_workers=0',
        'val_dataloader.num_workers=0', 'default_hooks.checkpoint.interval=2',
        'default_hooks.checkpoint.save_best=None', cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    report = (tmp_path / 'out' / 'report.md').read_text()
    row = [cell.strip() for cell in next(
        line for line in report.splitlines() if 'top1' in line).strip('|').split('|')]
    assert row[2] == '81.70' and row[3].endswith(' *') and row[4] == ''
    assert row[-1].startswith('train has 4 images, not 1281167; train has 2 classes, not 1000; '
                              'val has 2 images, not 50000; val has 2 classes, not 1000; 1 epochs, '
                              'not 100')
    said = refused(whole[0], *toy)
    assert "options.train_cfg.max_epochs was '1', now is None" in said


# Wrong use


@pytest.mark.parametrize('arguments, reason', [
    (['nothing.pth'], 'No such checkpoint file'),
    (['{checkpoint}', '--suite', 'imagenet,cifar'], '--suite: expected some of imagenet,coco'),
    (['{checkpoint}'], 'there are no configs; name those to take with --network'),
    (['{empty}'], 'No tensors in it'),
    (['{checkpoint}', '--data-root', '/nowhere'], 'expected SUITE=DIR'),
    (['{checkpoint}', '--data-root', 'knn=/nowhere'], 'there is no folder /nowhere'),
    (['{checkpoint}', '--suite', 'coco', '--data-root', 'knn=/tmp'], 'which --suite does not'),
    (['--cfg-options', 'knn.batchsize=8'], 'has no `batchsize`.*Did you mean batch_size'),
    (['--cfg-options', 'imagenet.train_cfg.max_epochs=1'], 'is for imagenet, which is not run'),
    (['--cfg-options', 'batch_size'], 'expects KEY=VALUE or BENCHMARK.KEY=VALUE'),
    (['--cfg-options', 'model.backbone.init_cfg.checkpoint=b.pth'], 'use the argument CHECKPOINT'),
    (['--slurm', 'gpu'], 'no srun here .*: leave out --slurm'),
    (['--suite', 'knn,imagenet', '--cfg-options', 'train_cfg.max_epochs=1'],
     'config of knn has no `train_cfg`.*it is imagenet.train_cfg.max_epochs=1')])
def test_main__bad_input_is_refused_in_words(checkpoint, tmp_path, refused, arguments, reason):
    torch.save(dict(optimizer={}), tmp_path / 'empty.pth')
    if arguments[0].startswith('--'):
        arguments = ['{checkpoint}', '--network', 'swin-t', '--suite', 'knn', *arguments]
    said = refused(*(a.format(checkpoint=checkpoint, empty='empty.pth') for a in arguments))
    assert re.search(reason, said), said
    assert not (tmp_path / 'work_dirs').exists()


def test_option__that_would_change_nothing_is_refused(whole, refused):
    assert refused(whole[0], '--suite', 'knn', '--cfg-options', 'data_root=/x') == (
        'error: --cfg-options data_root=/x: the config of knn has no `data_root`, and would '
        'ignore it. Its images go by --data-root knn=DIR.')
