from typing import List, Tuple

from mmengine.logging import MMLogger
from mmpretrain.datasets import CustomDataset
from mmpretrain.datasets.custom import find_folders, get_samples
from mmpretrain.registry import DATASETS

from ..names import printable
from .class_names import LabelError, brief
from .image_files import is_hidden
from .transforms import BrokenImageError


@DATASETS.register_module()
class LabelledImages(CustomDataset):
    """mmpretrain's CustomDataset, with errors that say which folders and lists were expected.

    Hidden folders, as notebooks and version control leave them (``.ipynb_checkpoints``), are no
    classes, and hidden files no images.

    Args:
        **kwargs: those of mmpretrain's CustomDataset: without ``ann_file`` the folders under
            ``data_prefix`` are the classes, in the order of their names. With ``test_mode=True`` an
            image that cannot be read is an error that names it.

    Raises:
        LabelError: no such folder, no image in it, no list, or a list of another form.
    """

    def load_data_list(self) -> list:
        try:
            samples = super().load_data_list()
        except (AssertionError, OSError, RuntimeError, ValueError) as error:
            raise LabelError(f'{self._expected()}, but: {printable(error)}') from error
        if self.with_label and samples and min(sample['gt_label'] for sample in samples) < 0:
            raise LabelError(f'{self._expected()}, but there is a label below 0.')
        return samples

    def is_valid_file(self, filename: str) -> bool:
        return super().is_valid_file(filename) and not is_hidden(filename)

    def _find_samples(self) -> List[Tuple[str, int]]:
        """(path, label) of the images of all classes: mmpretrain's takes hidden folders for some.

        Raises:
            ValueError: other classes than ``metainfo`` names, or no image.
        """
        if not self.with_label:
            return super()._find_samples()
        names = [name for name in find_folders(self.img_prefix)[0] if not is_hidden(name)]
        if self.CLASSES is not None and len(self.CLASSES) != len(names):
            raise ValueError(f'there are {len(names)} folders ({brief(names)}), and '
                             f'`metainfo.classes` names {len(self.CLASSES)} classes')
        self._metainfo.setdefault('classes', tuple(names))
        self.folder_to_idx = {name: label for label, name in enumerate(names)}
        samples, empty = get_samples(self.img_prefix, self.folder_to_idx, self.is_valid_file)
        if not samples:
            raise ValueError(f'Found 0 files ({", ".join(sorted(self.extensions))}) in '
                             f'{len(names)} folders of classes ({brief(names)})')
        if empty:
            MMLogger.get_current_instance().warning(
                f'{len(empty)} classes have no image under {printable(self.img_prefix)}: '
                f'{brief(sorted(empty))}')
        return samples

    def _expected(self) -> str:
        """What the config makes us look for, and the keys that change it."""
        keys = '(`data_root`, `data_prefix` and `ann_file` of this dataset in the config)'
        if self.ann_file:
            line = 'IMAGE LABEL' if self.with_label else 'IMAGE'
            return (f'Expected the list {self.ann_file} with a line `{line}` for each image, '
                    f'labels from 0 up and images under {self.img_prefix} {keys}')
        folders = 'one folder of images for each class' if self.with_label else 'images'
        return (f'Expected {folders} under {self.img_prefix}, or `ann_file`, a list of lines '
                f'`IMAGE LABEL` {keys}')

    def prepare_data(self, index: int) -> dict:
        try:
            return super().prepare_data(index)
        except BrokenImageError as error:
            if not self.test_mode:  # in training, ResilientDataset names and replaces it
                raise
            path = printable(self.get_data_info(index)['img_path'])
            raise BrokenImageError(f'{path} cannot be read ({error}): restore the file, as every '
                                   'image counts in the accuracy.') from error
