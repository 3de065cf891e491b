"""Wrong use of any tool, as it is started, ends in one message: exit code 1, no trace, no file."""

import os
import re

import pytest

from tests import tiny
from tests.attacks import databases
from tests.tars import write_tar

from .forked import run_forked
from .support import ROOT, write_jpegs

MICRO = str(ROOT / 'configs' / 'study' / 'mimco_swin-micro.py')
STUDY = ['study.py', '--size', 'reduced', '--networks', 'vit', '--seeds', '0', '--out', 'study']
KNN = ['transfers/knn.py', str(ROOT / 'configs' / 'benchmarks' / 'knn' / 'swin-t.py')]
RETRIEVAL = ['transfers/retrieval.py', 'retrieval/swin-t_dino']
NEIGHBOURS = ['figures/neighbours.py', 'teacher.pth', '--data', 'images', '--queries',
              'images/train/00.png']
REFUSED = {  # name: words of the command, and what it says
    'no such choice': (['train.py', '--amp', 'mimco_swin-t'],
                       "argument --amp: invalid choice: 'mimco_swin-t'"),
    'pinned without a GPU': (['train.py', MICRO, '--cfg-options',
                              'train_dataloader.pin_memory=True'],
                             '.*pin_memory=True: would change nothing here'),
    'bf16 without a GPU': (['train.py', MICRO, '--amp', 'bf16'],
                           '--amp bf16 would change nothing here: .*computes in float32'),
    'fp16 without a GPU': (['train.py', MICRO, '--work-dir', 'run', '--amp', 'fp16'],
                           '.*AmpOptimWrapper .* needs a GPU.* `--amp off`'),
    'a batch of one': (['train.py', 'one.py', '--work-dir', 'run'],
                       r'.*--batch-size 2 or more \(`train_dataloader\.'),
    'a cut database': (['train.py', 'config.py', '--work-dir', 'run', '--data', 'lmdb://cut'],
                       '.*50000 of 135168 bytes are there.*pack_images.py IMAGES .*/cut --format '
                       'lmdb'),
    'no checkpoint': (['convert/export_backbone.py', 'nothing.pth', 'out.pth', '--to', 'official'],
                      'No such checkpoint file: nothing.pth'),
    'nothing to pack': (['convert/pack_images.py', 'hidden/images', 'out'],
                        r'There are no images \(.*ignored: hidden: 1'),
    'nothing to index': (['convert/index_shards.py', 'hidden'],
                         r'There is no image .*\(a\.tar\)\. Ignored: hidden: 1\.'),
    'few photographs': (['transfers/make_retrieval_set.py', 'images', 'out', '--queries', '8'],
                        '8 queries need more than 8 photographs, and'),
    'few to compare with': ([*KNN, 'teacher.pth', '--data-root', 'classes'],
                            '`ks` has 200, and the bank has 4 images'),
    'two banks': ([*KNN, 'teacher.pth', '--data-root', 'classes', '--cfg-options',
                   'bank.data_root=images'],
                  '.*bank.data_root=images would change nothing: --data-root names the folder'),
    'one part of two': (['demo.py', '--data-root', 'images'], '.*there is no images/test'),
    'an address for a folder': ([*STUDY, '--data', 'tar://images'],
                                '.*expected a path, got the address .tar://images'),
    'unknown rows': ([*STUDY, '--data', 'images', '--rows', 'mae'],
                     '--rows expects some of scratch, moby'),
    'no number': ([*STUDY, '--data', 'images', '--set', 'train=0'],
                  '--set expects FIELD=N, a number from 1 up, FIELD one of train'),
    'seeds twice': ([*STUDY, '--data', 'images', '--seeds', '1', '1'],
                    '--seeds has something twice: 1 1 '),
    'a seed below 0': ([*STUDY, '--data', 'images', '--seeds', '-1'],
                       '--seeds: expected numbers from 0 up, got -1'),
    'two folders for one suite': (['transfers/run.py', 'teacher.pth', '--data-root', 'knn=images',
                                   '--data-root', 'knn=classes'], '--data-root names knn twice'),
    'two roots': ([*RETRIEVAL, 'teacher.pth', '--data-root', 'images', '--cfg-options',
                   'data_root=classes'], '.*data_root=classes would change nothing: --data-root'),
    'a misspelt short name': (['transfers/table6.py', 'imagenet/swinn-t', 'teacher.pth'],
                              'There is no config file imagenet/swinn-t .*Did you mean'),
    'exported onto itself': (['convert/export_backbone.py', 'teacher.pth', 'teacher.pth', '--to',
                              'mmpretrain', '--overwrite'], 'teacher.pth is what is exported'),
    'a picture onto its query': ([*NEIGHBOURS, '--out', 'images/train/00.png'],
                                 '--out images/train/00.png is a query'),
    'a picture beside another file': ([*NEIGHBOURS, '--out', 'other.png'],
                                      'other.json, where the figures behind .* is something else'),
    'two sizes of batch': (['train.py', MICRO, '--batch-size', '4', '--cfg-options',
                            'train_dataloader.batch_size=6'],
                           '--batch-size would change nothing: .*`train_dataloader.batch_size`'),
    'a start without a type': (['train.py', MICRO, '--cfg-options',
                                'model.backbone.init_cfg.checkpoint=teacher.pth'],
                               '`model.backbone.init_cfg` has no type: .*=PretrainedBackbone'),
    'precision of what does not train': (['train.py', 'knn/swin-t', '--amp', 'off'],
                                         '--amp makes no sense .*it trains nothing'),
    'images to download': ([*STUDY, '--data', 'nothing'], '.*--data,.*--download'),
}
COUNTS_STEPS = {  # by the maintained packages alone
    'no full size': (['speed/predict.py', 'mimco_swin-micro'],
                     '.*take one of configs/pretrain'),
    'no such part': (['speed/gpu_check.py', '--parts', '1,9', '--device', 'cpu'],
                     'argument --parts: expected numbers from 1 to 8'),
    'no such device': (['speed/gpu_check.py', '--device', 'tpu'],
                       'argument --device: invalid choice'),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """What the commands name, and nothing else."""
    root = tmp_path_factory.mktemp('one_message')
    tiny.write_images(root / 'images', 8)
    for batch_size, file in ((1, 'one.py'), (4, 'config.py')):
        cfg = tiny.config('mimco_swin-t', root / 'run', root / 'images', batch_size, **{
            'model.target_generator.checkpoint': str(tiny.write_teacher(root / 'teacher.pth')),
            'train_dataloader.num_workers': 1})
        cfg.dump(root / file)
    for part in ('train', 'val'):
        write_jpegs(root / 'classes' / part, 4, side=32)
    (root / 'cut').mkdir()
    databases.whole(root / 'cut')
    os.truncate(root / 'cut' / 'data.mdb', 50000)
    (root / 'hidden' / 'images').mkdir(parents=True)
    (root / 'hidden' / 'images' / '.hidden.jpg').touch()
    (root / 'other.json').write_text('{"mine": 1}')
    write_tar(root / 'hidden' / 'a.tar', {'.hidden.jpg': b''})
    return root


@pytest.fixture(scope='module')
def ended(folder) -> dict:
    """How each command ended."""
    before = {path.name for path in folder.iterdir()}
    found = run_forked({name: words for name, (words, _) in {**REFUSED, **COUNTS_STEPS}.items()},
                       folder)
    assert {path.name for path in folder.iterdir() if path.suffix != '.txt'} == before
    return found


def check(ended, message: str) -> None:
    assert ended.code == 1 and 'Traceback' not in ended.text, ended.text
    assert ended.text.count('error: ') == 1, ended.text
    assert re.match(f'error: {message}', ended.last), ended.text


@pytest.mark.parametrize('name', REFUSED)
def test_wrong_use__is_told_in_one_message(ended, name):
    check(ended[name], REFUSED[name][1])


@pytest.mark.maintained_only
@pytest.mark.parametrize('name', COUNTS_STEPS)
def test_wrong_use__of_what_counts_steps_is_told_in_one_message(ended, name):
    check(ended[name], COUNTS_STEPS[name][1])


def test_knn__too_few_images_are_told_before_features_are_extracted(ended):
    assert 'features' not in ended['few to compare with'].text
