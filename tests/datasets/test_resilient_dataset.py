"""Broken images are replaced and named; a sample depends on (seed, epoch, index) alone."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from PIL import Image
from torch.utils.data import DataLoader

from mimco_mm.datasets import ResilientDataset

COUNT = 6


def draw_from_every_generator(results: dict) -> dict:
    results['img'][0, 0] = (random.randrange(256), np.random.randint(256),
                            int(torch.randint(256, (1, ))))
    return results


PIPELINE = [
    dict(type='LoadRGBImage'),
    dict(type='RandomResizedCrop', scale=16, crop_ratio_range=(0.2, 1.), backend='pillow'),
    dict(type='RandomFlip', prob=0.5),
    draw_from_every_generator,
    dict(type='MaskGenerator', input_size=16, mask_patch_size=4, mask_ratio=0.5),
    dict(type='PackInputs', meta_keys=('img_path', )),
]


@pytest.fixture
def folder(tmp_path):
    """Images 0.png to 5.png of noise."""
    generator = np.random.default_rng(0)
    for index in range(COUNT):
        pixels = generator.integers(0, 256, (32, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{index}.png')
    return tmp_path


def build(folder: Path, **kwargs) -> ResilientDataset:
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return ResilientDataset(
            dict(type='ImageFolder', data_root=str(folder), with_label=False,
                 pipeline=PIPELINE), **kwargs)


def loader(dataset: ResilientDataset, workers: int = 0) -> DataLoader:
    return DataLoader(dataset, batch_size=2, num_workers=workers, collate_fn=list,
                      persistent_workers=workers > 0)


def samples(batches) -> list:
    return [sample for batch in batches for sample in batch]


def same(one: dict, other: dict) -> bool:
    return (torch.equal(one['inputs'], other['inputs'])
            and torch.equal(torch.as_tensor(one['data_samples'].mask),
                            torch.as_tensor(other['data_samples'].mask))
            and one['data_samples'].img_path == other['data_samples'].img_path)


def path_of(sample: dict) -> str:
    return Path(sample['data_samples'].img_path).name


def destroy(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text('not an image')


# Broken images


def test_getitem__broken_images_are_replaced_by_the_next_one_and_named(folder):
    destroy(folder, '2.png', '3.png')
    dataset = build(folder)
    assert len(dataset) == COUNT
    assert [path_of(dataset[i]) for i in range(COUNT)] == [
        '0.png', '1.png', '4.png', '4.png', '4.png', '5.png']
    for index, broken in [(1, []), (2, ['2.png', '3.png']), (3, ['3.png']), (4, [])]:
        named = dataset[index]['data_samples'].get('broken_images', {})
        assert list(named) == [str(folder / name) for name in broken]
        assert all(reason.startswith('Pillow cannot identify') for reason in named.values())


def test_getitem__after_the_last_image_comes_the_first(folder):
    destroy(folder, '5.png')
    assert path_of(build(folder)[COUNT - 1]) == '0.png'


def test_getitem__truncated_and_vanished_images_are_broken(folder):
    dataset = build(folder)
    content = (folder / '0.png').read_bytes()
    (folder / '0.png').write_bytes(content[:len(content) // 2])
    (folder / '1.png').unlink()
    sample = dataset[0]
    assert path_of(sample) == '2.png'
    reasons = list(sample['data_samples'].broken_images.values())
    assert 'truncated' in reasons[0] and reasons[1].startswith('FileNotFoundError')


def test_getitem__broken_images_pass_through_workers(folder):
    destroy(folder, '2.png')
    loaded = samples(loader(build(folder), workers=2))
    named = [sample['data_samples'].get('broken_images', {}) for sample in loaded]
    assert [list(paths) for paths in named] == [[], [], [str(folder / '2.png')], [], [], []]


def test_getitem__all_images_broken_is_an_error(folder):
    destroy(folder, *(f'{index}.png' for index in range(COUNT)))
    with pytest.raises(RuntimeError, match=r'6 images in a row cannot be read, the first is '
                       rf'{folder}/1.png \(Pillow cannot identify.*'
                       r'`train_dataloader.dataset.dataset.data_root`'):
        build(folder)[1]


@pytest.mark.parametrize('max_broken, works', [(2, False), (3, True)])
def test_getitem__max_broken_in_a_row(folder, max_broken, works):
    destroy(folder, '1.png', '2.png')
    dataset = build(folder, max_broken=max_broken)
    if works:
        assert path_of(dataset[1]) == '3.png'
    else:
        with pytest.raises(RuntimeError, match='2 images in a row'):
            dataset[1]


def test_getitem__other_errors_are_not_hidden(folder):
    dataset = build(folder)
    dataset.dataset.pipeline.transforms[4].rand_size = None  # a fault of ours, not of an image
    with pytest.raises(TypeError):
        dataset[0]


# Folders


@pytest.mark.parametrize('make, reason', [
    (lambda path: None, 'No such file or directory'),
    (lambda path: path.mkdir(), 'There are no images'),
    (lambda path: (path.mkdir(), (path / 'notes.txt').write_text('')), 'There are no images'),
    (lambda path: path.write_text('an archive'), 'Not a directory'),
], ids=['missing', 'empty', 'no image', 'file'])
def test_init__folder_without_images_is_named_with_its_config_key(tmp_path, make, reason):
    make(tmp_path / 'train')
    with pytest.raises(RuntimeError) as error:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            ResilientDataset(dict(type='ImageFolder', data_root=str(tmp_path),
                                  data_prefix='train', with_label=False, pipeline=PIPELINE))
    message = str(error.value)
    assert reason in message and str(tmp_path / 'train') in message
    assert f'`train_dataloader.dataset.dataset.data_root` is {str(tmp_path)!r}, ' in message
    assert "`data_prefix` 'train'" in message and str(Path.cwd()) in message


def test_init__images_in_any_depth_are_found(tmp_path):
    for name in ('a.png', 'class/b.JPEG', 'class/deep/c.jpg'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (20, 20)).save(tmp_path / name)
    assert len(build(tmp_path)) == 3


# Repeatability


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_getitem__sample_depends_on_seed_epoch_and_index_alone(folder, workers):
    reference = build(folder)
    reference.set_epoch(0)
    expected = [reference[index] for index in reversed(range(COUNT))][::-1]
    torch.manual_seed(7), np.random.seed(7)
    dataset = build(folder)
    dataset.set_epoch(0)
    loaded = samples(loader(dataset, workers))
    assert len(loaded) == COUNT
    assert all(map(same, loaded, expected))


def test_getitem__without_an_epoch_the_random_numbers_go_on(folder):
    dataset = build(folder)
    assert not torch.equal(dataset[0]['inputs'], dataset[0]['inputs'])


def test_getitem__seeds_epochs_and_indices_differ(folder):
    (folder / '1.png').write_bytes((folder / '0.png').read_bytes())
    views = []
    for seed, epoch, index in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]:
        dataset = build(folder, seed=seed)
        dataset.set_epoch(epoch)
        views.append(dataset[index]['inputs'])
    assert all(not torch.equal(views[i], views[j]) for i in range(5) for j in range(i))


@pytest.mark.parametrize('workers', [0, 2])
def test_set_epoch__reaches_workers_that_persist(folder, workers):
    dataset, epochs = build(folder), []
    batches = loader(dataset, workers)
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        epochs.append(samples(batches))
    assert all(map(same, epochs[0], epochs[2]))
    assert not any(map(same, epochs[0], epochs[1]))
    fresh = build(folder)
    fresh.set_epoch(1)
    assert all(map(same, epochs[1], samples(loader(fresh))))


def test_getitem__leaves_the_models_generator_alone(folder):
    dataset = build(folder)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = torch.rand(2)
    dataset[0], dataset[1]
    assert torch.equal(torch.cat([first, torch.rand(2)]), expected)


def test_full_init_and_metainfo__are_the_datasets(folder):
    dataset = build(folder)
    dataset.full_init()
    assert dataset.metainfo == dataset.dataset.metainfo
    assert ResilientDataset(dataset.dataset).dataset is dataset.dataset
