import logging
import os
import sys
from datetime import timedelta
from typing import Mapping, Optional, Tuple

import torch
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmpretrain.registry import MODELS
from torch import nn

from ..checkpoints import LoadReport, describe, load_backbone, network_config

PATIENCE = timedelta(days=7)


def join_processes() -> int:
    """Join the other processes, if torchrun started some; returns the rank of this one.

    Features are exchanged on the CPU. One process may write for hours what the others wait for; if
    one ends, the launcher ends all.
    """
    if int(os.environ.get('WORLD_SIZE', 1)) == 1:
        return 0
    if torch.distributed.is_initialized():  # by a program of the user's
        return torch.distributed.get_rank()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
    torch.distributed.init_process_group('gloo', timeout=PATIENCE)
    return torch.distributed.get_rank()


def leave_processes() -> None:
    """Leave the other processes, if it has any; call it when all is written.

    Where gloo binds them, this process ends at once, and well.

    To destroy gloo's group can hang once another rank has left (torch 2.5), and to leave it to the
    interpreter's end aborts at times (torch 2.11).
    """
    if not torch.distributed.is_initialized():
        return
    if torch.distributed.get_backend() != 'gloo':
        torch.distributed.destroy_process_group()
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def load_frozen_backbone(backbone: Mapping, checkpoint: str) -> Tuple[nn.Module, LoadReport]:
    """A config's backbone with the checkpoint's weights, on the device.

    Not by the config's ``init_cfg``, for what was loaded is part of the results.

    Raises:
        CheckpointError: see ``load_backbone``.
    """
    # not a line for each tensor's init
    MMLogger.get_instance('frozen backbone').setLevel(logging.WARNING)
    network = MODELS.build({key: value for key, value in backbone.items() if key != 'init_cfg'})
    network.init_weights()  # gives fixed tensors their values
    report = load_backbone(network, checkpoint, config_key='CHECKPOINT')
    return network.to(get_device()), report


def described_config(checkpoint: str, heads: Optional[int] = None,
                     img_size: Optional[int] = None) -> dict:
    """Config of the network that ``load_described_backbone`` builds, which raises the same."""
    return network_config(describe(checkpoint, heads).architecture, img_size)


def load_described_backbone(checkpoint: str, heads: Optional[int] = None,
                            img_size: Optional[int] = None) -> Tuple[nn.Module, LoadReport]:
    """The backbone of any known checkpoint, built from what the file tells, on the device.

    Args:
        checkpoint: path or URL.
        heads: attention heads of a ViT, where the file does not tell.
        img_size: side of the images in px; the one that the network was made for by default.

    Returns:
        The network, whose last output is a map (B, C, h, w) after the final norm, in eval mode,
        and what was loaded.

    Raises:
        CheckpointError: see ``describe``, ``network_config`` and ``load_backbone``.
    """
    config = described_config(checkpoint, heads, img_size)
    network, report = load_frozen_backbone(config, checkpoint)
    network.eval()
    return network, report
