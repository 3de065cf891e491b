"""The ground truth is read without running anything, and checked; images are what DINO makes."""

import builtins
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mimco_mm.datasets import (
    BrokenImageError,
    GroundTruthError,
    RevisitedImages,
    load_ground_truth,
    load_revisited,
)

IMLIST, QIMLIST = ['a', 'b', 'c', 'd', 'e'], ['q', 'r']


def truth(**changes) -> dict:
    gnd = [dict(easy=[3, 1], hard=[0], junk=[], bbx=[136.5, 34.1, 648.5, 955.7]),
           dict(easy=[], hard=[4], junk=[2, 0], bbx=[1, 2, 3, 4])]
    return {**dict(imlist=IMLIST, qimlist=QIMLIST, gnd=gnd), **changes}


def with_entry(**changes) -> dict:
    content = truth()
    content['gnd'][1].update(changes)
    return content


def arrays() -> dict:
    """The same with numpy's types wherever they can be."""
    gnd = [{key: np.array(value, dtype=float if key == 'bbx' else np.int32)
            for key, value in entry.items()} for entry in truth()['gnd']]
    gnd[0]['hard'] = [np.int64(0)]
    gnd[1]['bbx'] = [np.float32(number) for number in (1, 2, 3, 4)]
    return truth(gnd=gnd, imlist=np.array(IMLIST), qimlist=np.array(QIMLIST, dtype=object))


def check(found) -> None:
    assert (found.imlist, found.qimlist) == (tuple(IMLIST), tuple(QIMLIST))
    assert all(type(name) is str for name in found.imlist + found.qimlist)
    lists = [{key: entry[key].tolist() for key in ('easy', 'hard', 'junk')} for entry in found.gnd]
    assert lists == [dict(easy=[1, 3], hard=[0], junk=[]), dict(easy=[], hard=[4], junk=[0, 2])]
    assert all(entry[key].dtype == np.int64 for entry in found.gnd for key in lists[0])
    assert [entry['bbx'] for entry in found.gnd] == [(136.5, 34.1, 648.5, 955.7), (1., 2., 3., 4.)]


@pytest.fixture
def write(tmp_path):

    def write(content: object, protocol: int = 3) -> Path:
        path = tmp_path / 'gnd_test.pkl'
        path.write_bytes(content if isinstance(content, bytes) else
                         pickle.dumps(content, protocol=protocol))
        return path

    return write


# Reading


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('content', [truth, arrays])
def test_ground_truth__of_every_protocol_and_type(write, content, protocol):
    check(load_ground_truth(write(content(), protocol)))


@pytest.mark.parametrize('core', [b'numpy.core', b'numpy._core'])
def test_ground_truth__of_numpy_1_and_2(write, core):
    ours = next(name for name in (b'numpy._core', b'numpy.core')
                if name in pickle.dumps(arrays(), protocol=2))
    check(load_ground_truth(write(pickle.dumps(arrays(), protocol=2).replace(ours, core))))


def test_ground_truth__of_python_2(write):
    """Names as byte strings, arrays with byte strings for their data, as Python 2 wrote them."""
    def text(value: str) -> bytes:
        return b'U' + bytes([len(value)]) + value.encode('latin1')

    def array(values: list) -> bytes:
        data = np.array(values, dtype='<i8').tobytes()
        return (b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K'
                + bytes([len(values)]) + b'tcnumpy\ndtype\n(U\x02i8K\x00K\x01tR(K\x03U\x01<NNNJ'
                b'\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T' + len(data).to_bytes(4, 'little')
                + data + b'tb')

    content = (b'\x80\x02}(' + text('imlist') + b'](' + text('caf\xe9') + text('b') + b'e'
               + text('qimlist') + b'](' + text('q') + b'e' + text('gnd') + b'](}(' + text('easy')
               + array([0]) + text('hard') + array([]) + text('junk') + array([1])
               + text('bbx') + b'](K\x00K\x00K\x05K\x06eueu.')
    found = load_ground_truth(write(content))
    assert found.imlist == ('caf\xe9', 'b')
    assert [found.gnd[0][key].tolist() for key in ('easy', 'hard', 'junk')] == [[0], [], [1]]


