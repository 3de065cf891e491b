"""The authors' own code: how each loader wants a file, and the command that takes it.

Sources: utils.py of Swin-Transformer, SimMIM and Transformer-SSL (MoBY); main.py of deit;
main_finetune.py of mae; main_lincls.py of moco-v3; utils.py and eval_knn.py of dino and ibot.
"""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Dict, Mapping

import torch

from .architecture import Architecture, SwinArchitecture, ViTArchitecture
from .backbone_file import torch_file
from .libraries import ByFamily
from .namings import Naming, OfficialSwin, OfficialViT, StateDict
from .target import Files, Target

SWIN_T = SwinArchitecture(width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7, patch=4,
                          mlp_ratio=4.)
SWIN_S = replace(SWIN_T, depths=(2, 2, 18, 2))
SWIN_B = replace(SWIN_S, width=128, heads=(4, 8, 16, 32))
VIT_S = ViTArchitecture(width=384, depth=12, heads=6, hidden=1536, image_size=224, patch=16)
VIT_TI = replace(VIT_S, width=192, heads=3, hidden=768)
VIT_B = replace(VIT_S, width=768, heads=12, hidden=3072)
VIT_L = replace(VIT_B, width=1024, depth=24, heads=16, hidden=4096)


@dataclass(frozen=True)
class CodeBase(Target):
    """One repository.

    Attributes:
        name: what it is called.
        command: its command, run in its folder; ``{out}`` is the file.
        wrapper: where its loader looks for the tensors.
        prefix: before all their names.
        empty_head: whether it fails on a file without a classifier. One of no classes makes it do
            what it does for any other number of classes: begin with a classifier of zeros.
    """

    name: str
    command: str
    wrapper: str = 'model'
    prefix: str = ''
    empty_head: bool = False

    def files(self, out: Path, state: StateDict, architecture: Architecture) -> Files:
        state = {self.prefix + key: value for key, value in state.items()}
        if self.empty_head:
            state['head.weight'] = torch.zeros(0, len(state['norm.weight']))
            state['head.bias'] = torch.zeros(0)
        return {out: torch_file({self.wrapper: state})}


@dataclass(frozen=True)
class SwinCode(CodeBase):
    """Swin's code and what descends from it: its options describe any Swin.

    Attributes:
        standard: what the config file of ``command`` describes.
    """

    standard: SwinArchitecture = SWIN_T
    namings: ClassVar[Dict[str, Naming]] = dict(Swin=OfficialSwin())

    def network(self, architecture: SwinArchitecture) -> Dict[str, object]:
        a = architecture
        return {'DATA.IMG_SIZE': a.image_size, 'MODEL.SWIN.PATCH_SIZE': a.patch,
                'MODEL.SWIN.EMBED_DIM': a.width, 'MODEL.SWIN.DEPTHS': list(a.depths),
                'MODEL.SWIN.NUM_HEADS': list(a.heads), 'MODEL.SWIN.WINDOW_SIZE': a.window,
                'MODEL.SWIN.MLP_RATIO': a.mlp_ratio}

    def usage(self, out: Path, architecture: SwinArchitecture) -> str:
        standard = self.network(self.standard)
        options = [f'{key} {shlex.quote(str(value).replace(" ", ""))}'
                   for key, value in self.network(architecture).items() if value != standard[key]]
        command = self.command.format(out=shlex.quote(str(out.absolute())))
        return ' '.join([command, *(['--opts'] if options else []), *options])


@dataclass(frozen=True)
class NamedNetworks(CodeBase):
    """Code whose networks have names, and are built whatever the file holds.

    Attributes:
        networks: {name: what the code builds under it}, of one family; ``command`` takes
            ``{name}`` and the arguments of ``network``.
        defined_in: the file of the code that has them.
    """

    networks: Mapping[str, Architecture] = None
    defined_in: str = ''

    @property
    def namings(self) -> Dict[str, Naming]:
        swin = isinstance(next(iter(self.networks.values())), SwinArchitecture)
        return dict(Swin=OfficialSwin()) if swin else dict(ViT=OfficialViT())

    def network(self, architecture: Architecture) -> Dict[str, object]:
        """Arguments that build it."""
        a = architecture
        arguments = dict(img_size=a.image_size, patch_size=a.patch, embed_dim=a.width)
        if isinstance(a, SwinArchitecture):
            return dict(arguments, depths=a.depths, num_heads=a.heads, window_size=a.window,
                        mlp_ratio=a.mlp_ratio)
        return dict(arguments, depth=a.depth, num_heads=a.heads, mlp_ratio=a.hidden / a.width)

    def changes(self, name: str, architecture: Architecture) -> Dict[str, object]:
        """Arguments in which the network differs from the one of that name, and no option sets."""
        own = self.network(self.networks[name])
        return {key: value for key, value in self.network(architecture).items()
                if value != own[key] and f'--{key}' not in self.command}

    def nearest(self, architecture: Architecture) -> str:
        """The name of the network that needs the fewest changes."""
        return min(self.networks, key=lambda name: len(self.changes(name, architecture)))

    def usage(self, out: Path, architecture: Architecture) -> str:
        return self.command.format(name=self.nearest(architecture),
                                   out=shlex.quote(str(out.absolute())),
                                   **self.network(architecture))

    def caution(self, architecture: Architecture) -> str:
        name = self.nearest(architecture)
        changes = ', '.join(f'{key}={value}'
                            for key, value in self.changes(name, architecture).items())
        return changes and (
            f'Set {changes} for {name} in {self.defined_in} of {self.name} first: its code builds '
            'its own network, whatever the file holds, and loads what fits without a word.')


