"""What a run is about to do, in lines for the user to read before its first step."""

import os
import shutil
from typing import Iterator, List

import torch
from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, LinearLR, OptimWrapper
from mmpretrain.datasets.transforms import MultiView
from torch import nn

from ..datasets import CodedCrops, collate_coded
from ..engine.optim import AutocastOptimWrapper, WarmupCosineLR
from ..engine.resuming import last_rate
from ..engine.sharding import unsharded_type
from ..models import branches_of, teachers_of
from ..models.acceleration import compiled_blocks
from ..names import counted, printable, sized


def summary(runner, work_dir: str) -> List[str]:
    """The lines of a run whose results go to ``work_dir``."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return [
        f'{unsharded_type(model).__name__} with {unsharded_type(model.backbone).__name__} on '
        f'{runner.world_size} x {device_name()}, {precision(runner.optim_wrapper)}',
        *images(runner),
        batch(runner),
        *views(runner, model),
        *masks(runner, model),
        learning_rate(runner),
        *teachers(model),
        parameters(model),
        *compilation(model),
        results(runner, model, work_dir),
    ]


def device_name() -> str:
    device = get_device()
    return torch.cuda.get_device_name() if device.startswith('cuda') else device


def precision(wrapper: OptimWrapper) -> str:
    """What the run computes in, which need not be what the config asks for."""
    if isinstance(wrapper, AutocastOptimWrapper):
        return ('bfloat16 autocast' if wrapper.enabled else
                'float32 (bfloat16 autocast is for accelerators)')
    if isinstance(wrapper, AmpOptimWrapper):
        dtype = str(wrapper.cast_dtype or torch.half).removeprefix('torch.')
        return f'{dtype} autocast, losses scaled'
    return 'float32'


def images(runner) -> Iterator[str]:
    """Where the images lie, how many there are, and what else lies there."""
    dataset = runner.train_dataloader.dataset
    inner = getattr(dataset, 'dataset', dataset)
    folder = getattr(inner, 'img_prefix', None) or getattr(inner, 'data_root', None) or ''
    folder = str(folder).rstrip('/') or '/'
    coded = getattr(runner.train_dataloader.collate_fn, 'func', None) is collate_coded
    by = f', decoded on {get_device()}' if coded else ''
    yield f'data {printable(folder)}: {counted(len(dataset), "image")}{by}'
    ignored = getattr(dataset, 'ignored', None)
    if ignored is not None:
        yield f'ignored under {printable(folder)}: {ignored}'


def batch(runner) -> str:
    per_rank = runner.train_dataloader.batch_size
    accumulation = runner.optim_wrapper._accumulative_counts
    epochs = f'epochs {runner.epoch + 1} to {runner.max_epochs}'
    if runner.epoch >= runner.max_epochs:
        epochs = f'none of {runner.max_epochs} epochs left'
    return (f'effective batch {runner.world_size * per_rank * accumulation} = '
            f'{counted(runner.world_size, "rank")} x {counted(per_rank, "image")} x '
            f'{accumulation} accumulated; '
            f'{counted(len(runner.train_dataloader), "iteration")} an epoch, {epochs}')


def transforms(runner) -> list:
    """Those of the workers."""
    dataset = runner.train_dataloader.dataset
    pipeline = getattr(getattr(dataset, 'dataset', dataset), 'pipeline', None)
    return getattr(pipeline, 'transforms', [])


def views(runner, model: nn.Module) -> Iterator[str]:
    """Who makes the views of an image, where it has several."""
    made = getattr(model.data_preprocessor, 'views', ())
    for transform in transforms(runner):
        if isinstance(transform, MultiView):
            yield (f'{sum(transform.num_views)} views of an image, made by the workers '
                   '(`views_by`; auto: by a GPU, where there is one)')
        elif isinstance(transform, CodedCrops):
            yield f'{len(made)} views of an image, made on {get_device()} of crops by the workers'


def masks(runner, model: nn.Module) -> Iterator[str]:
    """Ratio and unit of the masks, as far as there are any: of the pipeline or the preprocessor."""
    generators = [one for one in transforms(runner) if hasattr(one, 'mask_ratio')]
    batched = getattr(model.data_preprocessor, 'mask', None)
    for generator in [*generators, *([batched.units] if batched is not None else [])]:
        units = generator.rand_size**2
        yield (f'masks {100 * generator.mask_ratio:.4g} %: {generator.mask_count} of {units} '
               f'units of {generator.mask_patch_size} px')


def learning_rate(runner) -> str:
    wrapper: OptimWrapper = runner.optim_wrapper
    group = wrapper.optimizer.param_groups[0]
    peak = group.get('initial_lr', group['lr'])
    scaled = runner.auto_scale_lr if runner.auto_scale_lr else {}
    rule = (f'scaled from one for a batch of {scaled["base_batch_size"]}'
            if scaled.get('enable') else 'as given, not scaled to the batch')
    return (f'{type(wrapper.optimizer).__name__}, peak learning rate {peak:.4g} ({rule}); '
            f'{schedule(runner)}')


def schedule(runner) -> str:
    """Warm-up, where the schedule ends against the run, and at what rate the run does."""
    schedulers = runner.param_schedulers
    warmup = sum(one.warmup if isinstance(one, WarmupCosineLR) else one.end - one.begin
                 for one in schedulers if isinstance(one, (WarmupCosineLR, LinearLR)))
    ends = [one.end if not one.by_epoch else one.end * len(runner.train_dataloader)
            for one in schedulers]
    end = max(ends, default=0)
    epoch = end / len(runner.train_dataloader)
    text = f'warm-up {counted(warmup, "iteration")}, schedule to epoch {epoch:.4g}'
    if schedulers and end != runner.max_iters:
        text += (f', while the run ends with epoch {runner.max_epochs}: --epochs sets both')
    rate = last_rate(runner)
    return text if rate is None else f'{text}; last step at {rate:.4g}'


def teachers(model: nn.Module) -> Iterator[str]:
    """What each teacher is, how it sees images, and what it gives."""
    branches = branches_of(model)
    for name, target in teachers_of(model).items():
        adapter = getattr(branches[name], 'adapter', None)
        told = (f'adapter {adapter.in_channels} -> {adapter.out_channels} channels behind the '
                'student' if isinstance(adapter, nn.Conv2d) else 'no adapter')
        title = f'teacher {name}:' if name else 'teacher'
        if name:
            told += f'; losses times {branches[name].weight:g}'
        yield f'{title} {target.report}; frozen, in eval mode, not saved'
        yield f'{title} {target.told()}; {told}'
        yield f'features of the teacher{f" {name}" if name else ""}: {target.spread}'


def parameters(model: nn.Module) -> str:
    """Trainable parameters, and the modules that hold frozen ones."""
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            inside = name.startswith(('backbone.', 'teacher_'))
            part = '.'.join(name.split('.')[:2 if inside else 1])
            frozen[part] = frozen.get(part, 0) + parameter.numel()
    named = ', '.join(f'{part} {count / 1e6:.2f} M' for part, count in frozen.items())
    count = len(teachers_of(model))
    besides = f' besides the teacher{"s" if count > 1 else ""}' if count else ''
    return f'trainable {trainable / 1e6:.2f} M; frozen{besides}: {named or "none"}'


def compilation(model: nn.Module) -> Iterator[str]:
    compiled, blocks = compiled_blocks(model)
    if compiled:
        yield (f'compiled: {compiled} of {blocks} transformer blocks, each kind and shape at its '
               'first step')


def results(runner, model: nn.Module, work_dir: str) -> str:
    """Where they go, how large a checkpoint is, and whether the disk has room for it."""
    place = work_dir
    while not os.path.isdir(place):
        place = os.path.dirname(os.path.abspath(place))
    free = shutil.disk_usage(place).free
    start = runner.timestamp
    config = os.path.basename(runner.cfg.filename or f'{start}.py')
    log = f'log {start}/{start}.log, ' * (work_dir == runner.cfg.work_dir)  # not of a dry run
    return (f'results in {work_dir}: config {config}, {log}checkpoints of '
            f'about {sized(checkpoint_size(model))} ({sized(free)} are free)')


def checkpoint_size(model: nn.Module) -> int:
    """Bytes of a checkpoint: the model's state, and two moments of each trained parameter."""
    state = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return state + 2 * trained