class Harmful:
    """Unpickled by pickle itself, it calls ``function``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize('place', ['file', 'key', 'name', 'indices'])
def test_ground_truth__runs_nothing(write, tmp_path, protocol, place):
    victim = tmp_path / 'victim'
    harmful = Harmful(os.mkdir, str(victim))
    content = {'file': harmful, 'key': truth(extra=harmful), 'name': truth(imlist=[harmful]),
               'indices': with_entry(easy=harmful)}[place]
    path = write(content, protocol)
    with pytest.raises(GroundTruthError, match=r'gnd_test.pkl is refused.*posix.mkdir'):
        load_ground_truth(path)
    assert not victim.exists()
    pickle.loads(path.read_bytes())  # the file would have done it
    assert victim.exists()


@pytest.mark.parametrize('function, args, name', [
    (builtins.eval, ('1', ), 'eval'), (builtins.getattr, ('1', 'upper'), 'getattr'),
    (np.load, ('x', ), 'numpy.load'), (Path, ('x', ), 'pathlib'), (bytearray, (10, ), 'bytearray'),
])
def test_ground_truth__any_other_function_is_refused(write, function, args, name):
    with pytest.raises(GroundTruthError, match=f'to unpickle it is to call .*{name}'):
        load_ground_truth(write(truth(extra=Harmful(function, *args))))


def test_ground_truth__dotted_names_do_not_reach_further(write):
    for module, name in ((b'numpy', b'ndarray.tofile'), (b'numpy.core', b'multiarray.os.system')):
        text = b''.join(b'\x8c' + bytes([len(part)]) + part for part in (module, name))
        with pytest.raises(GroundTruthError, match='to unpickle it is to call numpy'):
            load_ground_truth(write(b'\x80\x04' + text + b'\x93.'))


class Forged:
    """Pickled as a call of ``function`` and the state of its result."""

    def __init__(self, function, args, state):
        self.reduced = function, args, state

    def __reduce__(self):
        return self.reduced


def forged_array(shape: tuple, dtype: object, content: object) -> Forged:
    return Forged(np.zeros(0).__reduce__()[0], (np.ndarray, (0, ), b'b'),
                  (1, shape, dtype, False, content))


def forged_type(*state: object) -> Forged:
    return Forged(np.dtype, ('V8', False, True), (3, '|', *state, 8, 1, 0))


@pytest.mark.parametrize('array', [
    # numpy takes these bytes for the address of an object: it ends by SIGSEGV, or worse
    forged_array((1, ), np.dtype('O'), b'A' * 8),
    forged_array((1, ), forged_type(None, ('a', ), {'a': (np.dtype('O'), 4096)}), b'A' * 8),
    forged_array((1, ), forged_type((np.dtype('u1'), (10**9, )), None, None), b'A' * 8),
    forged_array((2**40, 2**40), np.dtype('u1'), b'A' * 8),
    forged_array((2, ), np.dtype('O'), [1]),
    Harmful(np.ndarray, (10**13, ), 'u1'),  # of so many bytes
], ids=['addresses', 'field', 'array in array', 'shape', 'objects', 'memory'])
@pytest.mark.parametrize('protocol', [2, 5])
def test_ground_truth__forged_arrays_are_refused(write, array, protocol):
    with pytest.raises(GroundTruthError, match='is refused: .*(array|objects)'):
        load_ground_truth(write(with_entry(easy=array), protocol))


def test_ground_truth__missing(tmp_path):
    with pytest.raises(GroundTruthError, match='There is no ground truth .*gnd_x.pkl.*--data-root'):
        load_ground_truth(tmp_path / 'gnd_x.pkl')


@pytest.mark.parametrize('content', [b'', b'<html>404 not found</html>', b'\x80\x03',
                                     pickle.dumps(truth())[:-20]])
def test_ground_truth__broken(write, content):
    with pytest.raises(GroundTruthError, match='is no pickle, or a truncated .*Download it again'):
        load_ground_truth(write(content))


@pytest.mark.parametrize('content, message', [
    ([1], 'expected a dict, got a list'),
    (dict(imlist=[], gnd=[]), 'there is no qimlist among'),
    (truth(imlist=[]), '`imlist` is empty'),
    (truth(imlist='abc'), 'expected a list in `imlist`, got a str'),
    (truth(qimlist=['q', 7]), 'expected names of images in `qimlist`, got 7'),
    (truth(imlist=['../secret']), 'outside of the folder jpg'),
    (truth(imlist=['/etc/secret']), 'outside of the folder jpg'),
    (truth(qimlist=['q']), 'for each of the 1 names in `qimlist`, got 2'),
    (truth(gnd=[[], []]), r'expected a dict in `gnd\[0\]`, got a list'),
    (truth(gnd=[dict(ok=[1])] * 2), r'`gnd\[0\]` has no easy, hard, junk, bbx'),
    (with_entry(hard=[5]), r"from 0 to 4 in `gnd\[1\]\['hard'\]`.*5 images, got 5"),
    (with_entry(hard=[-1]), r"from 0 to 4 in `gnd\[1\]\['hard'\]`.*got -1"),
    (with_entry(easy=[1.5]), r"expected indices in `gnd\[1\]\['easy'\]`, got 1.5"),
    (with_entry(easy=[True]), 'expected indices .*, got True'),
    (with_entry(easy=3), r"expected a list in `gnd\[1\]\['easy'\]`, got a int"),
    (with_entry(easy=np.zeros((1, 2), int)), r'got a ndarray of shape \(1, 2\)'),
    (with_entry(easy=[2]), r'`gnd\[1\]` lists images more than once .*\[2\]'),
    (with_entry(hard=[4, 4]), r'`gnd\[1\]` lists images more than once .*\[4\]'),
    (with_entry(bbx=[1, 2, 3]), r"expected x0, y0, x1, y1 .* in `gnd\[1\]\['bbx'\]`"),
    (with_entry(bbx=[3, 2, 1, 4]), 'with x0 < x1'),
    (with_entry(bbx=[1, 2, float('nan'), 4]), 'with x0 < x1'),
])
def test_ground_truth__of_another_structure(write, content, message):
    with pytest.raises(GroundTruthError, match=f'gnd_test.pkl is not in the format.*{message}'):
        load_ground_truth(write(content))


# Images


@pytest.fixture
def folder(tmp_path) -> Path:
    """A set with noise images of 60 x 40 px."""
    rng = np.random.default_rng(0)
    jpg = tmp_path / 'mini' / 'jpg'
    jpg.mkdir(parents=True)
    for name in IMLIST + QIMLIST:
        noise = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        noise.save(jpg / f'{name}.jpg', quality=95)
    (tmp_path / 'mini' / 'gnd_mini.pkl').write_bytes(pickle.dumps(with_entry(bbx=[10, 5, 50, 25])))
    return tmp_path


def pixels(folder: Path, name: str) -> Image.Image:
    return Image.open(folder / 'mini' / 'jpg' / f'{name}.jpg').convert('RGB')


@pytest.mark.parametrize('img_size, shape', [(10, (3, 7, 10)), (30, (3, 20, 30)),
                                             (59, (3, 39, 59)), (60, (3, 40, 60)),
                                             (512, (3, 40, 60))])
def test_images__are_reduced_to_the_longest_side_and_never_enlarged(folder, img_size, shape):
    found, queries, database = load_revisited(folder, 'mini', img_size)
    assert found.imlist == tuple(IMLIST) and (len(queries), len(database)) == (2, 5)
    for images, names in ((queries, QIMLIST), (database, IMLIST)):
        for index, name in enumerate(names):
            sample = images[index]
            assert sample['image'].shape == shape and sample['image'].dtype == torch.uint8
            assert Path(sample['path']).stem == name and sample['truncated'] is False
            expected = pixels(folder, name)
            if img_size < 60:
                # from a factor of 4 on, thumbnail averages whole pixels before it filters
                expected = expected.resize(shape[:0:-1], Image.LANCZOS, reducing_gap=2.)
            np.testing.assert_array_equal(sample['image'].permute(1, 2, 0), np.asarray(expected))


def test_images__queries_are_cropped_on_demand_alone(folder):
    _, whole, database = load_revisited(folder, 'mini', 512)
    _, cropped, same = load_revisited(folder, 'mini', 512, crop_queries=True)
    assert cropped[1]['image'].shape == (3, 20, 40)
    assert torch.equal(cropped[1]['image'], whole[1]['image'][:, 5:25, 10:50])
    assert torch.equal(database[1]['image'], same[1]['image'])
    # the crop comes first: it is reduced, not the whole image
    assert load_revisited(folder, 'mini', 20, crop_queries=True)[1][1]['image'].shape == (3, 10, 20)


def test_images__boxes_are_in_the_pixels_of_the_file_whatever_exif_says(folder):
    path = folder / 'mini' / 'jpg' / 'q.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    pixels(folder, 'q').save(path, quality=95, exif=exif)
    assert load_revisited(folder, 'mini', 512)[1][0]['image'].shape == (3, 40, 60)


def test_images__grey_ones_have_three_channels(folder):
    pixels(folder, 'q').convert('L').save(folder / 'mini' / 'jpg' / 'q.jpg')
    image = load_revisited(folder, 'mini', 512)[1][0]['image']
    assert image.shape == (3, 40, 60) and torch.equal(image[0], image[2])


@pytest.mark.parametrize('name, message', [
    ('r', r'1 of 2 query images are not there: .*r\.jpg\. .*`data_root` of the config, or --data-'),
    ('c', r'1 of 5 database images are not there: .*c\.jpg\.')])
def test_images__missing(folder, name, message):
    (folder / 'mini' / 'jpg' / f'{name}.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=message):
        load_revisited(folder, 'mini', 512)


def test_images__that_end_early_are_used_and_reported(folder):
    path = folder / 'mini' / 'jpg' / 'q.jpg'
    path.write_bytes(path.read_bytes()[:-150])
    queries = load_revisited(folder, 'mini', 512)[1]
    assert queries[0]['truncated'] is True and queries[1]['truncated'] is False
    whole = RevisitedImages(path.parent, ['a'], 512)[0]
    assert queries[0]['image'].shape == whole['image'].shape
    with pytest.raises(OSError, match='truncated'):  # Pillow's switch is as it was
        Image.open(path).load()


def test_images__that_are_none_are_an_error(folder):
    (folder / 'mini' / 'jpg' / 'q.jpg').write_bytes(b'no image')
    with pytest.raises(BrokenImageError, match=r'q\.jpg cannot be decoded .*restore the file'):
        load_revisited(folder, 'mini', 512)[1][0]


@pytest.mark.parametrize('img_size', [0, 2.5, (224, 224)])
def test_images__wrong_size_is_explained(tmp_path, img_size):
    with pytest.raises(ValueError, match='`img_size` must be a side in px from 1 up'):
        RevisitedImages(tmp_path, [], img_size)
