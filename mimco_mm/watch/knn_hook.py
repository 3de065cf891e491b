from typing import Dict, List, NamedTuple, Optional, Tuple

import torch
from mmengine import fileio
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpretrain.registry import HOOKS
from torch import nn

from ..datasets import (
    DEVKIT,
    SOLUTION,
    LabelledImages,
    check_same_classes,
    count_images,
    image_loader,
    is_hidden,
    validation_classes,
)
from ..errors import ConfigError
from ..evaluation import knn_accuracies, own_size, readable_features
from ..names import printable
from ..processes import outliving
from .reporting import on_all_ranks, reporting
from .untouched import untouched


class Part(NamedTuple):
    """Some images of a folder, in order: their paths and labels (N,)."""

    paths: List[str]
    labels: torch.Tensor


@HOOKS.register_module()
class KNNHook(Hook):
    """Measures k-NN accuracy of the backbone's features while it trains, where labels exist.

    After every ``interval`` epochs images of DATA_ROOT/QUERIES/CLASS are classified by the nearest
    ones of DATA_ROOT/BANK/CLASS, and ``knn/top1`` is logged in percent. The ranks share the images.
    Weights, running statistics and random numbers of the run are not touched.

    Folders and classes are checked before the run. Later nothing that goes wrong here ends it: the
    epoch's checkpoint is written first, images that cannot be read are left out and counted, and a
    measurement that fails is a line in the log.

    Args:
        data_root: folder of the labelled images, or tar://FOLDER or lmdb://FOLDER (docs/data.md);
            None switches the hook off.
        bank: folder of the bank in it.
        queries: folder of the queries in it.
        img_size: side in px; by default the one that the backbone is built for.
        interval: epochs between two measurements.
        bank_size: images of the bank, at most, spread evenly over the classes' order.
        query_size: the same of the queries.
        k: neighbours that vote (20, as DINO's best).
        batch_size: images that are looked at together.
        num_workers: processes that read images, on each rank.
    """

    priority = 'LOWEST'  # after the checkpoint

    def __init__(self,
                 data_root: Optional[str] = None,
                 bank: str = 'train',
                 queries: str = 'val',
                 img_size: Optional[int] = None,
                 interval: int = 5,
                 bank_size: int = 5000,
                 query_size: int = 1000,
                 k: int = 20,
                 batch_size: int = 64,
                 num_workers: int = 4) -> None:
        for name, value in dict(interval=interval, bank_size=bank_size, query_size=query_size, k=k,
                                batch_size=batch_size).items():
            if value < 1:
                raise ConfigError(f'`{name}` of KNNHook must be at least 1, got {value}.')
        self.data_root = data_root
        self.sizes = ((bank, bank_size), (queries, query_size))
        self.img_size = img_size
        self.interval = interval
        self.k = k
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.parts: List[Part] = []  # the bank and the queries
        for part, _ in self.sizes if data_root is not None else ():
            if not _has_classes(f'{data_root}/{part}'):
                raise ConfigError(
                    f'k-NN needs images in {data_root}/{part}/CLASS, and there is no such '
                    f'folder (ImageNet as it comes: {SOLUTION} or {DEVKIT} beside the images '
                    'tells their classes). Name the folder that holds both with `--knn`, others '
                    'than train and val by `custom_hooks.KNNHook.bank` and `.queries`; or leave '
                    '--knn out.')
        if data_root is not None:
            self.check_bank(f'{data_root}/{bank}', count_images(f'{data_root}/{bank}', k))

    def before_run(self, runner) -> None:
        """Find the images.

        Raises:
            LabelError: a folder without images, or other classes in the bank than in the queries.
            ValueError: a bank smaller than ``k``, or a backbone of no known size of images.
        """
        if self.data_root is None or self.parts:
            return
        bank, queries = (
            LabelledImages(data_root=self.data_root, data_prefix=part, pipeline=[], test_mode=True)
            for part, _ in self.sizes)
        check_same_classes(bank.img_prefix, bank.metainfo['classes'],
                           queries.img_prefix, queries.metainfo['classes'])
        self.parts = [_spread(images, size)
                      for images, (_, size) in zip((bank, queries), self.sizes)]
        self.check_bank(bank.img_prefix, len(self.parts[0].paths))
        if self.img_size is None:
            self.img_size = _size_of(_unwrapped(runner.model).backbone)

    def check_bank(self, folder: str, count: int) -> None:
        """Refuse a bank with fewer images than neighbours that are to vote."""
        if count < self.k:
            fits = max(count // 2, 1)
            raise ConfigError(f'`k` of KNNHook is {self.k}, but the bank, {folder}, has '
                              f'{count} images: `--cfg-options custom_hooks.KNNHook.k={fits}`.')

    def after_train_epoch(self, runner) -> None:
        if self.data_root is None or not self.every_n_epochs(runner, self.interval):
            return
        model = _unwrapped(runner.model)
        epoch = f'k-NN accuracy after epoch {runner.epoch + 1}'
        with reporting(runner, epoch), untouched(model):
            accuracy, broken = self.accuracy(model)
            if runner.rank == 0:
                runner.logger.info(f'{epoch}: {accuracy:.2f} %{left_out(broken)}')
                runner.visualizer.add_scalars({'knn/top1': accuracy}, step=runner.iter)

    def accuracy(self, model: nn.Module) -> Tuple[float, Dict[str, str]]:
        """Percent of the queries that their neighbours classify; path -> why it cannot be read.

        Raises:
            RuntimeError: on all ranks, if the features of one cannot be computed.
            ValueError: likewise, if too few images can be read, or features are not finite.
        """
        broken: Dict[str, str] = {}
        (bank, bank_labels), (queries, labels) = on_all_ranks(
            lambda: [self.features(model, part, broken) for part in self.parts])
        accuracies = knn_accuracies(queries, labels, bank, bank_labels, ks=[self.k],
                                    distributed=True)
        for others in all_gather_object(broken):
            broken.update(others)
        return accuracies[self.k][1], broken

    def features(self, model: nn.Module, part: Part,
                 broken: Dict[str, str]) -> Tuple[torch.Tensor, torch.Tensor]:
        """Features and labels of this rank's share of the images, as far as they can be read.

        Each rank sees as many as the others, as a sharded backbone runs on all of them together:
        the share of some is filled up with the first images, which do not count.
        """
        rank, ranks = get_rank(), get_world_size()
        paths, labels = part.paths[rank::ranks], part.labels[rank::ranks]
        filling = -(-len(part.paths) // ranks) - len(paths)
        loader = image_loader(paths + part.paths[:filling], self.img_size, self.batch_size,
                              self.num_workers, outliving())
        features, rows = readable_features(model.backbone, model.data_preprocessor, loader, broken)
        counting = rows < len(paths)
        return features[counting], labels[rows[counting]]


def _spread(images: LabelledImages, size: int) -> Part:
    """As many images as ``size`` at most, spread evenly over all."""
    rows = torch.linspace(0, len(images) - 1, min(size, len(images))).round().long().tolist()
    found = [images.get_data_info(row) for row in rows]
    return Part([each['img_path'] for each in found],
                torch.tensor([each['gt_label'] for each in found]))


def left_out(broken: Dict[str, str]) -> str:
    """What is said of images that cannot be read."""
    if not broken:
        return ''
    path, reason = min(broken.items())
    return (f' ({len(broken)} images that cannot be read are left out, such as '
            f'{printable(path)}: {printable(reason)})')


def _size_of(backbone: nn.Module) -> int:
    try:
        return own_size(backbone)
    except AttributeError as error:
        raise ConfigError(f'{type(backbone).__name__} does not tell for which size of images it is '
                          'built: set `img_size` of KNNHook in `custom_hooks`.') from error


def _unwrapped(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _has_classes(path: str) -> bool:
    try:
        folders = fileio.list_dir_or_file(path, list_file=False)
        return (any(not is_hidden(folder) for folder in folders)
                or bool(count_images(path, 1) and validation_classes(path)))
    except (FileNotFoundError, NotADirectoryError):
        return False
