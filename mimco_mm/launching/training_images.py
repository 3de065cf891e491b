"""What a config's training images tell before a run: whether they are there, and are enough."""

from pathlib import Path

from mmengine import fileio
from mmengine.config import Config
from mmpretrain.registry import DATASETS

from ..datasets import ImageFolder, count_images, list_images
from ..engine.start_check import less_than_a_batch
from ..errors import ConfigError, UserError
from ..options.data import innermost_dataset
from ..options.refusals import dicts


def check_data(cfg: Config) -> None:
    """Refuse a training set whose folder is not there."""
    dataset = innermost_dataset(cfg.get('train_dataloader'))
    if dataset is None or not isinstance(dataset.get('data_root'), str):
        return
    folder = dataset.data_root if dataset.get('ann_file') else images_of(dataset)
    try:
        next(iter(fileio.list_dir_or_file(folder)), None)
    except UserError:  # packed images, which say what is wrong with them
        raise
    except (OSError, RuntimeError) as error:
        raise ConfigError(f'There is no folder {folder} with images to train on (seen from '
                          f'{Path.cwd()}). Name one with --data FOLDER.') from error


def images_of(dataset: dict) -> str:
    """The folder of a dataset's images."""
    return '/'.join(part for part in (dataset['data_root'], dataset.get('data_prefix'))
                    if isinstance(part, str) and part)


def check_batch(cfg: Config, processes: int) -> None:
    """Refuse a folder with fewer images than one batch, counting no further than that."""
    loader, dataset = cfg.get('train_dataloader'), innermost_dataset(cfg.get('train_dataloader'))
    if dataset is None or not loader.get('drop_last') or dataset.get('ann_file'):
        return
    kind = DATASETS.get(dataset.type) if isinstance(dataset.get('type'), str) else None
    if kind is None or not issubclass(kind, ImageFolder):
        return
    # each rank has its share of the images, and the last share is filled up
    needed = (loader.batch_size - 1) * processes + 1
    found = count_images(images_of(dataset), needed)
    if not found:
        list_images(images_of(dataset))  # says what else there is
    if found < needed:
        raise less_than_a_batch(found, loader.batch_size, processes)


def check_queues(cfg: Config, processes: int) -> None:
    """Refuse keys of one iteration, of all ranks, that a queue of negatives cannot hold."""
    loader = cfg.get('train_dataloader') or {}
    batch = loader.get('batch_size')
    if not isinstance(batch, int):
        return
    for path, part in dicts(cfg.get('model'), ('model', )):
        length = part.get('queue_len')
        if isinstance(length, int) and processes * batch > length:
            key = f'{".".join(path)}.queue_len'
            raise ConfigError(
                f'{processes} ranks x {batch} images bring {processes * batch} keys in an '
                f'iteration, more than `{key}`={length} holds: take a --batch-size of '
                f'{length // processes} at most, which --accumulate adds up, or a longer queue, '
                f'--cfg-options {key}={processes * batch}.')
