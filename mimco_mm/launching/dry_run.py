"""A run up to its first step: everything is built, checked and summed up, nothing is written."""

import tempfile
from typing import Set

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from ..engine.training_images import first_batch

GIB = 2**30
PROBED = 2  # images at most: the fewest that a batch norm takes


class DryRunOver(Exception):
    """The run has come to its first step."""


class DryRunHook(Hook):
    """Ends a run before its first step, with an estimate of the memory that it needs."""

    priority = 'LOWEST'  # after the summary

    def before_train(self, runner: Runner) -> None:
        estimate = memory_estimate(runner)
        runner.logger.info(f'{estimate}\nDry run: everything is there; nothing was trained.')
        raise DryRunOver


def dry_run(cfg: Config, build_runner) -> None:
    """Build a run and go up to its first step; its work dir is left as it is.

    Raises:
        UserError: the run could not start.
    """
    for hook in cfg.get('custom_hooks') or []:
        if hook['type'] == 'PretrainSummaryHook':
            hook['work_dir'] = cfg.work_dir
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = build_runner(cfg)
        runner.register_hook(DryRunHook())
        try:
            runner.train()
        except DryRunOver:
            pass


def memory_estimate(runner: Runner) -> str:
    """What a step keeps, in words: weights, gradients, moments, and what autograd saves.

    The last is measured on a few images, here, and multiplied; a step's temporary tensors, the
    caches of a GPU and its libraries come on top.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    count = runner.train_dataloader.batch_size
    fixed = fixed_memory(model)
    saved = saved_for_backward(runner, model)
    return (f'Memory of one rank, estimated: {(fixed + saved * count) / GIB:.1f} GiB = '
            f'{fixed / GIB:.1f} for weights, gradients and moments + {saved / GIB * count:.1f} for '
            f'what the backward pass of {count} images needs')


def fixed_memory(model: nn.Module) -> int:
    """Bytes of a model's tensors, the hidden teacher's too, of gradients and AdamW's moments."""
    networks = [model, *getattr(getattr(model, 'target_generator', None), 'hidden_networks', ())]
    tensors = {id(one): one for network in networks
               for one in (*network.parameters(), *network.buffers())}
    trained = [p for p in model.parameters() if p.requires_grad]
    return sum(map(nbytes, tensors.values())) + 3 * sum(map(nbytes, trained))


def saved_for_backward(runner: Runner, model: nn.Module) -> float:
    """Bytes that one image's step saves for the backward pass."""
    count = min(PROBED, runner.train_dataloader.batch_size)
    inputs, samples = first_batch(runner.cfg, model.data_preprocessor, count, runner.seed or 0)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    seen: Set[int] = set()
    total = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal total
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            kept.append(tensor)
            total += storage.nbytes()
        return tensor

    kept = []  # so that no address comes again
    model.train()
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        with runner.optim_wrapper.optim_context(model):
            model(inputs, samples, mode='loss')
    return total / count


def nbytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
