"""tools/train.py from folders, tar shards and LMDB, and with images decoded on the device."""

import json
import re
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image

from mimco_mm import launching
from tests import tiny
from tests.tools.modules import load_tool

LEAVES = ['mimco_swin-t', 'mimco_swin-b', 'mimco_vit-s', 'mimco_vit-b']
ROOT = tiny.CONFIGS.parent


def train(config: Config, work_dir: Path, data_root: str) -> list:
    """The losses of a run by tools/train.py."""
    for key in ('work_dir', 'experiment_name'):
        config.pop(key)
    config.dump(work_dir.with_suffix('.py'))
    tool = load_tool('train.py')
    args = tool.parse_args([
        str(work_dir.with_suffix('.py')), '--work-dir', str(work_dir), '--data', str(data_root),
        '--cfg-options',
        f'experiment_name={work_dir.parent.name}-{work_dir.name}'])
    launching.train(launching.Request(args.config, args.work_dir, cfg_options=args.cfg_options,
                                      shortcuts=dict(data=args.data)))
    (file, ) = work_dir.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line['loss'] for line in lines if 'loss' in line]


def small(name: str, folder: Path) -> Config:
    """One epoch of a config, on tiny networks."""
    config = tiny.config(name, folder, folder, epochs=1)
    config.model.target_generator.checkpoint = str(tiny.write_teacher(folder / 'teacher.pth'))
    return config


def test_storage__all_three_give_the_same_run(tmp_path, monkeypatch):
    data = tiny.write_images(tmp_path / 'data', 9)
    pack = load_tool('convert/pack_images.py')
    losses = {'folder': train(small('mimco_swin-t', tmp_path), tmp_path / 'folder', data)}
    for scheme in ('tar', 'lmdb'):
        packed = tmp_path / f'packed-{scheme}'
        monkeypatch.setattr(sys, 'argv', ['pack_images.py', f'{data}/train', f'{packed}/train',
                                          '--format', scheme])
        pack.main()
        losses[scheme] = train(small('mimco_swin-t', tmp_path), tmp_path / scheme,
                               f'{scheme}://{packed}')
    assert len(losses['folder']) == 2
    assert losses['folder'] == losses['tar'] == losses['lmdb']


def test_decoding_on_the_device__gives_the_run_of_the_usual_pipeline(tmp_path):
    data = tiny.write_images(tmp_path / 'data', 9)
    for path in (data / 'train').iterdir():
        Image.open(path).save(path.with_suffix('.jpg'), quality=90)
        path.unlink()
    usual = train(small('mimco_swin-t', tmp_path), tmp_path / 'usual', data)
    config = small('mimco_swin-t', tmp_path)
    config.merge_from_dict(device_options())
    coded = train(config, tmp_path / 'coded', data)
    assert len(usual) == 2 and coded == pytest.approx(usual, rel=2e-3) and coded != usual


def device_options() -> dict:
    """What docs/data.md tells to set."""
    options = re.findall(r'train_dataloader[\w.]+=\w+', (ROOT / 'docs' / 'data.md').read_text())
    return dict(option.split('=') for option in options if 'collate' in option)


@pytest.mark.parametrize('name', LEAVES)
def test_decoding_on_the_device__is_one_option_of_any_config(name):
    options = device_options()
    assert options == {'train_dataloader.collate_fn.type': 'collate_coded'}
    config = Config.fromfile(tiny.CONFIGS / 'pretrain' / f'{name}.py')
    assert config.train_dataloader.collate_fn.type == 'collate_decoded'
    assert config.data_preprocessor.type == 'DecodingDataPreprocessor'
