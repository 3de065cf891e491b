"""Whether a figure of ours can stand beside the paper's: the whole data set, the whole schedule."""

from typing import List

from .results import Result

IMAGENET = dict(train=1281167, val=50000)
# Benchmark -> images of each part; COCO's for training are those with objects, as mmdet counts.
IMAGES = dict(
    imagenet=IMAGENET,
    linear=IMAGENET,
    knn=dict(bank=IMAGENET['train'], queries=IMAGENET['val']),
    coco=dict(train=117266, val=5000),
    ade20k=dict(train=20210, val=2000),
)
PROTOCOL = 'dino'  # of Table 4
CLASSES = dict(imagenet=1000, linear=1000, knn=1000)  # mmdet and mmseg check theirs
TOLERANCE = 0.001  # part of the training images that may be missing, such as broken ones
# Benchmark -> length of training in the configs, and networks of another one.
LENGTH = dict(imagenet=100, linear=100, coco=12, ade20k=160000)
OTHER_LENGTH = {('imagenet', 'vit-s'): 300, ('linear', 'vit-s'): 90, ('linear', 'vit-b'): 90}


def objections(run: dict, result: Result) -> List[str]:
    """Why a result cannot stand beside the paper's; empty where it can.

    Other sets than the revisited ones have names of their own, see ``read_results``.

    Args:
        run: of ``read_run``.
        result: one with values.
    """
    found = []
    if result.state not in ('', 'finished'):
        found.append(result.state)
    if result.benchmark in IMAGES:
        found += _of_data(result)
    elif result.setting != PROTOCOL:
        found.append(f'Table 4 follows the protocol of {PROTOCOL}')
    if result.benchmark in LENGTH:
        found += _of_schedule(run['network'], result)
    return found


def _of_data(result: Result) -> List[str]:
    found = []
    for part, full in IMAGES[result.benchmark].items():
        if part not in result.data:
            return ['its data were not recorded']
        images, classes = (result.data[part].get(key) for key in ('images', 'classes'))
        least = full * (1 - TOLERANCE) if part in ('train', 'bank') else full
        if not least <= images <= full:
            found.append(f'{part} has {images} images, not {full}')
        wanted = CLASSES.get(result.benchmark)
        if wanted and classes and classes != wanted:
            found.append(f'{part} has {classes} classes, not {wanted}')
    return found


def _of_schedule(network: str, result: Result) -> List[str]:
    if not result.schedule:
        return ['its schedule was not recorded']
    full = length_of(result.benchmark, network)
    unit, length = result.schedule['unit'], result.schedule['length']
    if length != full:
        return [f'{length} {unit}, not {full}']
    return [f'after {result.step} of {length} {unit}'] if result.step < length else []


def length_of(benchmark: str, network: str) -> int:
    """Epochs, or iterations, that a benchmark's config trains for."""
    return OTHER_LENGTH.get((benchmark, network), LENGTH[benchmark])
