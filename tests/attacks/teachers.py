"""Teachers of every naming, type and damage: the right ones load whole, the wrong are refused."""

import logging
import zipfile
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional

import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from safetensors.torch import save_file

from mimco_mm.checkpoints.exporting import prepare_export
from mimco_mm.errors import UserError

from .outcome import Outcome

NETWORKS = {
    'Swin': dict(type='SwinTransformer', img_size=64, window_size=2, out_indices=(3, ),
                 arch=dict(embed_dims=16, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8])),
    'ViT': dict(type='MoCoV3ViT', img_size=64, patch_size=16, out_type='featmap',
                arch=dict(embed_dims=64, num_layers=2, num_heads=4, feedforward_channels=256)),
}
CLOSE = 1e-4  # of features of order 1; 16-bit files have their own
State = Dict[str, torch.Tensor]


def run(folder: Path) -> Iterator[Outcome]:
    """Load right and wrong teachers of a Swin and of a ViT."""
    init_default_scope('mmpretrain')
    MMLogger.get_instance('attacks').setLevel(logging.ERROR)  # no line for each tensor
    for name, config in NETWORKS.items():
        home = folder / name
        home.mkdir(parents=True)
        torch.manual_seed(0)
        network = MODELS.build(config)
        network.init_weights()
        images = torch.randn(2, 3, 64, 64)
        network.eval()
        wanted = network(images)[-1].detach()
        for kind, files, accepted in (('right teacher', RIGHT, True),
                                      ('wrong teacher', WRONG, False)):
            for number, (what, write) in enumerate(files.items()):
                file = write(network.state_dict(), home / f'{kind[0]}{number}.pth')
                if file is None:
                    continue  # no such file of this network
                teacher = MODELS.build(dict(type='FrozenTeacher', backbone=config,
                                            checkpoint=str(file)))
                told = load(teacher)
                survived = told.startswith('refused')
                if accepted:
                    survived = told == 'loaded' and close(teacher(images), wanted, what)
                    told = 'loaded, features equal' if survived else f'{told}, features differ'
                yield Outcome(f'{kind} of a {name}', what, survived, told)


def load(teacher) -> str:
    try:
        teacher.init_weights()
    except UserError:
        return 'refused in words'
    except Exception as error:
        return f'{type(error).__name__}: {str(error)[:80]}'
    return 'loaded'


def close(found, wanted: torch.Tensor, what: str) -> bool:
    found = found[-1] if isinstance(found, (tuple, list)) else found
    limit = 0.05 if 'float16' in what else CLOSE
    return found.shape == wanted.shape and bool((found.float() - wanted).abs().max() < limit)


def saved(change: Callable[[State], Optional[dict]]) -> Callable:
    """Writes with torch what ``change`` makes of a network's weights."""

    def write(state: State, file: Path) -> Optional[Path]:
        content = change({key: value.clone() for key, value in state.items()})
        if content is None:
            return None
        torch.save(content, file)
        return file

    return write


def renamed(prefix: str) -> Callable[[State], dict]:
    return lambda state: {f'{prefix}{key}': value for key, value in state.items()}


def each(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[State], dict]:
    """Every weight of floating point changed."""
    return lambda state: {key: change(value) if value.is_floating_point() else value
                          for key, value in state.items()}


def one(change: Callable[[torch.Tensor], Optional[torch.Tensor]]) -> Callable[[State], dict]:
    """A weight in the middle of the network changed, or left out."""

    def changed(state: State) -> dict:
        key = [key for key, value in state.items() if value.ndim == 2
               and key.endswith('.weight')][-2]
        value = change(state.pop(key))
        return state if value is None else {**state, key: value}

    return changed


def exported(library: str) -> Callable:
    """As another library, or the authors' code, names the tensors."""

    def write(state: State, file: Path) -> Optional[Path]:
        source = file.with_name(f'of_{file.name}')
        torch.save({'state_dict': {f'backbone.{key}': value for key, value in state.items()}},
                   source)
        try:
            export = prepare_export(str(source), library, heads=4)
        except UserError:
            return None
        torch.save(export.state, file)
        return file

    return write


def in_safetensors(state: State, file: Path) -> Path:
    save_file({key: value.contiguous() for key, value in state.items()},
              file.with_suffix('.safetensors'))
    return file.with_suffix('.safetensors')


