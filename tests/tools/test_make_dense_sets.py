"""tools/transfers/make_dense_sets.py: valid sets, the same ones for the same seed."""

import json
import re

import cv2
import numpy as np
import pytest

from ..transfers import dense_sets
from .modules import refusal

pytestmark = pytest.mark.maintained_only


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return dense_sets.make_sets(tmp_path_factory.mktemp('sets'))


def files(folder) -> dict:
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('split', ['train', 'val'])
def test_coco__is_valid(data, split):
    from mmdet.datasets import CocoDataset
    from pycocotools.coco import COCO
    coco = COCO(data / f'coco/annotations/instances_{split}2017.json')
    assert [coco.cats[i]['name'] for i in coco.getCatIds()] == list(CocoDataset.METAINFO['classes'])
    assert (coco.cats[1]['name'], coco.cats[90]['name']) == ('person', 'toothbrush')
    assert len(coco.imgs) == dense_sets.COUNTS[split]
    for image in coco.imgs.values():
        pixels = cv2.imread(str(data / f'coco/{split}2017' / image['file_name']))
        assert pixels.shape[:2] == (image['height'], image['width']) and max(pixels.shape) == 160
        for annotation in coco.imgToAnns[image['id']]:
            left, top, width, height = annotation['bbox']
            assert 0 <= left <= left + width < image['width']
            assert 0 <= top <= top + height < image['height']
            (polygon, ) = annotation['segmentation']
            assert len(polygon) >= 6 and annotation['category_id'] in coco.cats
            assert coco.annToMask(annotation).sum() == pytest.approx(annotation['area'], rel=0.5)
    assert coco.anns


@pytest.mark.parametrize('split', ['training', 'validation'])
def test_ade20k__is_valid(data, split):
    root = data / 'ade/ADEChallengeData2016'
    images = sorted((root / 'images' / split).iterdir())
    assert [path.suffix for path in images] == ['.jpg'] * len(images)
    labels = []
    for path in images:
        label_map = cv2.imread(str(root / 'annotations' / split / f'{path.stem}.png'), -1)
        assert label_map.dtype == np.uint8
        assert label_map.shape == cv2.imread(str(path)).shape[:2]
        labels += np.unique(label_map).tolist()
    assert len(set(labels)) > 2 and 0 <= min(labels) <= max(labels) <= 150


def test_same_seed_same_files(data, tmp_path):
    again = dense_sets.make_sets(tmp_path)
    assert files(again) == files(data)


def test_splits_share_no_photograph(data):
    train, val = (set((data / f'coco/{split}2017').iterdir()) for split in ('train', 'val'))
    assert not {path.read_bytes() for path in train} & {path.read_bytes() for path in val}
    content = json.loads((data / 'coco/annotations/instances_val2017.json').read_text())
    assert len(content['images']) == len(val) == dense_sets.COUNTS['val']


def test_too_few_photographs(tmp_path):
    command = 'transfers/make_dense_sets.py', tmp_path, '--out', tmp_path / 'out'
    assert 'There are no images' in refusal(*command)
    (tmp_path / 'a.webp').touch()
    assert re.search('has 1 images, .* ask for 40', refusal(*command))
