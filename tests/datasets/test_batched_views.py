"""Views of a batch: mmcv's pixels for the same parameters, which spread as mmpretrain's do."""

import mmcv
import numpy as np
import pytest
import torch
from mmcv.transforms import RandomGrayscale
from mmengine.runner import set_random_seed
from mmpretrain.datasets.transforms import ColorJitter, RandomCrop, RandomResizedCrop
from scipy.stats import ks_2samp

from mimco_mm.datasets.batched_views import (
    BatchedColorJitter,
    BatchedCrop,
    BatchedFlip,
    BatchedGrayscale,
    BatchedMask,
    BatchedResizedCrop,
    BatchedSolarize,
    Streams,
    image_seeds,
)
from mimco_mm.datasets.batched_views.colour import HUE, blend
from mimco_mm.datasets.batched_views.colour_space import turn_hue

COUNT, MANY = 48, 4000
SIZE = (32, 32)
ADJUST = (lambda image, by: mmcv.adjust_brightness(image, by, backend='pillow'),
          lambda image, by: mmcv.adjust_contrast(image, by, backend='pillow'),
          lambda image, by: mmcv.adjust_color(image, alpha=by, backend='pillow'),
          lambda image, by: mmcv.adjust_hue(image, by, backend='pillow'))


@pytest.fixture(scope='module')
def photos() -> np.ndarray:
    """(COUNT, 32, 32, 3), uint8, RGB: smooth colours with some noise, a few of them grey."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 256, (COUNT, 3, 5, 5)))
    smooth = torch.nn.functional.interpolate(coarse, SIZE, mode='bicubic').numpy()
    pixels = (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
    pixels[:4] = pixels[:4, :1]
    return np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))


def batch(images) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()


def streams(count: int, epoch: int = 0) -> Streams:
    return Streams(torch.from_numpy(image_seeds(0, epoch, np.arange(count))))


@pytest.mark.parametrize('side, rounded', [(32, 0), (48, 0.1), (20, 0.1)])
def test_resized_crop__has_pillows_pixels(photos, side, rounded):
    crop = BatchedResizedCrop(side, (0.2, 1.0))
    boxes, = crop.draw(streams(COUNT), SIZE)
    expected = [mmcv.imresize(image[top:top + height, left:left + width], (side, side),
                              interpolation='bilinear', backend='pillow')
                for image, (top, left, height, width) in zip(photos, boxes)]
    wrong = (crop.apply(batch(photos), boxes) - batch(expected)).abs()
    # thirds and the like of float32 and of Pillow's 22 bits fall on either side of a half
    assert wrong.max() <= 1 and (wrong > 0).float().mean() <= rounded


@pytest.mark.parametrize('kind', range(4))
def test_colour_changes__are_pillows(photos, kind):
    low, high = (-0.1, 0.1) if kind == HUE else (0.6, 1.4)
    by = streams(COUNT).uniform(1, low, high)[:, 0]
    found = (turn_hue(batch(photos), torch.from_numpy(by).float()[:, None, None, None])
             if kind == HUE else blend(batch(photos), np.full(COUNT, kind), by))
    expected = batch([ADJUST[kind](image[..., ::-1], factor)[..., ::-1].copy()
                      for image, factor in zip(photos, by)])
    wrong = (found - expected).abs()
    # of the hue a quotient that Pillow cuts off may lie on the other side of a whole number
    assert (wrong > 0).float().mean() <= (0.01 if kind == HUE else 0) and wrong.max() <= 7


def test_jitter__changes_each_image_in_its_own_order(photos):
    jitter = BatchedColorJitter(0.4, 0.4, 0.2, 0.1)
    order, factors = jitter.draw(streams(COUNT), SIZE)
    assert len({tuple(row) for row in order}) > 12
    expected = []
    for image, kinds, by in zip(photos, order, factors):
        changed = image[..., ::-1]
        for kind in kinds:
            changed = ADJUST[kind](changed, by[kind])
        expected.append(changed[..., ::-1].copy())
    wrong = (jitter.apply(batch(photos), order, factors) - batch(expected)).abs()
    assert (wrong > 1).float().mean() < 0.005 and wrong.max() <= 10


def test_grey_solarize_flip_and_crop__are_the_transforms_of_one_image(photos):
    grey = RandomGrayscale(prob=1., keep_channels=True, channel_weights=(0.114, 0.587, 0.2989))
    expected = batch([grey.transform(dict(img=image[..., ::-1]))['img'][..., ::-1].copy()
                      for image in photos])
    assert (BatchedGrayscale(1.).apply(batch(photos)) - expected).abs().max() <= 1
    expected = batch([mmcv.solarize(image, 128) for image in photos])
    assert torch.equal(BatchedSolarize(128, 1.).apply(batch(photos)), expected)
    expected = batch([mmcv.imflip(image) for image in photos])
    assert torch.equal(BatchedFlip(1.)(batch(photos), streams(COUNT)), expected)
    crop = BatchedCrop(padding=4)
    corners, = crop.draw(streams(COUNT), SIZE)
    expected = batch([mmcv.impad(image, padding=4)[top:top + 32, left:left + 32]
                      for image, (top, left) in zip(photos, corners)])
    assert torch.equal(crop.apply(batch(photos), corners), expected)


def same_spread(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Each column by itself, by Kolmogorov and Smirnov's test."""
    assert ours.shape[1] == theirs.shape[1] > 0
    for column in range(ours.shape[1]):
        assert ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3, column


