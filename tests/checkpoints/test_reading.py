"""Reading checkpoint files: bad ones are refused in words, and no file runs what it pickles."""

import argparse
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mimco_mm.checkpoints import CheckpointError, read_checkpoint


def checkpoint() -> dict:
    return {'state_dict': {'layer.weight': torch.arange(3000.).reshape(50, 60)}}


def write_missing(path):
    pass


def write_directory(path):
    path.mkdir()


def write_empty(path):
    path.write_bytes(b'')


def write_truncated(path):
    torch.save(checkpoint(), path)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


def write_truncated_legacy(path):
    torch.save(checkpoint(), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


def write_html(path):
    path.write_text('<!DOCTYPE html>\n<html><body>404 Not Found</body></html>')


def write_lfs_pointer(path):
    path.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n')


def write_other_zip(path):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('readme.txt', 'no tensors here')


def write_plain_pickle(path):
    path.write_bytes(pickle.dumps({'a': 1}))


def write_list(path):
    torch.save([torch.ones(2)], path)


def write_tensor(path):
    torch.save(torch.ones(2), path)


@pytest.mark.parametrize('write, reason', [
    (write_missing, 'No such checkpoint file'),
    (write_directory, 'No such checkpoint file'),
    (write_empty, '0 bytes.* is no checkpoint of PyTorch or safetensors'),
    (write_truncated, 'is no checkpoint of PyTorch or safetensors, or a truncated'),
    (write_truncated_legacy, 'is no checkpoint of PyTorch or safetensors, or a truncated'),
    (write_html, 'is no checkpoint of PyTorch or safetensors'),
    (write_lfs_pointer, 'is no checkpoint of PyTorch or safetensors'),
    (write_other_zip, 'is no checkpoint of PyTorch or safetensors'),
    (write_plain_pickle, 'is no checkpoint of PyTorch or safetensors'),
    (write_list, 'holds a list; expected a dict'),
    (write_tensor, 'holds a Tensor; expected a dict'),
])
def test_read_checkpoint__bad_file_is_refused(tmp_path, write, reason):
    path = tmp_path / 'bad.pth'
    write(path)
    with pytest.raises(CheckpointError, match=f'{path}.*{reason}|{reason}.*{path}') as error:
        read_checkpoint(str(path))
    # torch's own advice, on a file that the user has from who knows where
    assert 'weights_only' not in str(error.value)


def test_read_checkpoint__damaged_bytes_raise_nothing_else(tmp_path):
    path = tmp_path / 'damaged.pth'
    torch.save({'state_dict': {'w': torch.ones(2)}, 'meta': dict(epoch=1, names=['a', ('b', )])},
               path, _use_new_zipfile_serialization=False)
    content, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[random.integers(len(damaged))] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_checkpoint(str(path))
        except CheckpointError:
            refused += 1
    assert refused > 100


class Harm:
    """Pickles as a call of ``function`` on ``arguments``, which unpickling makes."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def harms(mark):
    return dict(
        system=Harm(os.system, f'touch {mark}'),
        open=Harm(open, str(mark), 'w'),
        eval=Harm(eval, f"open({str(mark)!r}, 'w')"),
        mkdir=Harm(os.mkdir, str(mark)))


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('name', ['system', 'open', 'eval', 'mkdir'])
def test_read_checkpoint__pickled_calls_are_not_made(tmp_path, name, zipped):
    mark, path = tmp_path / 'mark', tmp_path / 'harm.pth'
    torch.save({**checkpoint(), 'harm': harms(mark)[name]}, path,
               _use_new_zipfile_serialization=zipped)
    try:
        content = read_checkpoint(str(path))
    except CheckpointError:
        assert name in ('system', 'mkdir')  # torch refuses whatever is of os
    else:
        assert torch.equal(content['state_dict']['layer.weight'],
                           checkpoint()['state_dict']['layer.weight'])
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists()  # or else nothing has been tested


def test_read_checkpoint__refusal_names_the_blocked_function(tmp_path):
    path = tmp_path / 'harm.pth'
    torch.save({**checkpoint(), 'harm': Harm(os.system, 'true')}, path)
    with pytest.raises(CheckpointError, match=f'{path} cannot be read safely.*{os.name}.system'
                       ) as error:
        read_checkpoint(str(path))
    assert 'weights_only' not in str(error.value)


def test_read_checkpoint__more_foreign_classes_than_any_known_file(tmp_path):
    path = tmp_path / 'many.pth'
    classes = [type(f'Foreign{i}', (), {'__module__': __name__}) for i in range(80)]
    globals().update({cls.__name__: cls for cls in classes})
    torch.save({**checkpoint(), 'many': [cls() for cls in classes]}, path)
    with pytest.raises(CheckpointError, match='more than 64 foreign classes'):
        read_checkpoint(str(path))


class Settings(dict):
    """Pickles as yacs' CfgNode does: a dict of a foreign class, with attributes."""


@pytest.mark.parametrize('zipped', [True, False])
def test_read_checkpoint__run_state_of_mmengine_becomes_inert(tmp_path, zipped):
    path = tmp_path / 'epoch_1.pth'
    history = HistoryBuffer()
    history.update(1.5)
    state = checkpoint()
    state['message_hub'] = dict(
        log_scalars={'train/loss': history}, runtime_info={'iter': 3},
        arrays=[np.arange(3), np.float64(2.), np.array(['a', None], dtype=object)])
    state['meta'] = dict(epoch=1, arguments=argparse.Namespace(lr=1.))
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    optimizer = torch.optim.AdamW([parameter])
    optimizer.step()
    state['optimizer'] = optimizer.state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=zipped)

    content = read_checkpoint(str(path))
    assert torch.equal(content['state_dict']['layer.weight'], state['state_dict']['layer.weight'])
    assert content['meta']['epoch'] == 1
    assert content['message_hub']['runtime_info'] == {'iter': 3}
    assert torch.equal(content['optimizer']['state'][0]['exp_avg'],
                       state['optimizer']['state'][0]['exp_avg'])
    hub = content['message_hub']
    for inert, real in [(hub['log_scalars']['train/loss'], HistoryBuffer),
                        (content['meta']['arguments'], argparse.Namespace),
                        *zip(hub['arrays'], (np.ndarray, np.floating, np.ndarray))]:
        assert not isinstance(inert, real) and vars(inert) == {}


def test_read_checkpoint__foreign_dict_is_read_or_refused(tmp_path):
    path = tmp_path / 'settings.pth'
    settings = Settings(lr=1.)
    settings.frozen = True
    torch.save({**checkpoint(), 'config': settings}, path)
    try:
        content = read_checkpoint(str(path))
    except CheckpointError as error:
        assert str(path) in str(error)
    else:
        assert type(content['config']) is not Settings
