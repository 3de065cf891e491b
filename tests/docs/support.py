"""The rows of the paper, in the three places where they stand, under keys that compare."""

import functools
from collections import defaultdict
from pathlib import Path
from typing import Dict, NamedTuple, Optional

import yaml

from mimco_mm.tables.paper import TABLES, PaperRow

ROOT = Path(__file__).parents[2]
INDEX = ROOT / 'model-index.yml'
ARCHITECTURES = {'swin-t': 'Swin-T', 'swin-b': 'Swin-B', 'vit-s': 'ViT-S/16', 'vit-b': 'ViT-B/16'}
METRICS = {  # dataset, metric of the index -> metric of mimco_mm.tables.paper
    ('ImageNet-1k', 'Top 1 Accuracy'): 'top1',
    ('COCO', 'box AP'): 'bbox_mAP',
    ('COCO', 'mask AP'): 'segm_mAP',
    ('ADE20K', 'mIoU'): 'mIoU',
    ('ROxford5k', 'mAP medium'): 'roxford5k/medium',
    ('ROxford5k', 'mAP hard'): 'roxford5k/hard',
    ('RParis6k', 'mAP medium'): 'rparis6k/medium',
    ('RParis6k', 'mAP hard'): 'rparis6k/hard',
}


class Key(NamedTuple):
    """Which row of which table."""

    table: int
    architecture: str
    method: str
    epochs: Optional[int]

    @property
    def label(self) -> str:
        epochs = f', {self.epochs} epochs' if self.epochs else ''
        return f'{self.architecture}, {self.method}{epochs}'


def key_of(row: PaperRow) -> Key:
    return Key(row.table, ARCHITECTURES[row.network], row.method, row.epochs)


def is_ours(row: PaperRow) -> bool:
    """Whether this project has the configs of a row."""
    methods = ('MimCo', 'MoBY', 'MoCo v3', 'SimMIM')
    return row.method.startswith(methods) and (row.method, row.network) != ('SimMIM', 'swin-b')


def paper_rows() -> Dict[Key, PaperRow]:
    """All of them, in the paper's order."""
    return {key_of(row): row for rows in TABLES.values() for row in rows}


@functools.cache
def index() -> dict:
    return yaml.safe_load(INDEX.read_text())


def options(entry: dict) -> Dict[str, str]:
    """{'train_cfg.max_epochs': '100'} of an entry's Options."""
    return dict(option.split('=') for option in entry.get('Options', '').split())


def keys_of(model: dict, result: dict) -> list:
    """The rows whose figure a result is; what the transfer changes is part of their method."""
    about = model['Metadata']
    recipe = ''
    if options(result):
        drop_path, decay = options(result).values()
        recipe = f', drop path {drop_path}, layer decay {decay}'
    return [Key(table, about['Architecture'], about['Method'] + recipe, about['Epochs'])
            for table in result['Tables']]


def index_rows(source: str = 'paper') -> Dict[Key, Dict[str, float]]:
    """The figures of the index whose Source begins so, metric -> percent for each row."""
    rows = defaultdict(dict)
    for model in index()['Models']:
        for result in model['Results']:
            if not result['Source'].startswith(source):
                continue
            for key in keys_of(model, result):
                for name, value in result['Metrics'].items():
                    metric = METRICS[result['Dataset'], name]
                    assert metric not in rows[key], f'{metric} of {key} stands twice'
                    rows[key][metric] = value
    return dict(rows)
