"""The libraries that exports are for."""

from pathlib import Path

from .architecture import Architecture, SwinArchitecture, ViTArchitecture
from .backbone_file import backbone_file, torch_file
from .hub_folders import Timm, Transformers
from .namings import MMPretrainSwin, MMPretrainViT, MMSegViT, StateDict
from .networks import network_config, own_swin_config, own_vit_config
from .target import Files, Target


class MMPretrain(Target):
    """mmpretrain's own networks."""

    namings = dict(Swin=MMPretrainSwin(), ViT=MMPretrainViT())
    prefix = 'backbone.'

    def network(self, architecture: Architecture) -> dict:
        return network_config(architecture)

    def files(self, out: Path, state: StateDict, architecture: Architecture) -> Files:
        heads = architecture.heads if isinstance(architecture, ViTArchitecture) else None
        return {out: backbone_file(state, heads)}

    def usage(self, out: Path, architecture: Architecture) -> str:
        init_cfg = dict(type='Pretrained', checkpoint=str(out), prefix=self.prefix)
        if not self.prefix:
            del init_cfg['prefix']
        return f'backbone={as_call({**self.network(architecture), "init_cfg": init_cfg})}'


class OwnSwin(MMPretrain):
    """mmdet's and mmseg's own Swin."""

    def network(self, architecture: SwinArchitecture) -> dict:
        return own_swin_config(architecture)

    def caution(self, architecture: SwinArchitecture) -> str:
        return (f"This Swin shifts the windows of a map that is one window, as Swin's detection "
                f'code does and pre-training does not: of images of {architecture.image_size} px '
                'the last map differs, of larger ones none does.')


class MMPretrainViTElsewhere(MMPretrain):
    """mmpretrain's ViT in another library's configs."""

    def network(self, architecture: ViTArchitecture) -> dict:
        config = network_config(architecture)
        return {**config, 'type': f'mmpretrain.{config["type"]}'}


class OwnViT(MMPretrain):
    """mmseg's own ViT reads names without a prefix."""

    namings = dict(ViT=MMSegViT())
    prefix = ''

    def network(self, architecture: ViTArchitecture) -> dict:
        return own_vit_config(architecture)

    def files(self, out: Path, state: StateDict, architecture: ViTArchitecture) -> Files:
        return {out: torch_file(dict(state_dict=state))}


class ByFamily(Target):
    """One target for Swin, another for ViT."""

    def __init__(self, swin: Target, vit: Target) -> None:
        self.swin, self.vit = swin, vit
        self.namings = dict(Swin=swin.namings['Swin'], ViT=vit.namings['ViT'])

    def of(self, architecture: Architecture) -> Target:
        return self.swin if isinstance(architecture, SwinArchitecture) else self.vit

    def network(self, architecture: Architecture) -> object:
        return self.of(architecture).network(architecture)

    def files(self, out: Path, state: StateDict, architecture: Architecture) -> Files:
        return self.of(architecture).files(out, state, architecture)

    def usage(self, out: Path, architecture: Architecture) -> str:
        return self.of(architecture).usage(out, architecture)

    def caution(self, architecture: Architecture) -> str:
        return self.of(architecture).caution(architecture)


def as_call(config: dict) -> str:
    """A config as it is written in Python: ``dict(type='SwinTransformer', ...)``."""
    items = (f'{key}={as_call(value) if isinstance(value, dict) else repr(value)}'
             for key, value in config.items())
    return f'dict({", ".join(items)})'


LIBRARIES = dict(
    mmpretrain=MMPretrain(),
    mmdet=ByFamily(OwnSwin(), MMPretrainViTElsewhere()),
    mmseg=ByFamily(OwnSwin(), OwnViT()),
    timm=Timm(),
    transformers=Transformers(),
)
