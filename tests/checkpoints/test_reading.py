"""Reading checkpoint files: bad ones are refused in words, and no file runs what it pickles."""

import argparse
import os
import pickle
import sys
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import save_file

from mimco_mm.checkpoints import CheckpointError, read_checkpoint

from ..harm import HARMS, Harm
from ..reference.official.files import CfgNode, NumpyOneFloat, scalar, stand_in


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


def write_xml(path):
    path.write_text('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>')


def write_torchscript(path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)


def write_lfs_pointer(path):
    path.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n')


def write_json(path):
    path.write_text('{"model_type": "dinov2"}')


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
    (write_directory, 'is a folder without weights.*It holds nothing: give the file that is'),
    (write_empty, '0 bytes.* is no checkpoint of PyTorch or safetensors'),
    (write_truncated, 'begins as a checkpoint of PyTorch, and its end is missing'),
    (write_truncated_legacy, 'is no checkpoint of PyTorch or safetensors, or a truncated'),
    (write_html, 'is no checkpoint of PyTorch or safetensors.* It is a web page'),
    (write_xml, 'is no checkpoint of PyTorch or safetensors.* It is a web page'),
    (write_torchscript, 'is no checkpoint.* It is a TorchScript archive, which holds a program: '
        'take the weights of this network as a state dict, e.g. in safetensors'),
    (write_lfs_pointer, 'is no checkpoint of PyTorch or safetensors.* a pointer of Git LFS'),
    (write_json, 'is no checkpoint of PyTorch or safetensors.* It is JSON, which holds no weights'),
    (write_other_zip, 'is no checkpoint.* It is an ordinary zip archive, of readme.txt: unpack it'),
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


@pytest.mark.parametrize('zipped, share', [
    (False, 1.), (True, 0.3)])  # of an archive, the directory
def test_read_checkpoint__damaged_bytes_raise_nothing_else(tmp_path, zipped, share):
    path = tmp_path / 'damaged.pth'
    torch.save({'state_dict': {'w': torch.ones(2)}, 'meta': dict(epoch=1, names=['a', ('b', )])},
               path, _use_new_zipfile_serialization=zipped)
    content, random = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        damaged[-1 - random.integers(int(share * len(damaged)))] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_checkpoint(str(path))
        except CheckpointError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('name', HARMS)
def test_read_checkpoint__pickled_calls_are_not_made(tmp_path, name, zipped):
    mark, path = tmp_path / 'mark', tmp_path / 'harm.pth'
    torch.save({**checkpoint(), 'harm': HARMS[name](mark)}, path,
               _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match='cannot be read safely: to unpickle it is to call'):
        read_checkpoint(str(path))
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


@pytest.mark.parametrize('zipped', [True, False])
def test_read_checkpoint__foreign_dict_is_no_hindrance(tmp_path, zipped):
    path = tmp_path / 'settings.pth'
    settings = Settings(lr=1.)
    settings.frozen = True
    torch.save({**checkpoint(), 'config': settings}, path, _use_new_zipfile_serialization=zipped)
    content = read_checkpoint(str(path))
    assert not isinstance(content['config'], Settings)
    assert content['config'] == dict(lr=1.) or torch.__version__ < '2.6'  # then it is empty


@pytest.mark.parametrize('write, cause', [
    (write_truncated, 'begins as a checkpoint of PyTorch, and its end is missing'),
    (write_truncated_legacy, r'or a truncated or damaged one \(\w+\)\.$')])
def test_read_checkpoint__truncated_file_gets_no_other_cause(tmp_path, write, cause):
    """It is neither a web page, nor a program, nor an archive to unpack."""
    path = tmp_path / 'bad.pth'
    write(path)
    with pytest.raises(CheckpointError, match=cause):
        read_checkpoint(str(path))


def test_read_checkpoint__safetensors(tmp_path):
    state = {'a.weight': torch.arange(6.).reshape(2, 3), 'a.bias': torch.ones(2).half(),
             'index': torch.arange(4)}
    save_file(state, tmp_path / 'a.safetensors', metadata=dict(format='pt'))
    content = read_checkpoint(str(tmp_path / 'a.safetensors'))
    assert content.keys() == state.keys()
    for key, value in content.items():
        assert torch.equal(value, state[key]) and value.dtype == state[key].dtype


