"""Bad images and damaged storages: read, replaced and named, left out and counted, or refused."""

import re

import pytest
import torch
from mmengine.logging import HistoryBuffer

from tests.attacks import images, storages
from tests.attacks.evil import PLACES, evil_files

READ = {
    'whole.jpg', 'progressive.jpg', 'grey.jpg', 'CMYK.jpg', 'two pictures.jpg', 'upside down.jpg',
    'orientation 99.jpg', 'EXIF of noise.jpg', 'EXIF that points beyond its end.jpg',
    'colour profile of 1 MB.jpg', 'bytes after its end.jpg', 'noise for pixels.jpg',
    '10000 x 10000 px, really.jpg', 'PNG.jpg', 'JPEG.png', '1 bit.png', 'palette and alpha.png',
    '16 bits.png', 'floats.tif', 'animated.gif', 'animated.webp', 'animated.png',
    'text of 1 MB.png', r'with a\nline break.jpg', r'no UTF-8 \xff.jpg'}
NOT_LISTED = {
    'FIFO.jpg': 'neither files nor folders: 1', 'socket.jpg': 'neither files nor folders: 1',
    'folder.jpg': 'a folder', 'link to nothing.jpg': 'dangling links: 1',
    'link to itself.jpg': 'dangling links: 1',
    'link to a device.jpg': 'neither files nor folders: 1'}
TOO_LARGE = re.compile(r'by its header, and no image of more|exceeds limit of 178956970 pixels')


@pytest.fixture(scope='module')
def of_images(tmp_path_factory):
    found = images.run(tmp_path_factory.mktemp('images') / 'new')
    assert {kind for kind, *_ in found} == {'image'}
    return {name: outcome for _, name, outcome in found}


def test_images__are_read_or_replaced_or_not_listed(of_images):
    assert len(of_images) == len(images.images()) >= 60
    assert {name for name, outcome in of_images.items() if outcome == 'read'} == READ
    assert NOT_LISTED == {name: outcome.removeprefix('not listed: ') for name, outcome
                          in of_images.items() if outcome.startswith('not listed: ')}
    assert all(outcome.startswith('replaced: ') for name, outcome in of_images.items()
               if name not in READ and name not in NOT_LISTED)


def test_images__of_giant_sides_are_not_decoded(of_images):
    """Of every format, and however the sides are hidden, but for those that no decoder opens."""
    giant = {name: outcome for name, outcome in of_images.items()
             if re.match(r'\d{5,} x', name) and name not in READ}
    unopened = {'30000 x 30000 px.avif'}  # the decoder's own check comes first
    assert len(giant) >= 12
    for name, outcome in giant.items():
        assert TOO_LARGE.search(outcome) or name in unopened, (name, outcome)
    assert 'docs/data.md#large-images' in giant['20000 x 20000 px.jpg']
    assert 'has 100000000000 bytes' in of_images['holes of 100 GB.jpg']


def test_images__that_only_pretend_are_opened_by_no_other_decoder(of_images):
    for name in ('HTML.jpg', 'PostScript.jpg', 'Photoshop.jpg', 'zeros.jpg'):
        assert 'Pillow cannot identify it as an image, it begins with' in of_images[name]


# that is forged in the right place.


@pytest.fixture(scope='module')
def of_storages(tmp_path_factory):
    found = storages.run(tmp_path_factory.mktemp('storages') / 'new')
    return {kind: {name: outcome for its, name, outcome in found if its == kind}
            for kind in ('tar', 'lmdb')}


def test_shards__are_read_but_for_what_leads_out_or_refused(of_storages):
    outcomes = dict(of_storages['tar'])
    assert outcomes.pop('whole') == '6 read'
    for where in ('an absolute name', 'a name with ..', 'a name with //'):
        assert outcomes.pop(f'the index has {where}') == (
            '5 read, ignored: names that lead out of the folder: 1')
    ignored = {
        'a member with an absolute name': 'nothing',  # it is read as one of the shard
        'a member with ..': 'names that lead out of the folder: 1',
        'a member with backslashes': 'hidden: 1',
        'a class with an absolute name': 'classes (.cls) that are no name of a folder: 1',
        'a class with ..': 'classes (.cls) that are no name of a folder: 1',
        'a class without a letter': 'classes (.cls) that are no name of a folder: 1',
        'a symbolic link out of the shard': 'dangling links: 2',
        'symbolic links in a circle': 'dangling links: 2',
        'a tar in a shard': 'nothing',
        'a tar in a shard, by a name with ..': 'names that lead out of the folder: 1',
        'a tar in a shard, with names that lead out': 'names that lead out of the folder: 1',
        'a tar in a shard, with a class that leads out':
            'classes (.cls) that are no name of a folder: 1',
        'a tar in a shard, by links': 'files of other endings: 1 (.tar 1)',
        'a tar in a tar in a shard': 'files of other endings: 1 (.tar 1)'}
    for name, what in ignored.items():
        count = 6 if name in ('a member with ..', 'symbolic links in a circle') else 7
        assert outcomes.pop(name) == f'{count} read, indexing ignored: {what}'
    assert 'size below 0' in outcomes.pop('a member of -512 bytes')
    within = 'a tar in a shard, with a member of '
    assert 'c.tar in it: ' in outcomes.pop(f'{within}-512 bytes')
    assert 'c.tar in it: unexpected end of data' in outcomes.pop(f'{within}10^15 bytes')
    assert len(outcomes) >= 20
    for name, outcome in outcomes.items():
        assert outcome.startswith('refused: '), (name, outcome)
        assert 'python tools/convert/index_shards.py PACK' in outcome


def test_databases__are_read_or_refused(of_storages):
    outcomes = dict(of_storages['lmdb'])
    assert outcomes.pop('whole') == '6 read'
    # as docs/data.md says; a release of lmdb that does not touch what it returns would not
    assert outcomes.pop('an image of 4 GB').startswith(('KILLED: -7', '5 read, 1 replaced'))
    assert outcomes.pop('a map of 2^62 bytes') == '6 read'
    assert outcomes.pop('a key with a zero byte') == '7 read'
    assert re.match('2 read, 4 replaced', outcomes.pop('zeros from the middle on'))
    for name, count in [('an absolute key', 1), ('a key with ..', 2), ('a key with //', 1)]:
        assert outcomes.pop(name) == f'6 read, ignored: names that lead out of the folder: {count}'
    assert len(outcomes) == 8
    for name, outcome in outcomes.items():
        assert outcome.startswith('refused: '), (name, outcome)
        assert 'tools/convert/pack_images.py IMAGES PACK --format lmdb' in outcome


def test_evil_files__are_made_of_a_run_s_checkpoint_and_run_code(tmp_path):
    checkpoint = {**{place: {} for place in PLACES}, 'meta': {'loss': HistoryBuffer([1.0], [1])}}
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    assert len(list(evil_files(tmp_path, tmp_path / 'epoch_1.pth'))) == 20
