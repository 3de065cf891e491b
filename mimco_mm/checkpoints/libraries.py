"""The libraries that exports are for."""

import json
from pathlib import Path

from .architecture import Architecture, SwinArchitecture, ViTArchitecture
from .backbone_file import safetensors_file, save_backbone, size_of, torch_file
from .errors import CheckpointError
from .namings import (
    MMPretrainSwin,
    MMPretrainViT,
    MMSegViT,
    StateDict,
    TimmSwin,
    TimmViT,
    TransformersSwin,
    TransformersViT,
)
from .networks import (
    network_config,
    own_swin_config,
    own_vit_config,
    timm_call,
    transformers_config,
)
from .target import Target
from .writing import write_whole


class MMPretrain(Target):
    """mmpretrain's own networks."""

    namings = dict(Swin=MMPretrainSwin(), ViT=MMPretrainViT())
    prefix = 'backbone.'

    def network(self, architecture: Architecture) -> dict:
        return network_config(architecture)

    def save(self, out: Path, state: StateDict, architecture: Architecture) -> None:
        self.check_ending(out)
        heads = architecture.heads if isinstance(architecture, ViTArchitecture) else None
        save_backbone(out, state, heads)

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

    def save(self, out: Path, state: StateDict, architecture: ViTArchitecture) -> None:
        self.check_ending(out)
        write_whole({out: torch_file(dict(state_dict=state))}, size_of(state))


class ByFamily(Target):
    """One target for Swin, another for ViT."""

    def __init__(self, swin: Target, vit: Target) -> None:
        self.swin, self.vit = swin, vit
        self.namings = dict(Swin=swin.namings['Swin'], ViT=vit.namings['ViT'])

    def of(self, architecture: Architecture) -> Target:
        return self.swin if isinstance(architecture, SwinArchitecture) else self.vit

    def network(self, architecture: Architecture) -> object:
        return self.of(architecture).network(architecture)

    def save(self, out: Path, state: StateDict, architecture: Architecture) -> None:
        self.of(architecture).save(out, state, architecture)

    def usage(self, out: Path, architecture: Architecture) -> str:
        return self.of(architecture).usage(out, architecture)

    def caution(self, architecture: Architecture) -> str:
        return self.of(architecture).caution(architecture)


class Timm(Target):

    namings = dict(Swin=TimmSwin(), ViT=TimmViT())

    def network(self, architecture: Architecture) -> str:
        return timm_call(architecture, '')

    def check_ending(self, out: Path) -> None:
        if out.suffix != '.safetensors':
            raise CheckpointError('timm reads without unpickling only what ends in .safetensors: '
                                  f'give {out.with_suffix(".safetensors")} in place of {out}.')

    def save(self, out: Path, state: StateDict, architecture: Architecture) -> None:
        self.check_ending(out)
        write_whole({out: safetensors_file(state)}, size_of(state))

    def usage(self, out: Path, architecture: Architecture) -> str:
        return timm_call(architecture, str(out))


class Transformers(Target):
    """A folder, with the image processor of our runs."""

    namings = dict(Swin=TransformersSwin(), ViT=TransformersViT())

    def network(self, architecture: Architecture) -> dict:
        return transformers_config(architecture)

    def check_ending(self, out: Path) -> None:
        """A folder may have any name."""

    def save(self, out: Path, state: StateDict, architecture: Architecture) -> None:
        config = self.network(architecture)
        image = dict(
            image_processor_type='ViTImageProcessor', do_resize=True, do_rescale=True,
            do_normalize=True, size=dict(height=config['image_size'], width=config['image_size']),
            resample=3, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
        write_whole({
            out / 'model.safetensors': safetensors_file(state),
            out / 'config.json': json_file(config),
            out / 'preprocessor_config.json': json_file(image),
        }, size_of(state))

    def usage(self, out: Path, architecture: Architecture) -> str:
        return f'transformers.AutoModel.from_pretrained({str(out)!r}, add_pooling_layer=False)'


def json_file(content: dict):
    return lambda path: path.write_text(json.dumps(content, indent=2) + '\n')


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