LAUNCH = 'python -m torch.distributed.launch --nproc_per_node 8 '
IMAGENET = ' --data-path IMAGENET'


def moby(config: str, name: str) -> str:
    """MoBY's linear evaluation takes the checkpoint of its own run, by its place."""
    folder = f'output/{name}__odpr02_tdpr0_cm099_ct02_queue4096_proj2_pred2/export'
    return (f'mkdir -p {folder} && cp {{out}} {folder}/checkpoint.pth && {LAUNCH}moby_linear.py '
            f'--cfg configs/{config}.yaml --tag export{IMAGENET}')


def knn(script: str, size: str) -> str:
    return (f'{script} --arch {{name}} {size} --pretrained_weights {{out}} --checkpoint_key model '
            '--data_path IMAGENET')


PATCH, WINDOW = '--patch_size {patch_size}', '--window_size {window_size}'
IBOT = 'PYTHONPATH=. python evaluation/eval_knn.py'
VIT_NAMES = dict(vit_tiny=VIT_TI, vit_small=VIT_S, vit_base=VIT_B)
SWIN = SwinCode(
    'Swin-Transformer', f'{LAUNCH}main.py --cfg configs/swin/swin_tiny_patch4_window7_224.yaml'
    f'{IMAGENET} --pretrained {{out}}', empty_head=True)
DEIT = NamedNetworks(
    'deit', 'python main.py --model {name} --finetune {out}' + IMAGENET,
    networks=dict(deit_tiny_patch16_224=VIT_TI, deit_small_patch16_224=VIT_S,
                  deit_base_patch16_224=VIT_B), defined_in='models.py')
CODE = {
    'official': ByFamily(SWIN, DEIT),
    'official-swin': SWIN,
    'official-simmim': SwinCode(
        'SimMIM', f'{LAUNCH}main_finetune.py --cfg configs/swin_base__100ep/simmim_finetune__'
        f'swin_base__img224_window7__100ep.yaml{IMAGENET} --pretrained {{out}}', standard=SWIN_B),
    'official-moby': ByFamily(
        SwinCode('Transformer-SSL', moby('moby_swin_tiny', 'moby__swin_tiny__patch4_window7_224'),
                 prefix='encoder.'),
        NamedNetworks('Transformer-SSL', moby('moby_deit_small', 'moby__deit_small'),
                      prefix='encoder.', networks=dict(deit_small=VIT_S),
                      defined_in='models/build.py')),
    'official-deit': DEIT,
    'official-mae': NamedNetworks(
        'mae', 'python main_finetune.py --model {name} --finetune {out} --data_path IMAGENET',
        networks=dict(vit_base_patch16=VIT_B, vit_large_patch16=VIT_L),
        defined_in='models_vit.py'),
    'official-moco-v3': NamedNetworks(
        'moco-v3', 'python main_lincls.py -a {name} --pretrained {out} --dist-url '
        'tcp://localhost:10001 --multiprocessing-distributed --world-size 1 --rank 0 IMAGENET',
        wrapper='state_dict', prefix='module.base_encoder.',
        networks=dict(vit_small=replace(VIT_S, heads=12), vit_base=VIT_B), defined_in='vits.py'),
    'official-dino': NamedNetworks(
        'dino', knn('python eval_knn.py', PATCH), networks=VIT_NAMES,
        defined_in='vision_transformer.py'),
    'official-ibot': ByFamily(
        NamedNetworks('ibot', knn(IBOT, WINDOW), defined_in='models/swin_transformer.py',
                      networks=dict(swin_tiny=SWIN_T, swin_small=SWIN_S, swin_base=SWIN_B)),
        NamedNetworks('ibot', knn(IBOT, PATCH), defined_in='models/vision_transformer.py',
                      networks=VIT_NAMES)),
}
