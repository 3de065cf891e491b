"""Test a checkpoint that tools/train.py wrote: its metrics on the config's test images."""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.evaluator import DumpResults
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file of the training or its short name, e.g. '
                                       'configs/benchmarks/imagenet/swin-t.py')
    parser.add_argument('checkpoint', help='what the training wrote, e.g. epoch_100.pth')
    parser.add_argument('--gpus', type=int, metavar='N',
                        help='processes on this machine, one for each GPU (default: this process)')
    parser.add_argument('--work-dir', help='folder of logs and results.json (default: test/ in '
                                           'work_dir of the config, or in work_dirs/CONFIG_NAME)')
    parser.add_argument('--out', metavar='FILE.pkl', help='write all predictions to this file')
    parser.add_argument('--tta', action='store_true',
                        help='test-time augmentation, by tta_model and tta_pipeline of the config')
    parser.add_argument('--no-pin-memory', dest='pin_memory', action='store_false',
                        help='dataloaders without pinned memory')
    parser.add_argument('--no-persistent-workers', dest='persistent_workers',
                        action='store_false',
                        help='end the data workers after use')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[],
                        metavar='KEY=VALUE',
                        help='set keys of the config, e.g. '
                             'test_dataloader.dataset.data_root=/data')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='what started the processes')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0,
                        help='set by some launchers')
    args = parser.parse_args(argv)
    if args.out is not None and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out: expected a file that ends in .pkl, got {args.out}')
    return args


def merge_options(cfg: Config, args: argparse.Namespace) -> Config:
    """Write the command line's options into the config, and leave out what only training needs."""
    from mimco_mm.errors import ConfigError
    from mimco_mm.launching import complete_dataloader, scope_of
    from mimco_mm.options import TEST, apply_options
    cfg.launcher = args.launcher
    base = cfg.get('work_dir') or os.path.join('work_dirs', Path(args.config).stem)
    cfg.work_dir = args.work_dir or os.path.join(base, 'test')
    cfg.load_from, cfg.resume = None, False
    apply_options(cfg, args.cfg_options, TEST)
    missing = [key for key in ('test_dataloader', 'test_evaluator', 'model') if not cfg.get(key)]
    if missing or cfg.get('test_cfg') is None:
        raise ConfigError(f'{args.config} has no {", ".join(missing or ["test_cfg"])}: there is '
                          'nothing to test. Expected the config of a transfer, e.g. '
                          'configs/benchmarks/imagenet/swin-t.py')
    if args.tta:
        if not cfg.get('tta_model') or not cfg.get('tta_pipeline'):
            raise ConfigError('--tta needs `tta_model` and `tta_pipeline` in the config.')
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    complete_dataloader(cfg.test_dataloader, args.pin_memory, args.persistent_workers,
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
        from mimco_mm.checkpoints import CheckpointError, check_whole
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


def refusal(path: str, reason: str) -> Exception:
    from mimco_mm.checkpoints import CheckpointError
    return CheckpointError(
        f'{path} is no checkpoint of this config: {reason}. Expected what tools/train.py wrote '
        'with it, such as epoch_100.pth, and the same options; a pre-trained backbone goes into '
        '`model.backbone.init_cfg.checkpoint` of a training.')


def run(args: argparse.Namespace, cfg: Config) -> None:
    from mimco_mm.checkpoints import local_file, read_checkpoint, write_text
    from mimco_mm.launching import build_runner, no_empty_folders, nothing_left, parts_told
    file = local_file(args.checkpoint)
    content = read_checkpoint(file.path)
    with no_empty_folders(cfg.work_dir), nothing_left(cfg), parts_told(cfg):
        runner = build_runner(cfg)
        runner.register_hook(LoadWhole(args.checkpoint, content))
        if args.out is not None:
            runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
        metrics = runner.test()
    if runner.rank == 0:
        out = Path(cfg.work_dir, 'results.json')
        write_text(out, json.dumps(dict(
            benchmark=Path(args.config).resolve().parent.name,
            config=args.config,
            checkpoint=args.checkpoint,
            checkpoint_sha256=file.sha256,
            command=shlex.join([sys.executable, *sys.argv]),
            seed=runner.seed,
            results={name: float(value) for name, value in metrics.items()}), indent=2) + '\n')
        runner.logger.info(f'Results are in {out}')


def main() -> None:
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    from mimco_mm.checkpoints.download import local_file
    from mimco_mm.evaluation import leave_processes
    from mimco_mm.launching import check_launcher, errors_told, launch, needs_launcher
    from mimco_mm.options import load_config
    with errors_told():
        check_launcher(args.launcher)
        cfg = merge_options(load_config(args.config), args)
        if args.launcher == 'none' and needs_launcher(args.gpus):
            local_file(args.checkpoint)
            launch(args.gpus, __file__, [*sys.argv[1:], '--launcher', 'pytorch'])
        else:
            run(args, cfg)
            leave_processes()


if __name__ == '__main__':
    main()
