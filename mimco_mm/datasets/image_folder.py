import hashlib
import logging
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from mmengine.logging import print_log
from mmpretrain.datasets import CustomDataset
from mmpretrain.registry import DATASETS

from ..names import printable
from .ignored import Ignored
from .image_files import SUFFIXES
from .imagenet_validation import validation_classes
from .listing import list_images, no_images

SHOWN = 5  # class folders that a warning names


@DATASETS.register_module()
class ImageFolder(CustomDataset):
    """mmpretrain's CustomDataset, with the images that ``list_images`` finds.

    The stock one takes fewer endings, hidden folders for classes, and says nothing of what it
    leaves out. The order of images and classes is its own. ImageNet's validation images, which come
    without folders, have the classes of the list that lies beside them or above
    (``validation_classes``).

    Attributes:
        ignored: what the listing has left out (``Ignored``); None with ``ann_file``, a list.
        images_sha256: hash of the images' names and labels, in order, wherever the folder lies.

    Args:
        extensions: endings of images, in small letters.
        **kwargs: those of mmpretrain's CustomDataset.
    """

    def __init__(self, *args, extensions: Sequence[str] = SUFFIXES, **kwargs) -> None:
        self.ignored: Optional[Ignored] = None
        self.images_sha256: Optional[str] = None
        super().__init__(*args, extensions=extensions, **kwargs)

    def load_data_list(self) -> List[dict]:
        samples = super().load_data_list()
        self.images_sha256 = names_sha256(samples, self.img_prefix)
        if self.with_label and len(samples) > 1 and self.one_label(samples):
            self.warn(f'All {len(samples)} images of {self.ann_file or self.img_prefix} have one '
                      f'label, {samples[0]["gt_label"]}.')
        return samples

    @staticmethod
    def one_label(samples: List[dict]) -> bool:
        return len({sample['gt_label'] for sample in samples}) == 1

    def _find_samples(self) -> Union[List[str], List[Tuple[str, int]]]:
        """Names of the images in ``img_prefix``, with labels if folders are classes."""
        names, folders, self.ignored = list_images(self.img_prefix, self.extensions)
        if not self.with_label:
            return names
        found = find_classes(self.img_prefix, names, folders)
        if len(found.of) < len(names):
            self.ignored.others[f'images {found.without}'] = len(names) - len(found.of)
        if not found.of:
            raise no_images(self.img_prefix, f'ignored: {self.ignored}', self.extensions)
        return self._labelled(found.of, found.names)

    def _labelled(self, found: Dict[str, str], classes: List[str]) -> List[Tuple[str, int]]:
        """(name, label) of each of ``found``, name -> class."""
        if self.CLASSES is None:
            self._metainfo['classes'] = tuple(classes)
        elif len(self.CLASSES) != len(classes):
            raise ValueError(f'there are {len(classes)} folders under {self.img_prefix}, and '
                             f'{len(self.CLASSES)} classes are named (`metainfo` or `classes`)')
        self.folder_to_idx = {name: label for label, name in enumerate(classes)}
        empty = sorted(set(classes) - set(found.values()))
        if empty:
            self.warn(f'{len(empty)} of the {len(classes)} class folders in {self.img_prefix} '
                      f'have no images: {printable(", ".join(empty[:SHOWN]))}'
                      f'{" ..." * (len(empty) > SHOWN)}.')
        return [(name, self.folder_to_idx[folder]) for name, folder in found.items()]

    @staticmethod
    def warn(message: str) -> None:
        print_log(message, 'current', logging.WARNING)


class Classes(NamedTuple):
    """Which class the images of a folder are of.

    Attributes:
        names: of all classes, in order.
        of: image -> its class, class by class; those without one are left out.
        without: what these are.
    """

    names: List[str]
    of: Dict[str, str]
    without: str


def find_classes(folder: str, names: Sequence[str], folders: Sequence[str]) -> Classes:
    """The classes of what ``list_images`` has found: folders, or of ImageNet's validation a list.

    Raises:
        LabelError: a list that cannot be read.
    """
    listed = None if folders else validation_classes(folder)
    if listed:
        stems = {name: name.rpartition('.')[0] for name in names}
        classes = {name: listed.names[stem] for name, stem in stems.items() if stem in listed.names}
        return Classes(sorted(set(listed.names.values())), classes,
                       f'without a class in {listed.source.name}')
    # class by class: 'a-b/1.png' would come before 'a/1.png'
    classes = {name: name.partition('/')[0]
               for name in sorted(names, key=lambda name: name.partition('/')[::2]) if '/' in name}
    return Classes(list(folders), classes, 'beside the class folders')


def names_sha256(samples: List[dict], folder: str) -> str:
    """Hash of the samples' paths in a folder, and of their labels."""
    start = f'{folder.rstrip("/")}/'
    names = '\0'.join(f'{sample["img_path"].removeprefix(start)}\0{sample.get("gt_label", "")}'
                      for sample in samples)
    return hashlib.sha256(names.encode(errors='surrogateescape')).hexdigest()
