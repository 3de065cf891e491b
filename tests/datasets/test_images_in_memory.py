"""Images that are read once, and the batches that the preprocessors make of them."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import DATASETS, MODELS
from PIL import Image

from mimco_mm.errors import DataError
from tests import tiny

LOAD = [dict(type='LoadRGBImage'), dict(type='PackInputs', meta_keys=('img_path', ))]


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(12):
        file = tmp_path / 'train' / 'ab'[index % 2] / f'{index:02d}.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(file)
    return tmp_path


def in_memory(folder):
    return DATASETS.build(dict(type='mmpretrain.ImagesInMemory', dataset=dict(
        type='ImageFolder', data_root=str(folder), data_prefix='train', with_label=False,
        pipeline=LOAD)))


def batch_of(name: str, folder, epoch: int = 0) -> dict:
    cfg = Config.fromfile(tiny.CONFIGS / 'study' / f'{name}.py')
    cfg.train_dataloader.update(batch_size=4)
    cfg.train_dataloader.dataset.dataset.data_root = str(folder)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        loader.dataset.set_epoch(epoch, 5)
        return MODELS.build(cfg.data_preprocessor)(next(iter(loader)), training=True)


def test_images__are_read_once_and_broken_ones_replaced_and_named(folder):
    whole = np.array(Image.open(folder / 'train/a/02.png'))
    (folder / 'train/a/00.png').write_bytes(b'no image')
    dataset = in_memory(folder)
    dataset.full_init()
    for file in folder.rglob('*.png'):
        file.unlink()
    first, = dataset.__getitems__([0])
    assert np.array_equal(first['inputs']['pixels'].permute(1, 2, 0).numpy(), whole)
    assert list(first['data_samples'].broken_images) == [str(folder / 'train/a/00.png')]
    assert dataset[1]['data_samples'] is not dataset[1]['data_samples']  # each may be changed


def test_images__of_several_sizes_are_refused(folder):
    Image.new('RGB', (40, 32)).save(folder / 'train/b/11.png')
    with pytest.raises(DataError, match=r'one size, 32 x 32 px, but .*11.png has 40 x 32 px'):
        in_memory(folder).full_init()


@pytest.mark.parametrize('name, views', [
    ('mimco_vit-micro', 1), ('simmim_vit-micro', 1), ('moby_vit-micro', 2),
    ('simmim-moby_vit-micro', 3), ('mimco_vit-micro_no-mask', 1), ('finetune_vit-micro', 1)])
def test_batches__are_normalised_views_with_masks_and_come_again(folder, name, views):
    one, again, other = (batch_of(name, folder, epoch) for epoch in (0, 0, 1))
    inputs = one['inputs'] if views > 1 else [one['inputs']]
    assert len(inputs) == views
    for view in inputs:
        assert view.shape == (4, 3, 32, 32) and abs(view.mean()) < 1 and 0.3 < view.std() < 2
    flat = [torch.cat([*batch['inputs']]) for batch in (one, again, other)]
    assert torch.equal(flat[0], flat[1]) and not torch.equal(flat[0], flat[2])
    masks = [sample.mask.sum() for sample in one['data_samples'] if 'mask' in sample]
    assert masks == [10] * (4 if name.startswith(('mimco', 'simmim')) and 'no-' not in name else 0)


def test_preprocessor__leaves_other_images_and_colours_in_order(folder):
    """An image that is not changed is normalised as mmpretrain does it."""
    norm = dict(mean=[10., 20., 30.], std=[2., 4., 8.], to_rgb=True)
    ours = MODELS.build(dict(norm, type='mmpretrain.ViewDataPreprocessor',
                             views=[[dict(type='mmpretrain.BatchedFlip', prob=0.)]]))
    stock = MODELS.build(dict(norm, type='mmpretrain.SelfSupDataPreprocessor'))
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    plain = dict(inputs=pixels.flip(1), data_samples=[])
    expected = stock(plain)['inputs']
    seeded = dict(inputs=dict(pixels=pixels, seed=torch.arange(2)), data_samples=[])
    assert torch.equal(ours(seeded)['inputs'], expected)
    assert torch.equal(ours(plain)['inputs'], expected)
