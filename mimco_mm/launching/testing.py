"""One test of what a training wrote, by the config it was written with."""

import os
from pathlib import Path
from typing import List, NamedTuple, Optional

from mmengine.config import Config, ConfigDict
from mmengine.evaluator import DumpResults
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner

from ..checkpoints import CheckpointError, check_whole, local_file, read_checkpoint
from ..errors import ConfigError
from ..options import TEST, apply_options, load_config
from ..options.scopes import scope_of
from ..processes import check_alone
from ..records import RecordError, differences, read_json, write_result
from .building import parts_told
from .leftovers import no_empty_folders, nothing_left
from .run_config import complete_dataloader
from .training import build_runner


class CheckpointTest(NamedTuple):
    """The options of tools/test.py, by their names there."""

    config: str
    checkpoint: str
    work_dir: Optional[str] = None
    out: Optional[str] = None
    tta: bool = False
    pin_memory: bool = True
    persistent_workers: bool = True
    cfg_options: List[str] = []
    launcher: str = 'none'


def requested_test(request: CheckpointTest) -> Config:
    """The config of a request, without what only training needs.

    Raises:
        ConfigError: where there is nothing to test.
    """
    cfg = load_config(request.config)
    cfg.launcher = request.launcher
    base = cfg.get('work_dir') or os.path.join('work_dirs', Path(request.config).stem)
    cfg.work_dir = request.work_dir or os.path.join(base, 'test', Path(request.checkpoint).stem)
    cfg.load_from, cfg.resume = None, False
    apply_options(cfg, request.cfg_options, TEST)
    missing = [key for key in ('test_dataloader', 'test_evaluator', 'model') if not cfg.get(key)]
    if missing or cfg.get('test_cfg') is None:
        raise ConfigError(f'{request.config} has no {", ".join(missing or ["test_cfg"])}: there '
                          'is nothing to test. Expected the config of a transfer, e.g. '
                          'configs/benchmarks/imagenet/swin-t.py')
    if request.tta:
        if not cfg.get('tta_model') or not cfg.get('tta_pipeline'):
            raise ConfigError('--tta needs `tta_model` and `tta_pipeline` in the config.')
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    complete_dataloader(cfg.test_dataloader, request.pin_memory, request.persistent_workers,
                        scope_of(cfg))
    for key in ('train_cfg', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'val_cfg',
                'val_dataloader', 'val_evaluator', 'auto_scale_lr'):
        cfg[key] = None
    cfg.model.pop('init_cfg', None)
    return cfg


class LoadWhole(Hook):
    """Fills the model with a checkpoint, all of it, or refuses.

    mmengine would load what fits, and judge random weights for the rest.
    """

    priority = 'LOWEST'  # when the other hooks have looked at the model

    def __init__(self, path: str, content: dict) -> None:
        self.path = path
        self.content = content

    def before_run(self, runner: Runner) -> None:
        runner.call_hook('after_load_checkpoint', checkpoint=self.content)
        model = runner.model
        while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
            model = model.module
        state = self.content.get('state_dict')
        if not isinstance(state, dict):
            raise refusal(self.path, 'it has no `state_dict`')
        try:
            check_whole(state, model.state_dict())
        except CheckpointError as error:
            raise refusal(self.path, str(error)) from error
        model.load_state_dict(state)
        runner._has_loaded = True
        runner.logger.info(f'Loaded all {len(state)} tensors of {self.path}')


def refusal(path: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f'{path} is no checkpoint of this config: {reason}. Expected what tools/train.py wrote '
        'with it, such as epoch_100.pth, and the same options; a pre-trained backbone goes into '
        '`model.backbone.init_cfg.checkpoint` of a training.')


def check_not_of_another(out: Path, identity: dict) -> None:
    """Raise RecordError where results would take the place of those of another test."""
    stored = read_json(out) if out.is_file() else identity
    told = differences({key: stored.get(key) for key in identity}, identity)
    if told:
        raise RecordError(f'{out} has the results of another test: {"; ".join(told)}. Name a '
                          'folder of its own: --work-dir.')


def test(request: CheckpointTest, cfg: Config) -> None:
    """Measure a checkpoint, and write results.json into the work dir.

    Raises:
        RecordError: it is there already, of another checkpoint or of other options.
    """
    if request.launcher == 'none':
        check_alone()
    file = local_file(request.checkpoint)
    out = Path(cfg.work_dir, 'results.json')
    options = dict(tta=request.tta, cfg_options=request.cfg_options)
    check_not_of_another(out, dict(checkpoint_sha256=file.sha256, **options))
    content = read_checkpoint(file.path)
    with no_empty_folders(cfg.work_dir), nothing_left(cfg), parts_told(cfg):
        runner = build_runner(cfg)
        runner.register_hook(LoadWhole(request.checkpoint, content))
        if request.out is not None:
            runner.test_evaluator.metrics.append(DumpResults(out_file_path=request.out))
        metrics = runner.test()
    if runner.rank == 0:
        write_result(
            out, Path(request.config).resolve().parent.name, request.config, request.checkpoint,
            file.sha256, seed=runner.seed, **options,
            results={name: float(value) for name, value in metrics.items()})
        runner.logger.info(f'Results are in {out}')