def bytes_of(change: Callable[[bytes], bytes]) -> Callable:
    """A right file with other bytes."""

    def write(state: State, file: Path) -> Path:
        torch.save(state, file)
        file.write_bytes(change(file.read_bytes()))
        return file

    return write


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1:]


def zipped(state: State, file: Path) -> Path:
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('weights.txt', 'none')
    return file


def of_the_other(state: State, file: Path) -> Path:
    """The weights of the other kind of network."""
    is_swin = any('stages' in key for key in state)
    other = MODELS.build(NETWORKS['ViT' if is_swin else 'Swin'])
    torch.save(other.state_dict(), file)
    return file


def drop(part: str) -> Callable[[State], dict]:
    return lambda state: {key: value for key, value in state.items() if part not in key}


RIGHT = {
    'bare': saved(lambda state: state),
    'backbone.': saved(renamed('backbone.')),
    'under state_dict': saved(lambda state: {'state_dict': renamed('backbone.')(state)}),
    'under model': saved(lambda state: {'model': state}),
    'module.': saved(renamed('module.')),
    'with a classifier beside': saved(lambda state: {
        **renamed('backbone.')(state), 'head.fc.weight': torch.ones(10, 64)}),
    'with an optimizer beside': saved(lambda state: {
        'state_dict': renamed('backbone.')(state), 'optimizer': {'state': {}}, 'epoch': 3}),
    'float16': saved(each(lambda value: value.half())),
    'bfloat16 (as float16)': saved(each(lambda value: value.bfloat16())),
    'float64': saved(each(lambda value: value.double())),
    'safetensors': in_safetensors,
    'names of timm': exported('timm'),
    'names of transformers': exported('transformers'),
    'names of the official code': exported('official'),
    'old format of torch': lambda state, file: torch.save(
        state, file, _use_new_zipfile_serialization=False) or file,
}
WRONG = {
    'all zeros': saved(each(torch.zeros_like)),
    'all 0.5': saved(each(lambda value: torch.full_like(value, 0.5))),
    'times 1e30': saved(each(lambda value: value * 1e30)),
    'all NaN': saved(each(lambda value: torch.full_like(value, float('nan')))),
    'one NaN': saved(one(lambda value: value.index_fill(0, torch.tensor([0]), float('nan')))),
    'one infinite': saved(one(lambda value: value.index_fill(0, torch.tensor([0]), float('inf')))),
    'one tensor less': saved(one(lambda value: None)),
    'one tensor longer': saved(one(lambda value: torch.cat([value, value]))),
    'one tensor turned': saved(one(lambda value: torch.cat([value, value]).t())),
    'one tensor of integers': saved(one(lambda value: value.long())),
    'one tensor empty': saved(one(lambda value: value[:0])),
    'one tensor on meta': saved(one(lambda value: value.to('meta'))),
    'one tensor complex': saved(one(lambda value: value.to(torch.complex64))),
    'biases less': saved(drop('.bias')),
    'last block less': saved(lambda state: {
        **drop('stages.3')(drop('layers.1')(state))}),
    'names in capitals': saved(lambda state: {key.upper(): v for key, v in state.items()}),
    'names of a stranger': saved(renamed('my_net.trunk_')),
    'a head alone': saved(lambda state: {'head.fc.weight': torch.ones(10, 64)}),
    'the other network': of_the_other,
    'empty dict': saved(lambda state: {}),
    'empty state_dict': saved(lambda state: {'state_dict': {}}),
    'a list': lambda state, file: torch.save(list(state.values()), file) or file,
    'a tensor': lambda state, file: torch.save(torch.ones(3), file) or file,
    'text in place of tensors': saved(lambda state: {key: 'weight' for key in state}),
    'cut in half': bytes_of(lambda content: content[:len(content) // 2]),
    'last byte less': bytes_of(lambda content: content[:-1]),
    'all zero bytes': bytes_of(lambda content: bytes(len(content))),
    'empty file': bytes_of(lambda content: b''),
    'one bit flipped': bytes_of(flipped),
    'a web page': bytes_of(lambda content: b'<!DOCTYPE html><html>404</html>'),
    'JSON': bytes_of(lambda content: b'{"model_type": "swin"}'),
    'a pointer of Git LFS': bytes_of(
        lambda content: b'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    'another zip': zipped,
    'TorchScript': lambda state, file: torch.jit.save(
        torch.jit.script(torch.nn.Linear(2, 2)), file) or file,
    'no file': lambda state, file: file,
    'a folder': lambda state, file: file.mkdir() or file,
}
