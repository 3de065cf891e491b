"""Detection and segmentation data that does not fit is refused, by the config key that mends it."""

import json

import pytest

from mimco_mm.datasets.transfer_data import (
    TransferDataError,
    check_categories,
    check_class_count,
    check_files,
    read_categories,
)

CATEGORIES = [dict(id=3, name='häuser', note='"categories": 5'), dict(id=9, name='a [b]')]


def test_files__name_the_key_of_what_is_missing(tmp_path):
    (tmp_path / 'images').mkdir()
    dataset = dict(data_root=str(tmp_path), ann_file='', data_prefix=dict(img='images/'))
    check_files(dataset, 'd')
    check_files(dict(dataset, data_prefix='images'), 'd')
    with pytest.raises(TransferDataError, match='`d.data_prefix.img`: there is no .*other'):
        check_files(dict(dataset, data_prefix=dict(img='other')), 'd')
    with pytest.raises(TransferDataError, match='`d.data_prefix`: there is no'):
        check_files(dict(dataset, data_prefix='other'), 'd')
    with pytest.raises(TransferDataError, match='`d.ann_file`: there is no'):
        check_files(dict(dataset, ann_file='a.json'), 'd')


def test_files__elsewhere_are_not_looked_for():
    check_files(dict(data_root='s3://bucket/', ann_file='a.json'), 'd')
    check_files(dict(ann_file='a.json', backend_args=dict(backend='petrel')), 'd')
    check_files(dict(data_root=None, data_prefix=None), 'd')


@pytest.mark.parametrize('content', [
    dict(categories=CATEGORIES, images=[]), dict(images=[dict(id=1)], categories=CATEGORIES)])
@pytest.mark.parametrize('indent', [None, 2])
def test_categories__wherever_they_are_in_the_file(content, indent, tmp_path):
    (tmp_path / 'a.json').write_text(json.dumps(content, indent=indent, ensure_ascii=False),
                                     encoding='utf-8')
    assert read_categories(tmp_path / 'a.json') == ['häuser', 'a [b]']
    check_categories(tmp_path / 'a.json', ['a [b]'], 'd')
    with pytest.raises(TransferDataError, match='has 2 categories .* lacks 1 of the 2 .*\\(cat\\)'):
        check_categories(tmp_path / 'a.json', ['häuser', 'cat'], 'd')


@pytest.mark.parametrize('text', ['', '{}', '{"images": []}'])
def test_categories__none(text, tmp_path):
    (tmp_path / 'a.json').write_text(text)
    assert read_categories(tmp_path / 'a.json') is None
    with pytest.raises(TransferDataError, match='`d.ann_file`: .*no COCO annotation file'):
        check_categories(tmp_path / 'a.json', ['cat'], 'd')


def test_class_count__of_every_head():
    model = dict(backbone=dict(), heads=[dict(num_classes=2), dict(head=dict(num_classes=3))])
    with pytest.raises(TransferDataError, match='`model.heads.1.head.num_classes`=3, .* 2 classes'):
        check_class_count(model, ['cat', 'dog'])
    model['heads'].pop()
    check_class_count(model, ['cat', 'dog'])


@pytest.mark.parametrize('text', [
    '{"categories": [{"name": "a"}, {"na', '{"categories": [{"id": 1}]}', '{"categories": [1]}',
    '{"categories": ' + '[' * 10**5])
def test_categories__damaged(tmp_path, text):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(TransferDataError, match='a.json cannot be read .*damaged'):
        check_categories(tmp_path / 'a.json', ['a'], 'dataset')
