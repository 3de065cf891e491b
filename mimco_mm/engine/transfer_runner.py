from pathlib import Path
from typing import Any, Callable, Optional, Sequence, Union

from mmengine.registry import DATASETS
from mmengine.runner import BaseLoop
from mmpretrain.registry import RUNNERS

from ..datasets.transfer_data import (
    TransferDataError,
    check_categories,
    check_class_count,
    check_files,
    check_label_maps,
)
from .runner import PretrainRunner

# What numpy says when mmengine packs the samples of a dataset that has none.
NO_SAMPLES = 'need at least one array to concatenate'


@RUNNERS.register_module()
class TransferRunner(PretrainRunner):
    """The runner of detection and segmentation: it checks the data before the first step.

    Files that are missing, categories and class counts that do not fit the model, label maps that
    do not fit the classes: each is an error that names the config key. See ``transfer_data``.
    """

    equal_batches = False  # images keep their shape

    def build_train_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        build = super().build_train_loop
        return self.build_checked(build, loop, self._train_dataloader, 'train_dataloader')

    def build_val_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        build = super().build_val_loop
        return self.build_checked(build, loop, self._val_dataloader, 'val_dataloader')

    def build_test_loop(self, loop: Union[BaseLoop, dict]) -> BaseLoop:
        build = super().build_test_loop
        return self.build_checked(build, loop, self._test_dataloader, 'test_dataloader')

    def build_checked(self, build: Callable, loop: Any, loader: Any, name: str) -> BaseLoop:
        key = f'{name}.dataset'
        if isinstance(loader, dict):
            self.check_config(loader['dataset'], key)
        try:
            loop = build(loop)
        except ValueError as error:
            if NO_SAMPLES not in str(error):
                raise
            raise TransferDataError(
                f'`{key}`: no image of it can be used. Check what is in `{key}.data_root`, '
                f'`{key}.img_suffix` of a segmentation set, and `{key}.filter_cfg`.') from error
        check_label_maps(loop.dataloader.dataset, key)
        return loop

    def check_config(self, dataset: dict, key: str) -> None:
        """What can be told before a dataset is built."""
        if 'dataset' in dataset:  # e.g. mmengine's RepeatDataset
            return self.check_config(dataset['dataset'], f'{key}.dataset')
        check_files(dataset, key)
        classes = _classes(dataset)
        if classes:
            check_class_count(self.cfg.model, classes)
            ann_file = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
            if ann_file.suffix == '.json' and ann_file.is_file():
                check_categories(ann_file, classes, key)


def _classes(dataset: dict) -> Optional[Sequence[str]]:
    """Names of the classes: the config's, or those that its type of dataset has."""
    given = (dataset.get('metainfo') or {}).get('classes')
    if given is not None:
        return None if isinstance(given, str) else given  # a string names a file of them
    with DATASETS.switch_scope_and_registry(dataset.get('_scope_')) as registry:
        return getattr(registry.get(dataset['type']), 'METAINFO', {}).get('classes')
