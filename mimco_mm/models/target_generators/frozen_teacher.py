from typing import Dict, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.dist import is_main_process
from mmengine.model import BaseModule
from mmpretrain.registry import MODELS
from torch import nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd

from ...checkpoints import LoadReport, load_backbone, told_of
from ...errors import ConfigError
from ..acceleration import accelerate, as_they_are
from .probing import Spread, check_matrices, made_images, side_of, spread_of

KEY = 'model.target_generator.checkpoint'
DTYPES = {None: None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


@MODELS.register_module()
class FrozenTeacher(BaseModule):
    """The contrastive teacher f' of Algorithm 1: eval mode for good, no gradient, never saved.

    The network is kept out of this module's children on purpose. So ``train()`` does not reach it,
    the optimizer and the distributed wrapper do not see it, and it is not in ``state_dict()``: a
    checkpoint holds the student alone, and resuming reads the teacher from its own file again.

    Args:
        backbone: config of any backbone whose last output is a feature map (B, C, H, W). Its
            architecture must be the checkpoint's. ``out_indices`` of it choose an intermediate
            block.
        checkpoint: path or URL of the teacher's checkpoint, in any known format. It is read by
            ``init_weights``, which a Runner calls before the first step, and must cover the
            backbone tensor by tensor.
        sha256: what the checkpoint's sha256 must begin with, if it is known.
        if_missing: what the error is to say where there is no such file, e.g. how to make it.
        fresh: prefixes of tensors that the checkpoint need not have, see ``load_backbone``.
        input_size: side in px to which images are resized for the teacher, so that another patch
            size gives the student's patch grid: 196 for patches of 14 px against 16 px of 224.
        input_norm: ``dict(mean=..., std=...)`` of the teacher's own input normalisation, in RGB of
            0 to 255; by default images come as they are normalised for the student.
        layer_norm_targets: normalise each feature vector to mean 0 and variance 1, without
            weights (Feature Distillation, MaskDistill).
        dtype: 'bfloat16' or 'float16' for a teacher kept and computed in it; by default weights are
            float32 and autocast decides. Features come in the precision of ``x`` again.
        timm: 'NAME' or 'NAME=FILE', a model of timm in place of ``backbone`` and ``checkpoint``.
            Where a run's config is read, ``fit_named_teacher`` puts all that it stands for in its
            place.
        hf: 'OWNER/MODEL' of the Hugging Face hub or a folder of its, likewise.
    """

    def __init__(self,
                 backbone: Optional[dict] = None,
                 checkpoint: Optional[str] = None,
                 sha256: Optional[str] = None,
                 if_missing: str = '',
                 fresh: Sequence[str] = (),
                 input_size: Optional[int] = None,
                 input_norm: Optional[dict] = None,
                 layer_norm_targets: bool = False,
                 dtype: Optional[str] = None,
                 timm: Optional[str] = None,
                 hf: Optional[str] = None) -> None:
        super().__init__()
        if timm or hf:
            raise ConfigError('A teacher by name (`model.target_generator.timm` or `.hf`) is to be '
                              'fitted to its student first: call mimco_mm.models.target_generators.'
                              'fit_named_teacher(cfg.model, cfg.data_preprocessor).')
        if backbone is None or checkpoint is None:
            raise ConfigError('A teacher needs `model.target_generator.backbone` and '
                              '`.checkpoint`, or a name: `.timm` or `.hf`.')
        self.hidden_networks = (MODELS.build(backbone), )
        self.checkpoint = checkpoint
        self.sha256 = sha256
        self.if_missing = if_missing
        self.fresh = tuple(fresh)
        self.input_size = input_size
        self.input_norm = input_norm
        self.layer_norm_targets = layer_norm_targets
        if dtype not in DTYPES:
            raise ConfigError('`model.target_generator.dtype` must be one of '
                              f'{", ".join(map(repr, DTYPES))}, got {dtype!r}.')
        self.dtype = DTYPES[dtype]
        self.report: Optional[LoadReport] = None
        self.spread: Optional[Spread] = None  # of rank 0
        self.map_shape: Optional[torch.Size] = None  # (C, H, W), likewise
        self.cast: Optional[Tuple[torch.dtype, Dict[str, torch.Tensor]]] = None
        self.register_buffer('scale', None, persistent=False)
        self.register_buffer('shift', None, persistent=False)

    @property
    def network(self) -> nn.Module:
        return self.hidden_networks[0]

    def set_student_norm(self, data_preprocessor: nn.Module) -> None:
        """Tell how images are normalised for the student: by ``mean`` and ``std``, if at all."""
        if self.input_norm is not None:
            mean, std = (torch.tensor(self.input_norm[key]).view(-1, 1, 1)
                         for key in ('mean', 'std'))
            student_mean = getattr(data_preprocessor, 'mean', torch.zeros(3, 1, 1))
            self.scale = getattr(data_preprocessor, 'std', torch.ones(3, 1, 1)) / std
            self.shift = (student_mean - mean) / std

    def init_weights(self) -> None:
        """Load the checkpoint, once, and let rank 0 see whether its features tell images apart.

        Raises:
            CheckpointError: it is missing, unreadable, of another architecture, or not finite; its
                features are not, or are the same whatever the image.
        """
        if self.report is None:
            self.network.init_weights()  # computes the fixed tensors that the file must agree with
            self.report = load_backbone(
                self.network, self.checkpoint, config_key=KEY,
                sha256=self.sha256, if_missing=self.if_missing, fresh=self.fresh)
            with told_of(self.network, self.checkpoint, KEY):
                check_matrices(self.network)
            self.network.requires_grad_(False)
            self.network.eval()
            if self.dtype is not None:
                accelerate(self.network).to(self.dtype)  # mmpretrain's Swin mixes in float32
            if is_main_process():
                self.spread = self.probe()

    @torch.no_grad()
    def probe(self) -> Spread:
        """How its features spread, of images that are made for it; no random number is drawn."""
        images = made_images(self.input_size or side_of(self.network))
        with told_of(self.network, self.checkpoint, KEY), as_they_are():
            features = self.features(images.to(next(self.network.parameters()).device))
            self.map_shape = features.shape[1:]
            return spread_of(features)

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The teacher's features (B, C, H, W) of unmasked images (B, 3, h, w)."""
        if self.report is None:
            raise RuntimeError('The teacher has not been loaded yet: call `init_weights()` of the '
                               'model first. A Runner does so before it trains.')
        z_k = self.features(self.as_input(x))
        if self.layer_norm_targets:
            z_k = F.layer_norm(z_k.movedim(1, -1), z_k.shape[1:2]).movedim(-1, 1)
        return z_k

    def told(self) -> str:
        """Which network this is, how it sees images, and what map it gives, in words."""
        name = getattr(self.network, 'model_name', '')
        size = f'{self.input_size} px' if self.input_size else "the student's size"
        norm = ("the student's normalisation" if self.input_norm is None else ', '.join(
            f'{key} ({", ".join(f"{one:.4g}" for one in self.input_norm[key])})'
            for key in ('mean', 'std')))
        width, *grid = self.map_shape
        return (f'{type(self.network).__name__} {name}'.rstrip() + f': sees images in {size}, '
                f'{norm}; gives {" x ".join(map(str, grid))} patches, {width} wide')

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The network's last map of images as it knows them."""
        if self.dtype is None:
            if not torch.is_autocast_enabled(x.device.type):
                return self.network(x)[-1]
            weights = self.cast_weights(torch.get_autocast_dtype(x.device.type))
            return functional_call(self.network, weights, (x, ))[-1]
        with torch.autocast(x.device.type, enabled=False):
            return self.network(x.to(self.dtype))[-1].to(x.dtype)

    def cast_weights(self, dtype: torch.dtype) -> Dict[str, torch.Tensor]:
        """The weights that autocast would cast in every forward, cast once."""
        if self.cast is None or self.cast[0] is not dtype:
            weights = {f'{prefix}.{name}'.lstrip('.'): weight
                       for prefix, layer in self.network.named_modules()
                       if isinstance(layer, (nn.Linear, _ConvNd))
                       for name, weight in layer.named_parameters(recurse=False)}
            self.cast = dtype, {name: weight.to(dtype) for name, weight in weights.items()
                                if weight.dtype is not torch.float64}
        return self.cast[1]

    def as_input(self, x: torch.Tensor) -> torch.Tensor:
        """Images as the teacher knows them: in its own normalisation and size."""
        if self.input_norm is not None:
            if self.scale is None:
                raise RuntimeError('`input_norm` is set, but not how images are normalised for '
                                   'the student: call `set_student_norm` first, as MimCo does.')
            x = x * self.scale + self.shift
        if self.input_size is not None:
            x = F.interpolate(x, (self.input_size, ) * 2, mode='bicubic', antialias=True)
        return x

    def _apply(self, fn, *args, **kwargs):
        """Let ``to()``, ``cuda()`` and ``half()`` reach the hidden network as well."""
        self.cast = None
        self.network._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)
