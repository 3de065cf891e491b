"""Precisions other than bfloat16, and what watches a run: NaN, k-NN, health."""

import math
from pathlib import Path
from typing import Any, Dict, Iterator

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmpretrain.registry import RUNNERS

from ....errors import UserError
from ....options import apply_options, apply_shortcuts
from ..logged import logged
from ..made_files import jpegs, teacher
from ..rows import Row, Setting, judged, skipped
from ..sizes import config_for

FP16 = dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')
FLOAT32 = dict(type='OptimWrapper')
SPOILT = 'patch_neck.0.weight'


def run(setting: Setting) -> Iterator[Row]:
    """Short runs in this process."""
    if setting.rehearsal:
        yield skipped('fp16', "mmengine's scaler of float16 needs a GPU")
    else:
        yield finite('fp16', *trained(setting, 'fp16', FP16))
    runner, scalars = trained(setting, 'float32', FLOAT32, knn=True)
    yield finite('float32', runner, scalars)
    for what, key in (('k-NN', 'knn/top1'), ('health', 'health/feature_std')):
        value = scalars.get(key, math.nan)
        yield judged(what, math.isfinite(value), f'{key} {value:.3f}')
    yield nan_is_told(setting)


def trained(setting: Setting, name: str, precision: Dict[str, Any], knn: bool = False,
            *hooks: Hook) -> tuple:
    """The runner of an epoch, and the last of each scalar."""
    runner = RUNNERS.build(run_config(setting, name, precision, knn))
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    scalars = {key.removeprefix('train/'): buffer.current()
               for key, buffer in runner.message_hub.log_scalars.items()}
    for line in logged(Path(runner.work_dir)):
        scalars.update(line)
    return runner, scalars


def run_config(setting: Setting, name: str, precision: Dict[str, Any], knn: bool) -> Config:
    images = setting.folder / 'images'
    batch_size = min(setting.batch_size, 64)
    jpegs(images, 2 * batch_size)
    config = config_for(setting, 'mimco_swin-t')
    apply_shortcuts(config, dict(
        data=str(images), teacher=str(teacher(setting)), batch_size=batch_size, epochs=1,
        workers=0, knn=str(labelled(setting)) if knn else None))
    config.optim_wrapper.pop('dtype', None)
    config.optim_wrapper.update(precision)
    hooks = ['HealthHook.interval=1']
    if knn:
        hooks += ['KNNHook.interval=1', 'KNNHook.k=2', 'KNNHook.num_workers=0']
    apply_options(config, [f'custom_hooks.{hook}' for hook in hooks])
    config.update(work_dir=str(setting.folder / name), experiment_name=f'gpu_check_{name}')
    return config


def labelled(setting: Setting) -> Path:
    """Two classes of made images, to be told apart by chance."""
    root = setting.folder / 'labelled'
    for part in ('train', 'val'):
        for name in ('one', 'other'):
            jpegs(root / part / name, 4)
    return root


def finite(what: str, runner, scalars: Dict[str, float]) -> Row:
    loss = scalars['loss']
    weights = all(bool(p.isfinite().all()) for p in runner.model.parameters())
    return judged(what, math.isfinite(loss) and weights,
                  f'loss {loss:.3f} after {runner.iter} steps on '
                  f'{next(runner.model.parameters()).device}, '
                  f'weights {"finite" if weights else "not finite"}')


class Spoil(Hook):
    """Puts a NaN among the weights before the second step."""

    def before_train_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter == 1:
            with torch.no_grad():
                runner.model.get_parameter(SPOILT).view(-1)[0] = math.nan


def nan_is_told(setting: Setting) -> Row:
    what = 'a NaN among the weights'
    try:
        trained(setting, 'nan', FLOAT32, False, Spoil())
    except UserError as error:
        told = str(error)
        return judged(what, f'parameter {SPOILT}' in told, told.splitlines()[0][:160])
    return judged(what, False, 'the run went on')
