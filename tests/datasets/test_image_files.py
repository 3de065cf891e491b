"""Images by their paths: which are found, what a network sees, and broken ones."""

import numpy as np
import pytest
import torch
from PIL import Image

from mimco_mm.datasets import find_images, image_loader


def save(path, size=(50, 40), value=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels if value is None else np.full_like(pixels, value)).save(path)
    return path


def test_find_images__any_depth_links_and_suffixes_in_order(tmp_path):
    wanted = [save(tmp_path / 'data' / name) for name in ('b.PNG', 'a/c/d.JPEG', 'a/z.jpg')]
    (tmp_path / 'data' / 'note.txt').write_text('no image')
    save(tmp_path / 'elsewhere' / 'e.png')
    (tmp_path / 'data' / 'link').symlink_to(tmp_path / 'elsewhere')
    wanted.append(tmp_path / 'data' / 'link' / 'e.png')
    assert find_images(tmp_path / 'data') == sorted(map(str, wanted))
    for empty in (tmp_path / 'nothing', tmp_path / 'data' / 'note.txt'):
        with pytest.raises(FileNotFoundError, match='There are no images'):
            find_images(empty)


@pytest.mark.parametrize('img_size, edge', [(224, 256), (32, 32)])
def test_image_loader__pixels_are_those_of_pillow(tmp_path, img_size, edge):
    """Resize the shorter side bicubically, crop the centre; batches of two, the order kept."""
    paths = [str(save(tmp_path / f'{n}.png', size)) for n, size in enumerate(
        [(500, 375), (300, 400), (40, 50)])]
    batches = list(image_loader(paths, img_size, batch_size=2, num_workers=0))
    assert [batch.rows.tolist() for batch in batches] == [[0, 1], [2]]
    pixels = torch.cat([batch.pixels for batch in batches]).permute(0, 2, 3, 1).numpy()
    assert pixels.shape == (3, img_size, img_size, 3)
    for path, found in zip(paths, pixels):
        image = Image.open(path)
        factor = edge / min(image.size)
        image = image.resize([int(side * factor) for side in image.size], Image.BICUBIC)
        left, top = ((side - img_size) / 2 for side in image.size)
        errors = []
        for shift in (0, 1):  # of an odd rest either side may get the pixel more
            x, y = int(left) + shift * (left % 1 > 0), int(top) + shift * (top % 1 > 0)
            expected = np.asarray(image.crop((x, y, x + img_size, y + img_size)))
            errors.append(np.abs(found[..., ::-1].astype(int) - expected).max())
        assert min(errors) == 0


@pytest.mark.parametrize('num_workers', [0, 2])
def test_image_loader__broken_images_are_left_out_and_named(tmp_path, num_workers):
    paths = [str(save(tmp_path / f'{n}.png', value=n)) for n in range(5)]
    (tmp_path / '1.png').write_bytes(b'no image')
    for name in ('3.png', '4.png'):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:len(content) // 2])
    batches = list(image_loader(paths, 32, batch_size=3, num_workers=num_workers))
    assert [batch.rows.tolist() for batch in batches] == [[0, 2], []]
    assert [batch.pixels[:, 0, 0, 0].tolist() for batch in batches] == [[0, 2], []]
    assert [list(batch.broken) for batch in batches] == [[paths[1]], [paths[3], paths[4]]]
    assert "begins with b'no image'" in batches[0].broken[paths[1]]
