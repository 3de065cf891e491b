from typing import Optional, Tuple

import torch
from mmengine import fileio
from mmengine.dataset import DefaultSampler
from mmengine.dist import all_gather
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpretrain.registry import HOOKS
from torch import nn
from torch.utils.data import DataLoader, Subset

from ...datasets import is_hidden
from ...evaluation import extract_features, knn_accuracy, labelled_folder
from ..untouched import untouched


@HOOKS.register_module()
class KNNHook(Hook):
    """Measures k-NN accuracy of the backbone's features while it trains, where labels exist.

    After every ``interval`` epochs images of DATA_ROOT/QUERIES/CLASS are classified by the nearest
    ones of DATA_ROOT/BANK/CLASS, and ``knn/top1`` is logged in percent. The ranks share the images.
    Weights, running statistics and random numbers of the run are not touched.

    Args:
        data_root: folder of the labelled images, or tar://FOLDER or lmdb://FOLDER (docs/data.md);
            None switches the hook off.
        bank: folder of the bank in it.
        queries: folder of the queries in it.
        img_size: side in px.
        interval: epochs between two measurements.
        bank_size: images of the bank, at most, spread evenly over the classes' order.
        query_size: the same of the queries.
        k: neighbours that vote (20, as DINO's best).
        batch_size: images that are looked at together.
        num_workers: processes that read images, on each rank.
    """

    def __init__(self,
                 data_root: Optional[str] = None,
                 bank: str = 'train',
                 queries: str = 'val',
                 img_size: int = 224,
                 interval: int = 5,
                 bank_size: int = 5000,
                 query_size: int = 1000,
                 k: int = 20,
                 batch_size: int = 64,
                 num_workers: int = 4) -> None:
        self.data_root = data_root
        self.parts = {bank: bank_size, queries: query_size}
        self.bank, self.queries = bank, queries
        self.img_size = img_size
        self.interval = interval
        self.k = k
        self.batch_size = batch_size
        self.num_workers = num_workers
        for part in self.parts if data_root is not None else ():
            if not _has_folders(f'{data_root}/{part}'):
                raise ValueError(
                    f'k-NN needs images in {data_root}/{part}/CLASS, and there is no such '
                    'folder. Set `data_root`, `bank` and `queries` of KNNHook in `custom_hooks`, '
                    'or `data_root=None` to go without it.')

    def after_train_epoch(self, runner) -> None:
        if self.data_root is None or not self.every_n_epochs(runner, self.interval):
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        with untouched(model):
            accuracy = self.accuracy(model)
        if runner.rank == 0:
            runner.logger.info(f'k-NN accuracy after epoch {runner.epoch + 1}: {accuracy:.2f} %')
            runner.visualizer.add_scalars({'knn/top1': accuracy}, step=runner.iter)

    def accuracy(self, model: nn.Module) -> float:
        """Percent of the queries that their neighbours classify."""
        bank, bank_labels = self.features(model, self.bank)
        if len(bank) < self.k:
            raise ValueError(f'`k` of KNNHook is {self.k}, but the bank, {self.data_root}/'
                             f'{self.bank}, has {len(bank)} images: lower `k`.')
        queries, labels = self.features(model, self.queries)
        return knn_accuracy(queries, labels, bank, bank_labels, k=self.k)

    def features(self, model: nn.Module, part: str) -> Tuple[torch.Tensor, torch.Tensor]:
        """Features and labels of a part, of as many images as it may have, on every rank.

        Each rank sees as many as the others (a sharded backbone runs on all of them together), so
        the first ones may come again at the end.
        """
        whole = labelled_folder(self.data_root, part, self.img_size, self.batch_size, num_workers=0)
        count = min(self.parts[part], len(whole.dataset))
        rows = torch.linspace(0, len(whole.dataset) - 1, count).round().long().tolist()
        images = Subset(whole.dataset, rows)
        loader = DataLoader(images, self.batch_size, sampler=DefaultSampler(images, shuffle=False),
                            num_workers=self.num_workers, collate_fn=whole.collate_fn)
        shares = extract_features(model.backbone, model.data_preprocessor, loader)
        features, labels = (torch.stack(all_gather(share), 1).flatten(0, 1)[:count]
                            for share in shares)  # rank r has images r, r + ranks, ...
        return features, labels


def _has_folders(path: str) -> bool:
    try:
        folders = fileio.list_dir_or_file(path, list_file=False)
        return any(not is_hidden(folder) for folder in folders)
    except (FileNotFoundError, NotADirectoryError):
        return False