@pytest.mark.parametrize('name', ['a.pth', 'a.bin', 'a.ckpt', 'a'])
def test_read_checkpoint__safetensors_under_another_ending(tmp_path, name):
    save_file({'a.weight': torch.ones(50, 60)}, tmp_path / name)
    assert read_checkpoint(str(tmp_path / name))['a.weight'].shape == (50, 60)


@pytest.mark.parametrize('zipped', [True, False])
def test_read_checkpoint__pytorchs_file_under_the_ending_of_safetensors(tmp_path, zipped):
    path = tmp_path / 'a.safetensors'
    torch.save(checkpoint(), path, _use_new_zipfile_serialization=zipped)
    assert torch.equal(read_checkpoint(str(path))['state_dict']['layer.weight'],
                       checkpoint()['state_dict']['layer.weight'])


def test_read_checkpoint__safetensors_of_a_type_that_torch_lacks(tmp_path):
    header = b'{"a":{"dtype":"F3","shape":[1],"data_offsets":[0,1]}}'
    (tmp_path / 'a.safetensors').write_bytes(len(header).to_bytes(8, 'little') + header + b'\0')
    with pytest.raises(CheckpointError, match='is no checkpoint of PyTorch or safetensors'):
        read_checkpoint(str(tmp_path / 'a.safetensors'))


@pytest.mark.parametrize('length', [0, 4, 8, 60, -1])
def test_read_checkpoint__truncated_safetensors(tmp_path, length):
    path = tmp_path / 'a.safetensors'
    save_file({'a.weight': torch.ones(50, 60)}, path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=f'{path} .*{path.stat().st_size} bytes.*truncated'):
        read_checkpoint(str(path))


@pytest.mark.parametrize('write', [write_html, write_other_zip, write_plain_pickle])
def test_read_checkpoint__other_files_named_safetensors(tmp_path, write):
    path = tmp_path / 'a.safetensors'
    write(path)
    with pytest.raises(CheckpointError, match='is no checkpoint of PyTorch or safetensors'):
        read_checkpoint(str(path))


def test_read_checkpoint__pickled_calls_named_safetensors_are_not_made(tmp_path):
    mark, path = tmp_path / 'mark', tmp_path / 'harm.safetensors'
    torch.save({**checkpoint(), 'harm': HARMS['os.system'](mark)}, path)
    with pytest.raises(CheckpointError):
        read_checkpoint(str(path))
    assert not mark.exists()


@pytest.mark.parametrize('zipped', [True, False])
def test_read_checkpoint__yacs_config_and_numpy_1_scalar(tmp_path, monkeypatch, zipped):
    """What MoBY, SimMIM and Swin pickle; neither yacs nor that NumPy need be installed."""
    path = tmp_path / 'moby.pth'
    config = CfgNode(dict(TYPE='moby', BASE=[''], SWIN=dict(DEPTHS=[2, 2, 6, 2], SCALE=None)))
    content = dict(model=checkpoint()['state_dict'], config=config, epoch=299,
                   max_accuracy=NumpyOneFloat(81.5))
    with stand_in('yacs.config', CfgNode=CfgNode), \
            stand_in('numpy.core.multiarray', scalar=scalar):
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
    for module in ('yacs', 'yacs.config'):
        monkeypatch.setitem(sys.modules, module, None)  # import yacs fails
    read = read_checkpoint(str(path))
    assert torch.equal(read['model']['layer.weight'], content['model']['layer.weight'])
    assert read['epoch'] == 299 and not isinstance(read['max_accuracy'], float)
    assert not isinstance(read['config'], CfgNode)
    assert torch.__version__ < '2.6' or read['config'] == dict(  # before, it is empty
        TYPE='moby', BASE=[''], SWIN=dict(DEPTHS=[2, 2, 6, 2], SCALE=None))


@pytest.mark.parametrize('zipped', [True, False])
def test_read_checkpoint__numpy_scalars(tmp_path, zipped):
    path = tmp_path / 'scalars.pth'
    scalars = [np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True)]
    torch.save({**checkpoint(), 'scalars': scalars}, path, _use_new_zipfile_serialization=zipped)
    content = read_checkpoint(str(path))
    assert len(content['scalars']) == 4
    assert torch.equal(content['state_dict']['layer.weight'],
                       checkpoint()['state_dict']['layer.weight'])
