"""A run up to its first step: everything is built, checked and summed up, nothing is written."""

import tempfile
from typing import Dict

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from ..engine.resuming import run_to_resume
from ..engine.training_images import first_batch

GIB = 2**30
PROBED = (2, 4)  # images of a batch norm at least, and twice as many


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
    found = run_to_resume(cfg)
    cfg.resume = found is not None
    if found:
        cfg.load_from = str(found.file)
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

    The last is measured on batches of a few images, here, and drawn out to the whole one; a step's
    temporary tensors, the caches of a GPU and its libraries come on top.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    count = runner.train_dataloader.batch_size
    few, more = (min(number, count) for number in PROBED)
    fixed, saved = fixed_memory(model), saved_for_backward(runner, model, few)
    if more > few:  # each image adds to what one batch of any size saves, such as casted weights
        saved += (count - few) * (saved_for_backward(runner, model, more) - saved) / (more - few)
    return (f'Memory of one rank, estimated: {(fixed + saved) / GIB:.1f} GiB = {fixed / GIB:.1f} '
            f'for weights, gradients and moments + {saved / GIB:.1f} for what the backward pass of '
            f'{count} images needs')


def fixed_memory(model: nn.Module) -> int:
    """Bytes of a model's tensors, the hidden teacher's too, of gradients and AdamW's moments."""
    networks = [model, *getattr(getattr(model, 'target_generator', None), 'hidden_networks', ())]
    tensors = {id(one): one for network in networks
               for one in (*network.parameters(), *network.buffers())}
    trained = [p for p in model.parameters() if p.requires_grad]
    return sum(map(nbytes, tensors.values())) + 3 * sum(map(nbytes, trained))


def saved_for_backward(runner: Runner, model: nn.Module, count: int) -> int:
    """Bytes that the step of a few images saves for the backward pass."""
    inputs, samples = first_batch(runner.cfg, model.data_preprocessor, count, runner.seed or 0)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: Dict[int, torch.Tensor] = {}  # kept, so that no address comes again

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    model.train()
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        with runner.optim_wrapper.optim_context(model):
            model(inputs, samples, mode='loss')
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def nbytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
