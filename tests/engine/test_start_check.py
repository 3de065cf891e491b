"""Parts of a config that do not fit are refused before anything is built; ours all fit."""

import os

import pytest
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.device import get_device
from mmpretrain.models import SelfSupDataPreprocessor
from mmpretrain.registry import RUNNERS

from mimco_mm.datasets import ResilientDataset, collate_coded
from mimco_mm.engine import check_parts
from mimco_mm.errors import ConfigError
from tests import tiny

OURS = sorted(path.relative_to(tiny.CONFIGS).as_posix() for folder in ('pretrain', 'study')
              for path in (tiny.CONFIGS / folder).rglob('*.py') if '_base_' not in path.parts)
MIMCO, STUDY = 'pretrain/mimco_swin-t.py', 'study/moby_swin-micro.py'
TEACHER = 'pretrain/teachers/moby_swin-t.py'
COLLATE = 'train_dataloader.collate_fn.type'


def refused(name: str, options: dict) -> str:
    """Why a config of ours with these options is refused; '' if it is not."""
    cfg = Config.fromfile(tiny.CONFIGS / name)
    cfg.merge_from_dict(options)
    try:
        check_parts(cfg)
    except ConfigError as error:
        return str(error)
    return ''


@pytest.mark.parametrize('name', OURS)
def test_configs_of_ours__fit(name):
    assert refused(name, {}) == ''


@pytest.mark.parametrize('name, options, parts', [
    (STUDY, {COLLATE: 'collate_coded'},
     ['PackCodedInputs at the end of `train_dataloader.dataset.dataset.pipeline` (it is PackI',
      '`data_preprocessor.type` DecodingDataPreprocessor (it is ViewDataPreprocessor)']),
    (MIMCO, {COLLATE: 'default_collate'},
     [f'`{COLLATE}` collate_decoded or collate_coded (it is default_collate)']),
    (MIMCO, {'data_preprocessor.type': 'mmpretrain.MimCoDataPreprocessor'},
     ['`data_preprocessor.type` DecodingDataPreprocessor (it is mmpretrain.MimCoDataPrepro']),
    (STUDY, {COLLATE: 'pseudo_collate'}, [f'`{COLLATE}` is pseudo_collate', 'default_collate']),
    (STUDY, {'data_preprocessor.type': 'MimCoDataPreprocessor'},
     ['is ImagesInMemory and `data_preprocessor.type` MimCoDataPreprocessor. Set them to']),
    (TEACHER, {COLLATE: 'collate_coded'}, ['have the device make the views: `views_by=device`']),
    (TEACHER, {'train_dataloader.dataset.type': 'ImagesInMemory'},
     ['is ImagesInMemory and `data_preprocessor.type` MimCoDataPreprocessor. Set']),
    ('pretrain/baselines/simmim_swin-t.py', {'data_preprocessor.send_samples': False},
     ['set `data_preprocessor.send_samples=True`']),
])
def test_other_parts__are_refused_by_their_keys(name, options, parts):
    said = refused(name, options)
    assert all(part in said for part in parts), said


@pytest.mark.parametrize('name, options', [
    (MIMCO, {COLLATE: 'collate_coded'}),
    ('pretrain/baselines/simmim_vit-b.py', {COLLATE: 'collate_coded'}),
    (TEACHER, {'data_preprocessor.type': 'MimCoDataPreprocessor'}),
    (TEACHER, {COLLATE: 'default_collate', 'data_preprocessor.type': 'DecodingDataPreprocessor'}),
])
def test_other_parts__that_fit_are_taken(name, options):
    assert refused(name, options) == ''


@pytest.mark.skipif(get_device() != 'cpu', reason='an accelerator has float16')
@pytest.mark.parametrize('name', [MIMCO, 'benchmarks/imagenet/swin-t.py'])
def test_float16__without_an_accelerator_is_refused(name):
    said = refused(name, {'optim_wrapper.type': 'AmpOptimWrapper'})
    assert 'needs a GPU' in said and '`--amp off`' in said


def test_ready_made_parts__are_taken():
    cfg = Config.fromfile(tiny.CONFIGS / STUDY)
    cfg.train_dataloader.collate_fn = default_collate
    cfg.train_dataloader.dataset = ResilientDataset([])
    cfg.data_preprocessor = SelfSupDataPreprocessor()
    check_parts(cfg)
    cfg.train_dataloader.collate_fn = collate_coded
    with pytest.raises(ConfigError, match=r'dataset.pipeline` \(it is None\).*SelfSupDataPrep'):
        check_parts(cfg)


def test_work_dir__that_could_not_be_resumed_from_is_refused():
    assert r'caf\xe9 has bytes' in refused(STUDY, {'work_dir': os.fsdecode(b'work_dirs/caf\xe9')})
    assert not refused(STUDY, {'work_dir': 'work dirs/Größe 猫'})


def test_runner__checks_before_it_reads_images(tmp_path):
    cfg = tiny.config('teachers/moby_swin-t', tmp_path / 'run', tmp_path / 'no images',
                      **{COLLATE: 'collate_decoded'})
    with pytest.raises(ConfigError, match='PackCodedInputs at the end of'):
        RUNNERS.build(cfg).train()
