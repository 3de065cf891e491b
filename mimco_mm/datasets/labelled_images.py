from mmpretrain.registry import DATASETS

from ..names import printable
from .class_names import LabelError
from .image_folder import ImageFolder
from .imagenet_validation import DEVKIT, SOLUTION
from .transforms import BrokenImageError


@DATASETS.register_module()
class LabelledImages(ImageFolder):
    """``ImageFolder``, with errors that say which folders and lists were expected.

    Hidden folders, as notebooks and version control leave them (``.ipynb_checkpoints``), are no
    classes, and hidden files no images.

    Args:
        **kwargs: those of mmpretrain's CustomDataset: without ``ann_file`` the folders under
            ``data_prefix`` are the classes, in the order of their names. With ``test_mode=True`` an
            image that cannot be read is an error that names it.

    Raises:
        LabelError: no such folder, no image in it, no list, a list of another form, or, in
            training, one label for all.
    """

    def load_data_list(self) -> list:
        try:
            samples = super().load_data_list()
        except (AssertionError, OSError, RuntimeError, ValueError) as error:
            raise LabelError(f'{self._expected()}, but: {printable(error)}') from error
        if self.ignored:
            self.warn(f'Ignored under {printable(self.img_prefix)}: {self.ignored}.')
        if self.with_label and samples and min(sample['gt_label'] for sample in samples) < 0:
            raise LabelError(f'{self._expected()}, but there is a label below 0.')
        if not self.test_mode and self.with_label and len(samples) > 1 and self.one_label(samples):
            raise LabelError(f'{self._expected()}, but all {len(samples)} images have one label, '
                             f'{samples[0]["gt_label"]}: there is nothing to learn.')
        return samples

    def _expected(self) -> str:
        """What the config makes us look for, and the keys that change it."""
        keys = ('(`data_root`, `data_prefix` and `ann_file` of this dataset in the config; the '
                'folder by --data-root, in training by --data)')
        if self.ann_file:
            line = 'IMAGE LABEL' if self.with_label else 'IMAGE'
            return (f'Expected the list {self.ann_file} with a line `{line}` for each image, '
                    f'labels from 0 up and images under {self.img_prefix} {keys}')
        folders = 'one folder of images for each class' if self.with_label else 'images'
        return (f'Expected {folders} under {self.img_prefix}, or `ann_file`, a list of lines '
                f'`IMAGE LABEL` {keys}, or, for the validation images of ImageNet, {SOLUTION} or '
                f'{DEVKIT} beside them')

    def prepare_data(self, index: int) -> dict:
        try:
            return super().prepare_data(index)
        except BrokenImageError as error:
            if not self.test_mode:  # in training, ResilientDataset names and replaces it
                raise
            path = printable(self.get_data_info(index)['img_path'])
            raise BrokenImageError(f'{path} cannot be read ({error}): restore the file, as every '
                                   'image counts in the accuracy.') from error
