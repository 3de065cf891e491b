"""The images of the small study: CIFAR-10, or any labelled folders like it, and parts of them."""

import os
from http.client import HTTPException
from pathlib import Path
from typing import Dict, List
from urllib.error import URLError

from ..datasets import list_images
from ..errors import DataError
from ..progress import progress
from ..records import claim, folder_identity, read_json, stored_record
from .plan import Size

PARTS = ('train', 'test')
SETTINGS = 'settings.json'  # what the results in a work dir are of


def prepare(source: Path, work_dir: Path, size: Size, download: bool) -> None:
    """The images of a study, in a work dir of one setting: its results must not be another's.

    Args:
        source: folder of train/CLASS and test/CLASS.
        work_dir: gets links to its images.
        size: how many.
        download: fetch CIFAR-10 where the folder is not there.

    Raises:
        FileNotFoundError: see ``check_classes``.
        DataError: see ``fetch_cifar10``; or the images to train on do not fill a batch.
        RecordError: the work dir is of something else.
    """
    if download:
        fetch_cifar10(source)
    identity = dict(size=size._asdict(), data_root=str(source.resolve()),
                    images=folder_identity(source))
    file, mend = work_dir / SETTINGS, 'Choose another --out, or remove that one.'
    stored_record(file, identity, mend)
    check_batch(check_classes(source)['train'], size)  # before the work dir is claimed
    claim(file, identity, mend)
    if not (work_dir / 'data').is_dir():
        write_subset(source, work_dir / 'data', size.train, size.test)


def stored_size(work_dir: Path) -> Size:
    """The size of the study in a work dir.

    Raises:
        DataError: there is none.
    """
    file = work_dir / SETTINGS
    if not file.is_file():
        raise DataError(f'There is no study in {work_dir}: --out names its folder.')
    return Size(**read_json(file)['identity']['size'])


def fetch_cifar10(root: Path) -> None:
    """Write CIFAR-10, see ``write_cifar10``, unless the folder is there.

    Raises:
        DataError: it cannot be downloaded.
    """
    if root.is_dir():
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_cifar10(root)
    except (URLError, HTTPException, ConnectionError, TimeoutError, RuntimeError) as error:
        from torchvision.datasets import CIFAR10
        raise DataError(
            f'{CIFAR10.url} cannot be downloaded ({error}). On a machine without a network, '
            f'download it elsewhere and put it at {root.parent / CIFAR10.filename}, and give the '
            'same command again; or name a folder of train/CLASS and test/CLASS with --data.'
            ) from error


def write_cifar10(root: Path, download: bool = True) -> None:
    """Write CIFAR-10 as root/{train,test}/CLASS/N.png, by torchvision, which fetches it.

    ``root`` appears when all images are written, so that half a set is never used.
    """
    from torchvision.datasets import CIFAR10
    unfinished = root.with_name(f'{root.name}.unfinished')
    for part in PARTS:
        images = CIFAR10(str(root.parent), train=part == 'train', download=download)
        for name in images.classes:
            (unfinished / part / name).mkdir(parents=True, exist_ok=True)
        samples = (images[index] for index in range(len(images)))
        for index, (image, label) in enumerate(progress(
                samples, len(images), 'images')):
            image.save(unfinished / part / images.classes[label] / f'{index:05d}.png')
    unfinished.rename(root)


def check_classes(source: Path) -> Dict[str, Dict[str, List[str]]]:
    """The images of both parts: part -> class -> names.

    Raises:
        FileNotFoundError: source/train or source/test has no folders, or not the same ones.
    """
    images = {part: _by_class(source / part) for part in PARTS}
    names = {part: list(classes) for part, classes in images.items()}
    if not names['train'] or names['train'] != names['test']:
        raise FileNotFoundError(
            f'Expected a folder of images for each class, the same ones in {source}/train and '
            f'{source}/test; found {len(names["train"])} and {len(names["test"])} folders. Name '
            'another root with --data, or fetch CIFAR-10 with --download.')
    return images


def check_batch(images: Dict[str, List[str]], size: Size) -> None:
    """Training takes whole batches, so one at least must be there."""
    count = sum(len(files[:size.train]) for files in images.values())
    if count < size.batch_size:
        raise DataError(f'Expected {size.batch_size} images to train on, one batch, or more; got '
                        f'{count}, {size.train} of each class at most. Set others by --set '
                        'batch_size=N or train=N.')


def write_subset(source: Path, target: Path, train: int, test: int) -> None:
    """Links in target/{train,test}/CLASS to the first images of each class, by name."""
    images = check_classes(source)
    _write_links(target, {
        part: {name: [source / part / name / file for file in files[:count]]
               for name, files in images[part].items()}
        for part, count in zip(PARTS, (train, test))})


def write_held_out(source: Path, target: Path, train: int, held_out: int) -> None:
    """As ``write_subset``, but of training images alone: target/test has the last of each class.

    Raises:
        FileNotFoundError: a class has too few images for both.
    """
    links: Dict[str, Dict[str, List[Path]]] = {part: {} for part in PARTS}
    for name, files in check_classes(source)['train'].items():
        if len(files) < train + held_out:
            raise FileNotFoundError(
                f'Expected {train} + {held_out} images in {source}/train/{name}, to train on and '
                f'to judge by; found {len(files)}. Name another root with --data.')
        for part, chosen in zip(PARTS, (files[:train], files[-held_out:])):
            links[part][name] = [source / 'train' / name / file for file in chosen]
    _write_links(target, links)


def _write_links(target: Path, images: Dict[str, Dict[str, List[Path]]]) -> None:
    unfinished = target.with_name(f'{target.name}.unfinished')
    for part, classes in images.items():
        for name, files in classes.items():
            for file in files:
                link = unfinished / part / name / file.name
                link.parent.mkdir(parents=True, exist_ok=True)
                if not os.path.lexists(link):
                    os.symlink(file.resolve(), link)
    unfinished.rename(target)


def _by_class(folder: Path) -> Dict[str, List[str]]:
    """{class: its images by name}, of the classes that have some."""
    images: Dict[str, List[str]] = {}
    try:
        names = list_images(folder).names
    except FileNotFoundError:
        names = []
    for path in names:
        name, inside, file = path.partition('/')
        if inside:
            images.setdefault(name, []).append(file)
    return {name: sorted(files) for name, files in sorted(images.items())}
