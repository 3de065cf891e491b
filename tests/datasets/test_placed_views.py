"""Views that the device makes of crops: the transforms of one image, by the same parameters."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import FUNCTIONS, DefaultScope
from mmpretrain.registry import DATASETS, MODELS, TRANSFORMS
from PIL import ImageFilter
from scipy.stats import kstest

from mimco_mm.datasets.batched_views import (
    BatchedGaussianBlur,
    BatchedTransform,
    Streams,
    image_seeds,
)
from mimco_mm.engine import place_views
from mimco_mm.errors import ConfigError
from tests import tiny
from tests.datasets.test_coded import photo, saved

TEACHERS = ('teachers/moby_swin-t', 'teachers/mocov3_vit-b', 'baselines/simmim-moby_swin-t')
PIPELINE = 'train_dataloader.dataset.dataset.pipeline'


def config(name: str, **changes) -> Config:
    cfg = Config.fromfile(tiny.CONFIGS / 'pretrain' / f'{name}.py')
    cfg.merge_from_dict(changes)
    return cfg


def streams(count: int) -> Streams:
    return Streams(torch.from_numpy(image_seeds(0, 0, np.arange(count))))


@pytest.mark.parametrize('size', [(40, 56), (64, 64)])
def test_blur__is_pillows(size):
    photos = [photo(row, size) for row in range(12)]
    images = torch.from_numpy(np.stack([np.array(each) for each in photos])).permute(0, 3, 1, 2)
    blur = BatchedGaussianBlur((0.1, 2.), 1.)
    for sigma in (0.1, 0.45, 0.8, 1.2, 1.6, 2.):
        wanted = np.stack([each.filter(ImageFilter.GaussianBlur(sigma)) for each in photos])
        wrong = (blur.apply(images.float(), np.full(12, sigma))
                 - torch.from_numpy(wanted).permute(0, 3, 1, 2)).abs()
        # Pillow rounds after each of six passes
        assert wrong.max() <= 2 and wrong.mean() < 0.7
    mixed = np.linspace(0.1, 2., 12)  # each its own, whoever else is in the batch
    together = blur.apply(images.float(), mixed)
    assert (together[3:5] - blur.apply(images[3:5].float(), mixed[3:5])).abs().max() <= 1
    assert (together - images).abs().mean((1, 2, 3)).diff().mean() > 0


def test_blur__sigmas_are_uniform_as_mmpretrains():
    sigmas, = BatchedGaussianBlur((0.1, 2.)).draw(streams(4000), (8, 8))
    assert kstest(sigmas, 'uniform', (0.1, 1.9)).pvalue > 1e-3
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        stock = TRANSFORMS.build(config(TEACHERS[0]).train_pipeline[1].transforms[0][-1])
    theirs = [stock.random_magnitude() for _ in range(4000)]
    assert kstest(theirs, 'uniform', (0.1, 1.9)).pvalue > 1e-3


def probabilities(view) -> dict:
    """What is drawn with which probability and from which ranges, by class."""
    return {type(one).__name__: {key: value for key, value in vars(one).items()
                                 if key in ('prob', 'ranges', 'sigma_range', 'thr')}
            for one in view}


@pytest.mark.parametrize('name', TEACHERS)
def test_place_views__splits_each_recipe(name):
    cfg = config(name)
    stock = cfg.train_dataloader.dataset.dataset.pipeline[1].transforms
    place_views(cfg, gpu=False)
    assert cfg.data_preprocessor.type == 'MimCoDataPreprocessor'
    place_views(cfg, gpu=True)
    pipeline = cfg.train_dataloader.dataset.dataset.pipeline
    assert [one['type'] for one in pipeline if one['type'] != 'MaskGenerator'] == [
        'LoadCodedImage', 'CodedCrops', 'PackCodedInputs']
    assert cfg.train_dataloader.collate_fn.type == 'collate_decoded'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        views = MODELS.build(cfg.data_preprocessor).views
    for crop, view, before in zip(pipeline[1]['crops'], views, stock):
        assert crop['crop_ratio_range'] == before[0]['crop_ratio_range']
        assert all(isinstance(one, BatchedTransform) for one in view)
        assert len(view) == len(before) - 1
    colours = dict(
        BatchedColorJitter=dict(prob=0.8, ranges=((0.6, 1.4), (0.6, 1.4), (0.8, 1.2), (-0.1, 0.1))),
        BatchedGrayscale=dict(prob=0.2), BatchedFlip=dict(prob=0.5))
    assert probabilities(views[0]).items() >= {
        **colours, 'BatchedGaussianBlur': dict(prob=1., sigma_range=(0.1, 2.))}.items()
    assert probabilities(views[1]) == {
        **colours, 'BatchedGaussianBlur': dict(prob=0.1, sigma_range=(0.1, 2.)),
        'BatchedSolarize': dict(prob=0.2, thr=128)}
    placed = cfg.to_dict()
    place_views(cfg, gpu=True)
    assert cfg.to_dict() == placed


def test_place_views__refuses_what_cannot_be_or_changes_nothing():
    moby, own = TEACHERS[0], dict(type='Rotate', angle=30.)
    cfg = config(moby)
    cfg.train_dataloader.dataset.dataset.pipeline[1].transforms[0].append(own)
    place_views(cfg, gpu=True)  # 'auto'
    assert cfg.data_preprocessor.type == 'MimCoDataPreprocessor'
    cfg.views_by = 'device'
    with pytest.raises(ConfigError, match=r'nothing makes it of a batch at once: Rotate.*'
                       r'`views_by=workers`'):
        place_views(cfg)
    cfg = config(moby, views_by='workers')
    place_views(cfg, gpu=True)
    assert cfg.data_preprocessor.type == 'MimCoDataPreprocessor'
    with pytest.raises(ConfigError, match='would change nothing: there are no views'):
        place_views(config('mimco_swin-t', views_by='device'))
    study = Config.fromfile(tiny.CONFIGS / 'study' / 'moby_swin-micro.py')
    study.views_by = 'workers'
    with pytest.raises(ConfigError, match='ViewDataPreprocessor makes the views'):
        place_views(study)


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """train/: six JPEGs, and two images that the device might not decode."""
    root = tmp_path_factory.mktemp('views') / 'train'
    root.mkdir()
    for row in range(6):
        (root / f'{row}.jpg').write_bytes(saved(photo(row, (90 + 9 * row, 80))))
    photo(6).save(root / '6.png')
    photo(7).convert('L').save(root / '7.jpg')
    return root.parent


def placed(folder: Path, collate: str = 'collate_decoded'):
    cfg = config(TEACHERS[0], views_by='device')
    place_views(cfg)
    cfg.train_dataloader.dataset.dataset.data_root = str(folder)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        preprocessor = MODELS.build(cfg.data_preprocessor)
    dataset.set_epoch(2, 5)
    return dataset, FUNCTIONS.get(collate), preprocessor


def test_views__depend_on_seed_epoch_and_index_alone(folder):
    dataset, collate, preprocessor = placed(folder)
    batch = collate(dataset.__getitems__(range(8)))
    assert batch['inputs']['pixels'].shape == (8, 2, 224, 224, 3)
    assert batch['inputs']['pixels'].dtype == torch.uint8  # crops alone come from the workers
    together = preprocessor(batch, True)['inputs']
    assert [view.shape for view in together] == 2 * [(8, 3, 224, 224)]
    apart = preprocessor(collate(dataset.__getitems__([5, 2])), True)['inputs']
    for one, other in zip(together, apart):
        torch.testing.assert_close(one[[5, 2]], other, rtol=0, atol=1.1 / 57)
    dataset.set_epoch(3, 5)
    again = preprocessor(collate(dataset.__getitems__(range(8))), True)['inputs']
    assert not torch.equal(again[0], together[0])


def test_views__are_those_of_crops_by_the_transforms_of_one_image(folder):
    """A batch is made of single images; test_batched_views has each transform by Pillow."""
    dataset, collate, preprocessor = placed(folder)
    crops = collate(dataset.__getitems__(range(8)))['inputs']
    coded = placed(folder, 'collate_coded')
    batch = coded[1](coded[0].__getitems__(range(8)))
    decoded = coded[2].cropped(batch['inputs'], batch['data_samples'])
    assert (decoded - crops['pixels'].movedim(-1, -3)).abs().max() <= 1.1
    assert torch.equal(batch['inputs']['seed'], crops['seed'])
    cfg = config(TEACHERS[0])
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        load, crop = (TRANSFORMS.build(one) for one in (
            cfg.train_pipeline[0], cfg.train_pipeline[1].transforms[0][0]))
    for row in range(8):  # the first view's crop is the reference's, by the same random numbers
        dataset._seed_sample(row)
        path = dataset.dataset.get_data_info(row)['img_path']
        wanted = crop(load(dict(img_path=path)))['img'][..., ::-1]
        np.testing.assert_array_equal(crops['pixels'][row, 0], wanted)


def test_views__as_many_as_there_are_crops(folder):
    dataset, collate, preprocessor = placed(folder)
    preprocessor.views = preprocessor.views[:1]
    with pytest.raises(ConfigError, match='has 1 views, and the pipeline makes 2 crops'):
        preprocessor(collate(dataset.__getitems__([0])), True)
