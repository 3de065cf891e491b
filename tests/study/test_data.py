"""The images of the study."""

import numpy as np
import pytest
from PIL import Image

from mimco_mm.study import write_cifar10, write_held_out, write_subset


def images(root, part: str, classes: str, count: int) -> None:
    for name in classes:
        (root / part / name).mkdir(parents=True)
        for index in range(count):
            Image.new('RGB', (32, 32), (index, 0, 0)).save(root / part / name / f'{index}.png')


def test_subset__links_the_first_images_of_each_class(tmp_path):
    images(tmp_path / 'all', 'train', 'ab', 5)
    images(tmp_path / 'all', 'test', 'ab', 3)
    write_subset(tmp_path / 'all', tmp_path / 'part', 2, 9)
    found = sorted(path.relative_to(tmp_path / 'part').as_posix()
                   for path in (tmp_path / 'part').rglob('*.png'))
    assert found == [f'test/{c}/{i}.png' for c in 'ab' for i in range(3)] + [
        f'train/{c}/{i}.png' for c in 'ab' for i in range(2)]
    assert Image.open(tmp_path / 'part/train/b/1.png').getpixel((0, 0)) == (1, 0, 0)


@pytest.mark.parametrize('classes', ['', 'a'])
def test_subset__other_classes_in_both_parts_are_an_error(tmp_path, classes):
    images(tmp_path / 'all', 'train', classes, 1)
    images(tmp_path / 'all', 'test', 'ab', 1)
    with pytest.raises(FileNotFoundError, match='--data,'):
        write_subset(tmp_path / 'all', tmp_path / 'part', 1, 1)
    assert not (tmp_path / 'part').exists()


def test_held_out__are_the_last_training_images_and_none_of_the_test(tmp_path):
    images(tmp_path / 'all', 'train', 'ab', 5)
    images(tmp_path / 'all', 'test', 'ab', 3)
    write_held_out(tmp_path / 'all', tmp_path / 'part', 2, 2)
    found = {path.relative_to(tmp_path / 'part').as_posix(): path.resolve()
             for path in (tmp_path / 'part').rglob('*.png')}
    assert found == {f'{part}/{c}/{i}.png': tmp_path / 'all' / 'train' / c / f'{i}.png'
                     for c in 'ab' for part, i in zip(('train', 'train', 'test', 'test'),
                                                      (0, 1, 3, 4))}
    with pytest.raises(FileNotFoundError, match=r'Expected 3 \+ 3 images in .*train/a.*found 5'):
        write_held_out(tmp_path / 'all', tmp_path / 'more', 3, 3)
    assert not (tmp_path / 'more').exists()


def test_cifar10__is_written_class_by_class_without_loss(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)

    class Stub:  # the part of torchvision's CIFAR10 that needs no network
        classes = ['cat', 'dog']

        def __init__(self, root, train, download):
            self.rows = [(0, 0), (1, 1), (2, 0)] if train else [(3, 1)]
            assert download

        def __len__(self):
            return len(self.rows)

        def __getitem__(self, index):
            row, label = self.rows[index]
            return Image.fromarray(pixels[row]), label

    monkeypatch.setattr('torchvision.datasets.CIFAR10', Stub)
    write_cifar10(tmp_path / 'cifar10')
    found = {path.relative_to(tmp_path / 'cifar10').as_posix(): np.asarray(Image.open(path))
             for path in (tmp_path / 'cifar10').rglob('*.png')}
    assert {name: pixels.tolist().index(image.tolist()) for name, image in found.items()} == {
        'train/cat/00000.png': 0, 'train/dog/00001.png': 1, 'train/cat/00002.png': 2,
        'test/dog/00000.png': 3}
