"""Small data sets in the layouts in which people have them, made by the programs that make them."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ('n01440764', 'n01443537', 'n01484850')
PER_CLASS = 3


def jpeg(seed: int) -> bytes:
    """A smooth random picture of 40 px."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(coarse).resize((40, 40), Image.BICUBIC).save(content, 'JPEG')
    return content.getvalue()


def train_images() -> dict[str, bytes]:
    """CLASS/CLASS_N.JPEG -> content."""
    return {f'{name}/{name}_{row}.JPEG': jpeg(10 * place + row)
            for place, name in enumerate(CLASSES) for row in range(PER_CLASS)}


def val_images() -> dict[str, tuple[str, bytes]]:
    """Name of a validation image -> its class and content."""
    order = (2, 0, 1, 0)
    return {f'ILSVRC2012_val_{row:08d}.JPEG': (CLASSES[place], jpeg(100 + row))
            for row, place in enumerate(order, 1)}


def write_folder(root: Path, images: dict[str, bytes]) -> Path:
    for name, content in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_kaggle(root: Path) -> Path:
    """ILSVRC/Data/CLS-LOC beside the list of validation classes; returns CLS-LOC."""
    images = root / 'ILSVRC' / 'Data' / 'CLS-LOC'
    write_folder(images / 'train', train_images())
    write_folder(images / 'val', {name: content for name, (_, content) in val_images().items()})
    write_folder(images / 'test', {'ILSVRC2012_test_00000001.JPEG': jpeg(999)})
    (root / 'LOC_val_solution.csv').write_text('ImageId,PredictionString\n' + ''.join(
        f'{name.removesuffix(".JPEG")},{of} 85 1 499 272 {of} 1 2 3 4 \n'
        for name, (of, _) in reversed(val_images().items())))
    return images


def write_ilsvrc(root: Path) -> Path:
    """image-net.org's ILSVRC2012_img_train.tar, _img_val.tar and development kit, by GNU tar."""
    root.mkdir(parents=True)
    scratch = root / 'scratch'
    write_folder(scratch / 'train', train_images())
    write_folder(scratch / 'val', {name: content for name, (_, content) in val_images().items()})
    for name in CLASSES:
        tar(scratch / f'{name}.tar', scratch / 'train' / name)
    tar(root / 'ILSVRC2012_img_train.tar', scratch, *(f'{name}.tar' for name in CLASSES))
    tar(root / 'ILSVRC2012_img_val.tar', scratch / 'val')
    write_devkit(scratch / 'kit' / 'ILSVRC2012_devkit_t12' / 'data')
    subprocess.run(['tar', '-czf', root / 'ILSVRC2012_devkit_t12.tar.gz', '-C', scratch / 'kit',
                    'ILSVRC2012_devkit_t12'], check=True)
    shutil.rmtree(scratch)
    return root


def tar(out: Path, folder: Path, *names: str) -> None:
    names = names or tuple(sorted(path.name for path in folder.iterdir()))
    subprocess.run(['tar', '-cf', out, '-C', folder, *names], check=True)


def write_devkit(data: Path) -> None:
    from scipy.io import savemat
    data.mkdir(parents=True)
    ranks = {CLASSES[0]: 2, CLASSES[1]: 3, CLASSES[2]: 1}  # no order of the alphabet
    synsets = np.array(
        [(rank, name, 'words', 'what it is', 0) for name, rank in ranks.items()]
        + [(1001, 'n00001740', 'entity', 'all', 3)],
        dtype=[('ILSVRC2012_ID', object), ('WNID', object), ('words', object), ('gloss', object),
               ('num_children', object)])
    savemat(data / 'meta.mat', dict(synsets=synsets))
    (data / 'ILSVRC2012_validation_ground_truth.txt').write_text(
        ''.join(f'{ranks[name]}\n' for name, _ in val_images().values()))


def write_timm_shards(root: Path) -> Path:
    """imagenet1k-train-NNNN.tar and imagenet1k-validation-NN.tar, by webdataset."""
    import webdataset
    root.mkdir(parents=True)
    val = {f'{of}/{name}': content for name, (of, content) in val_images().items()}
    for pattern, images in (('imagenet1k-train-%04d.tar', train_images()),
                            ('imagenet1k-validation-%02d.tar', val)):
        with webdataset.ShardWriter(f'{root}/{pattern}', maxcount=4, verbose=0) as writer:
            for path, content in sorted(images.items(), key=lambda image: image[1]):
                folder, _, name = path.partition('/')
                label = CLASSES.index(folder)
                writer.write({'__key__': name.removesuffix('.JPEG'), 'jpg': content, 'cls': label,
                              'json': dict(label=label, width=40, height=40, filename=name)})
    (root / '_info.json').write_text(json.dumps(dict(splits=dict(train={}, validation={}))))
    return root


def write_parquet(root: Path, group: int = 4) -> Path:
    """data/SPLIT-00000-of-00001.parquet, with the columns and the metadata of datasets."""
    import pyarrow as pa
    import pyarrow.parquet
    (root / 'data').mkdir(parents=True)
    features = dict(image=dict(_type='Image'),
                    label=dict(names=['tench, Tinca tinca', 'goldfish', 'white shark/.x'],
                               _type='ClassLabel'))
    schema = pa.schema(
        [('image', pa.struct([('bytes', pa.binary()), ('path', pa.string())])),
         ('label', pa.int64())],
        metadata={'huggingface': json.dumps(dict(info=dict(features=features)))})
    train = [(path.rpartition('/')[2], CLASSES.index(path.partition('/')[0]), content)
             for path, content in reversed(train_images().items())]
    val = [(name, CLASSES.index(of), content) for name, (of, content) in val_images().items()]
    test = [('ILSVRC2012_test_00000001.JPEG', -1, jpeg(999))]
    for name, rows in (('train-00000-of-00002', train[:5]), ('train-00001-of-00002', train[5:]),
                       ('validation-00000-of-00001', val), ('test-00000-of-00001', test)):
        table = pa.table(
            dict(image=[dict(bytes=content, path=path) for path, _, content in rows],
                 label=[label for _, label, _ in rows]), schema)
        pa.parquet.write_table(table, root / 'data' / f'{name}.parquet', row_group_size=group)
    return root
