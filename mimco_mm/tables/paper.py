"""The figures that the paper prints (arXiv 2209.03063), in percent. None of them is ours."""

from typing import Dict, List, NamedTuple, Optional


class PaperRow(NamedTuple):
    """One row of a table.

    Attributes:
        table: its number.
        network: 'swin-t', 'swin-b', 'vit-s' or 'vit-b'.
        method: as the table names it, with what sets the row apart. Plain 'MimCo' is the default
            run: a mask of 60 %, both contrastive losses.
        epochs: of pre-training; None where the table has none.
        effective_epochs: as Table 1 and 10 count them; None where the table has none.
        values: metric -> percent.
    """

    table: int
    network: str
    method: str
    epochs: Optional[int]
    effective_epochs: Optional[int]
    values: Dict[str, float]


def _top1(table: int, network: str, *rows: tuple) -> List[PaperRow]:
    return [PaperRow(table, network, method, epochs, effective, dict(top1=value))
            for method, epochs, effective, value in rows]


def _retrieval(table: int, *rows: tuple) -> List[PaperRow]:
    names = ('roxford5k/medium', 'roxford5k/hard', 'rparis6k/medium', 'rparis6k/hard')
    return [PaperRow(table, 'swin-t', method, epochs, None, dict(zip(names, values)))
            for method, epochs, *values in rows]


TABLE_1 = [
    *_top1(1, 'swin-t', ('Sup.', None, None, 81.2), ('SimMIM', 800, 800, 80.9),
           ('MoBY', 300, 600, 81.4), ('MimCo', 100, 700, 81.7), ('MimCo', 300, 900, 81.9)),
    *_top1(1, 'swin-b', ('Sup.', None, None, 83.5), ('SimMIM', 100, 100, 83.5),
           ('SimMIM', 800, 800, 84.0), ('MoBY', 300, 600, 83.1), ('MimCo', 100, 700, 84.0),
           ('MimCo', 300, 900, 84.3)),
    *_top1(1, 'vit-s', ('Sup.', None, None, 79.9), ('BEiT', 800, 800, 81.4),
           ('DINO', 800, 3200, 82.0), ('iBOT', 800, 3200, 82.3), ('MoCo v3', 300, 600, 81.4),
           ('MimCo', 100, 700, 82.5), ('MimCo', 300, 900, 82.7)),
    *_top1(1, 'vit-b', ('Sup.', None, None, 81.8), ('BEiT', 800, 800, 83.2),
           ('DINO', 400, 1600, 83.6), ('MAE', 1600, 1600, 83.6), ('SimMIM', 800, 800, 83.8),
           ('iBOT', 400, 1600, 83.8), ('MoCo v3', 300, 600, 83.2), ('MimCo', 100, 700, 83.7),
           ('MimCo', 300, 900, 83.9)),
]
TABLE_2 = [
    PaperRow(2, 'swin-t', method, epochs, None, dict(bbox_mAP=box, segm_mAP=mask))
    for method, epochs, box, mask in (
        ('Sup.', 100, 41.6, 38.4), ('Sup.', 300, 43.7, 39.8), ('MoBY', 100, 41.5, 38.3),
        ('MoBY', 300, 43.6, 39.6), ('MimCo', 100, 43.9, 40.1), ('MimCo', 300, 44.9, 40.7))
]
TABLE_3 = [
    PaperRow(3, network, method, epochs, None, dict(mIoU=value))
    for network, method, epochs, value in (
        ('swin-t', 'Sup.', None, 44.51), ('swin-t', 'SimMIM', 800, 40.47),
        ('swin-t', 'MoBY', 300, 44.06), ('swin-t', 'MimCo', 100, 44.44),
        ('swin-t', 'MimCo', 300, 45.40), ('vit-b', 'Sup.', None, 46.6),
        ('vit-b', 'BEiT', 800, 45.8), ('vit-b', 'MAE', 1600, 48.1),
        ('vit-b', 'MimCo', 300, 48.91))
]
TABLE_4 = _retrieval(4, ('SimMIM', 800, 4.23, 1.53, 8.06, 3.13),
                     ('MimCo', 100, 30.16, 7.91, 50.82, 21.31),
                     ('MimCo', 300, 28.73, 7.81, 51.51, 22.14))
TABLE_5 = _top1(5, 'swin-t', ('MimCo, mask ratio 50 %', 100, None, 81.56),
                ('MimCo', 100, None, 81.66), ('MimCo, mask ratio 70 %', 100, None, 81.54))
# Network -> (drop path rate, layer decay) -> top-1
TABLE_6_PAIRS = {
    'swin-t': {(0.2, 0.75): 80.94, (0.1, 0.65): 81.58, (0.1, 0.75): 81.66, (0.1, 0.85): 81.61},
    'swin-b': {(0.15, 0.75): 83.79, (0.2, 0.75): 83.88, (0.25, 0.75): 83.80, (0.2, 0.8): 84.04,
               (0.2, 0.85): 83.94},
    'vit-s': {(0.2, 0.75): 82.28, (0.1, 0.65): 82.34, (0.1, 0.75): 82.53, (0.1, 0.85): 82.49},
    'vit-b': {(0.2, 0.65): 83.86, (0.1, 0.65): 83.89, (0.1, 0.7): 83.64, (0.1, 0.75): 83.65},
}
TABLE_6 = [
    PaperRow(6, network, f'MimCo, drop path {drop}, layer decay {decay}',
             300 if network == 'vit-b' else 100, None, dict(top1=value))
    for network, pairs in TABLE_6_PAIRS.items() for (drop, decay), value in pairs.items()
]
TABLE_7 = _top1(7, 'swin-t', ('MimCo, l1 loss', 100, None, 81.35),
                ('MimCo, patch loss only', 100, None, 81.55))
TABLE_8 = _top1(8, 'swin-t', ('MimCo, patch loss only', 100, None, 81.55),
                ('MimCo, image loss only', 100, None, 81.59), ('MimCo', 100, None, 81.66))
TABLE_9 = _retrieval(9, ('MimCo, patch loss only', 100, 22.46, 5.5, 39.16, 14.55),
                     ('MimCo, image loss only', 100, 31.58, 9.04, 53.26, 24.07),
                     ('MimCo', 100, 30.16, 7.91, 50.82, 21.31))
TABLE_10 = _top1(10, 'swin-t', ('SimMIM + MoBY', 100, 300, 81.06),
                 ('SimMIM + MoBY', 300, 900, 81.29), ('MimCo', 100, 700, 81.66),
                 ('MimCo', 300, 900, 81.86))
TABLE_11 = _top1(11, 'swin-t', ('MimCo, no mask', 100, None, 81.23), ('MimCo', 100, None, 81.66))
TABLES = {1: TABLE_1, 2: TABLE_2, 3: TABLE_3, 4: TABLE_4, 5: TABLE_5, 6: TABLE_6, 7: TABLE_7,
          8: TABLE_8, 9: TABLE_9, 10: TABLE_10, 11: TABLE_11}
# The benchmark that fills each table of transfers.
TRANSFERS = dict(imagenet=TABLE_1 + TABLE_10, coco=TABLE_2, ade20k=TABLE_3, retrieval=TABLE_4)