@pytest.mark.parametrize('size', [(32, 32), (20, 50)])
def test_boxes__spread_as_mmpretrains(size):
    set_random_seed(0)
    stock = RandomResizedCrop(32, (0.2, 1.0), backend='pillow')
    image = np.zeros((*size, 3), np.uint8)
    theirs = np.array([stock.rand_crop_params(image) for _ in range(MANY)])
    ours, = BatchedResizedCrop(32, (0.2, 1.0)).draw(streams(MANY), size)
    same_spread(ours, theirs)
    same_spread(ours[:, 2:3] / ours[:, 3:], theirs[:, 2:3] / theirs[:, 3:])


def test_colours_and_corners__spread_as_mmpretrains():
    set_random_seed(0)
    stock = ColorJitter(0.4, 0.4, 0.2, 0.1)
    order, factors = zip(*((order, rest) for order, *rest in (
        stock._rand_params() for _ in range(MANY))))
    ours = BatchedColorJitter(0.4, 0.4, 0.2, 0.1).draw(streams(MANY), SIZE)
    same_spread(ours[0], np.array(order))
    same_spread(ours[1], np.array(factors))
    crop, padded = RandomCrop(32), np.zeros((40, 40, 3), np.uint8)
    theirs = np.array([crop.rand_crop_params(padded)[:2] for _ in range(MANY)])
    same_spread(BatchedCrop(4).draw(streams(MANY), SIZE)[0], theirs)


def test_probabilities_and_masks__are_what_was_asked_for():
    images = torch.zeros(MANY, 3, 2, 2)
    for prob in (0.2, 0.5, 0.8):
        changed = BatchedSolarize(128, prob)(images + 200, streams(MANY))[:, 0, 0, 0] == 55
        assert abs(changed.float().mean() - prob) < 4 * (prob * (1 - prob) / MANY)**0.5
    masks = BatchedMask(input_size=32, mask_patch_size=8, mask_ratio=0.6)(streams(MANY))
    assert masks.shape == (MANY, 4, 4) and set(masks.sum((1, 2)).tolist()) == {10}
    assert (masks.float().mean(0) - 10 / 16).abs().max() < 4 * (0.6 * 0.4 / MANY)**0.5
    pairs = torch.cov(masks.flatten(1).T.float())  # of a draw without putting back
    assert (pairs[0, 1:] + 10 * 6 / 16**2 / 15).abs().max() < 0.03


def test_streams__an_images_numbers_depend_on_seed_epoch_and_index_alone():
    all_of_them, some = streams(MANY), Streams(torch.from_numpy(image_seeds(
        0, 0, np.array([7, 3]))))
    views = [BatchedResizedCrop(32), BatchedColorJitter(0.4, 0.4, 0.2, 0.1, prob=0.8)]
    for view in views:
        for ours, company in zip(view.draw(some, SIZE), view.draw(all_of_them, SIZE)):
            assert np.array_equal(ours, company[[7, 3]])
    numbers = np.concatenate([Streams(torch.from_numpy(image_seeds(seed, epoch, np.arange(
        500)))).uniform(4).ravel() for seed in (0, 1) for epoch in (0, 1)])
    assert len(np.unique(numbers)) == len(numbers)
    assert ks_2samp(numbers, np.arange(4000) / 4000).pvalue > 1e-3
    lagged = [np.corrcoef(numbers[:-lag], numbers[lag:])[0, 1] for lag in (1, 4, 2000)]
    assert np.abs(lagged).max() < 0.05
