"""timm and transformers: folders that their loaders take from a disk or the Hugging Face hub."""

import json
from pathlib import Path
from typing import Callable

from .architecture import Architecture, SwinArchitecture
from .backbone_file import safetensors_file
from .errors import CheckpointError
from .folders import CONFIG, WEIGHTS
from .hub import PREPROCESSOR
from .image_preparation import transformers_processor
from .namings import StateDict, TimmSwin, TimmViT, TransformersSwin, TransformersViT
from .networks import transformers_config
from .target import Files, Target
from .timm_network import timm_call, timm_config
from .writing import text_file

TORCH_ENDINGS = ('.pth', '.pt', '.bin', '.ckpt', '.tar')


class Timm(Target):
    """A file, for ``checkpoint_path``, or a folder with the preparation of images."""

    namings = dict(Swin=TimmSwin(), ViT=TimmViT())
    hub_library = 'timm'

    def network(self, architecture: Architecture) -> str:
        return timm_call(architecture, '')

    def check_ending(self, out: Path) -> None:
        if out.suffix in TORCH_ENDINGS:
            raise CheckpointError('timm reads without unpickling only what ends in .safetensors: '
                                  f'give {out.with_suffix(".safetensors")} in place of {out}, or '
                                  f'a folder, {out.with_suffix("")}.')

    def is_folder(self, out: Path) -> bool:
        return out.suffix != '.safetensors'

    def files(self, out: Path, state: StateDict, architecture: Architecture) -> Files:
        if not self.is_folder(out):
            return {out: safetensors_file(state)}
        return {out / WEIGHTS[0]: safetensors_file(state),
                out / CONFIG: json_file(timm_config(architecture))}

    def usage(self, out: Path, architecture: Architecture) -> str:
        if not self.is_folder(out):
            return timm_call(architecture, str(out))
        return f'timm.create_model({f"local-dir:{out}"!r}, pretrained=True)'

    def hub_usage(self, architecture: Architecture) -> str:
        side, channels = architecture.image_size, architecture.channels
        return f'''\
import timm
import torch
from PIL import Image

name = 'hf-hub:OWNER/NAME'  # or 'local-dir:FOLDER'
model = timm.create_model(name, pretrained=True).eval()
prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
image = prepare(Image.open('image.jpg').convert('RGB'))[None]  # (1, 3, {side}, {side})
with torch.no_grad():
    feature = model(image)  # (1, {channels}), the mean of the last map
'''


class Transformers(Target):
    """A folder, with the preparation of images."""

    namings = dict(Swin=TransformersSwin(), ViT=TransformersViT())
    hub_library = 'transformers'

    def network(self, architecture: Architecture) -> dict:
        return transformers_config(architecture)

    def check_ending(self, out: Path) -> None:
        """A folder may have any name."""

    def is_folder(self, out: Path) -> bool:
        return True

    def files(self, out: Path, state: StateDict, architecture: Architecture) -> Files:
        return {
            out / WEIGHTS[0]: safetensors_file(state),
            out / CONFIG: json_file(self.network(architecture)),
            out / PREPROCESSOR: json_file(transformers_processor(architecture.image_size)),
        }

    def usage(self, out: Path, architecture: Architecture) -> str:
        return f'transformers.AutoModel.from_pretrained({str(out)!r}, add_pooling_layer=False)'

    def hub_usage(self, architecture: Architecture) -> str:
        side, channels = architecture.image_size, architecture.channels
        is_swin = isinstance(architecture, SwinArchitecture)
        patches = '  # of' if is_swin else '[:, 1:]  # less the class token, of'
        return f'''\
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

name = 'OWNER/NAME'  # or the path of this folder
processor = AutoImageProcessor.from_pretrained(name)
model = AutoModel.from_pretrained(name, add_pooling_layer=False).eval()
image = processor(Image.open('image.jpg'), return_tensors='pt')  # (1, 3, {side}, {side})
with torch.no_grad():
    tokens = model(**image).last_hidden_state{patches} the last map
feature = tokens.mean(1)  # (1, {channels})
'''


def json_file(content: dict) -> Callable[[Path], None]:
    return text_file(json.dumps(content, indent=2) + '\n')
