"""Train the model of a config file: stage 1, stage 2, a transfer, or anything of OpenMMLab's."""

import argparse
import difflib
import os
import sys
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.runner import Runner

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mimco_mm').is_dir():  # in a checkout, mimco_mm need not be installed
    sys.path.insert(0, str(ROOT))

OWN_SCOPE = 'mmpretrain'  # of our parts; configs of other libraries name them with it
# --amp value -> what replaces type, dtype and loss_scale of the config's optim_wrapper
OPTIM_WRAPPERS = dict(
    bf16=dict(type='AutocastOptimWrapper', dtype='bfloat16'),
    fp16=dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic'),
    off=dict(type='OptimWrapper'),
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, e.g. configs/pretrain/mimco_swin-t.py')
    parser.add_argument('--work-dir', help='folder of logs and checkpoints (default: '
                                           'work_dir of the config, or work_dirs/CONFIG_NAME)')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='go on from CHECKPOINT, or without one from the latest in the work '
                             'dir (from the beginning if it holds none)')
    parser.add_argument('--amp', nargs='?', const='bf16', choices=list(OPTIM_WRAPPERS),
                        help='mixed precision: bf16 (what --amp alone means), fp16, or off '
                             '(default: what the config says)')
    parser.add_argument('--no-validate', action='store_true', help='no validation between epochs')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by the batch size that is really used')
    parser.add_argument('--no-pin-memory', action='store_true',
                        help='dataloaders without pinned memory')
    parser.add_argument('--no-persistent-workers', action='store_true',
                        help='start the data workers anew in every epoch')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='override keys of the config, e.g. train_dataloader.batch_size=64 '
                             'or key="[a,b]" (no blanks)')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none',
                        help='what started the processes')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0,
                        help='set by some launchers')
    return parser.parse_args(argv)


def load_config(path: str) -> Config:
    if not Path(path).is_file():
        known = [str(p) for p in Path('configs').rglob('*.py')]
        close = difflib.get_close_matches(path, known, n=3)
        hint = f' Did you mean {" or ".join(close)}?' if close else ''
        raise SystemExit(f'error: there is no config file {path} (looked in {Path.cwd()}).{hint}')
    import mimco_mm  # noqa: F401  slow: not for --help; configs may inherit 'mmseg::' from here on
    return Config.fromfile(path)


def merge_options(cfg: Config, args: argparse.Namespace) -> Config:
    """Write the command line's options into the config."""
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(args.config).stem)
    if args.resume is not None:
        cfg.resume = True
        if args.resume != 'auto':
            cfg.load_from = args.resume
        elif (Path(cfg.work_dir) / 'last_checkpoint').is_file():
            cfg.load_from = None
        elif cfg.get('load_from'):
            cfg.resume = False  # the first start of a run that begins from other weights
    if args.amp is not None:
        set_precision(cfg.optim_wrapper, args.amp, scope_of(cfg))
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.auto_scale_lr:
        if cfg.get('auto_scale_lr') is None:
            raise SystemExit('error: --auto-scale-lr needs the batch size that the learning rate '
                             'is for: auto_scale_lr=dict(base_batch_size=...) in the config')
        cfg.auto_scale_lr.enable = True
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name) is not None:
            complete_dataloader(cfg[name], args, scope_of(cfg))
    return cfg


def scope_of(cfg: Config) -> str:
    """The library that the config is of: mmpretrain, mmdet, mmseg."""
    return cfg.get('default_scope') or OWN_SCOPE


def set_precision(optim_wrapper: ConfigDict, amp: str, scope: str) -> None:
    if (scope, amp) == ('mmdet', 'bf16'):
        raise SystemExit("error: mmdet's detectors cannot train in bfloat16 (mmcv's RoIAlign has "
                         'no such kernel); take --amp fp16, or --amp off')
    known = {wrapper['type'] for wrapper in OPTIM_WRAPPERS.values()}
    current = optim_wrapper.get('type', 'OptimWrapper')
    if current.removeprefix(f'{OWN_SCOPE}.') not in known:
        raise SystemExit(f'error: --amp replaces one of {", ".join(sorted(known))}, but the '
                         f"config's optim_wrapper.type is {current}; set its precision there")
    for key in ('dtype', 'loss_scale'):
        optim_wrapper.pop(key, None)
    optim_wrapper.update(OPTIM_WRAPPERS[amp])
    if amp == 'bf16' and scope != OWN_SCOPE:
        optim_wrapper.type = f'{OWN_SCOPE}.{optim_wrapper.type}'


def complete_dataloader(loader: ConfigDict, args: argparse.Namespace, scope: str) -> None:
    """Defaults that mmpretrain's configs leave to the training script, and the options."""
    if scope == OWN_SCOPE:  # mmdet and mmseg collate by mmengine's default, into lists
        loader.setdefault('collate_fn', dict(type='default_collate'))
        loader.setdefault('pin_memory', torch.cuda.is_available())
        loader.setdefault('persistent_workers', True)
    if args.no_pin_memory:
        loader.pin_memory = False
    if args.no_persistent_workers or loader.get('num_workers', 0) == 0:
        loader.persistent_workers = False


def check_start(cfg: Config) -> None:
    """Refuse to start over where that would overwrite a run, or to resume from nothing."""
    if not cfg.get('resume'):
        work_dir = Path(cfg.work_dir)
        found = [p.name for pattern in ('last_checkpoint', 'epoch_*.pth', 'iter_*.pth')
                 for p in sorted(work_dir.glob(pattern))]
        if found:
            raise SystemExit(
                f'error: {work_dir} already holds a run ({found[-1]}). Add --resume to go on with '
                'it, or start a new one in another folder with --work-dir FOLDER')
    elif cfg.get('load_from') and '://' not in cfg.load_from and not Path(cfg.load_from).is_file():
        raise SystemExit(f'error: --resume expects a checkpoint file, and there is no '
                         f'{cfg.load_from}; --resume alone takes the latest of the work dir')


def check_config(cfg: Config) -> None:
    """Refuse parts of a config that do not fit each other or this machine."""
    from mimco_mm.engine import StartError, check_parts
    try:
        check_parts(cfg)
    except StartError as error:
        raise SystemExit(f'error: {error}') from None


def build_runner(cfg: Config) -> Runner:
    if cfg.get('runner_type') is None:
        return Runner.from_cfg(cfg)
    from mmpretrain.registry import RUNNERS  # slow to import: not for --help
    return RUNNERS.build(cfg)


def main() -> None:
    args = parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = merge_options(load_config(args.config), args)
    check_start(cfg)
    check_config(cfg)
    build_runner(cfg).train()
    from mimco_mm.evaluation import leave_processes
    leave_processes()


if __name__ == '__main__':
    main()
