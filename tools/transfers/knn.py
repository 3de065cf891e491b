"""Weighted k-NN accuracy of a checkpoint's frozen features, on ImageNet or any labelled images.

Prints top-1 and top-5 accuracy for each k, and writes them with the settings as JSON. With --gpus
several processes share the images.
"""

import argparse
import json
import os
import shlex
import sys
import time
from pathlib import Path

from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', help='config file, e.g. configs/benchmarks/knn/swin-t.py')
    parser.add_argument('checkpoint', help='of a pre-training run, or of a backbone alone')
    parser.add_argument('--gpus', type=int, metavar='N',
                        help='processes on this machine, one for each GPU (default: this process)')
    parser.add_argument('--data-root', help='folder of train/CLASS and val/CLASS (default: '
                                            'data_root of the config)')
    parser.add_argument('--pool', choices=['mean', 'cls'], default='mean',
                        help='the feature of an image: mean of the last map, or the class token '
                             'of a ViT (default: %(default)s)')
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        help='where the results go (default: work_dirs/knn/, named after config '
                             'and checkpoint)')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[],
                        metavar='KEY=VALUE',
                        help='set keys of the config, e.g. ks="[10,20]" '
                             'queries.data_prefix=test')
    return parser.parse_args(argv)


def configured(args: argparse.Namespace) -> Config:
    """The config with the command line's options."""
    from mimco_mm.datasets import address_of
    from mimco_mm.options import KNN, apply_options, load_config
    cfg = load_config(args.config)
    if not {'bank', 'queries', 'ks', 'model'} <= cfg.keys():
        sys.exit(f'error: {args.config} has no `bank`, `queries`, `ks` and `model`; expected a '
                 'config like configs/benchmarks/knn/swin-t.py')
    if args.data_root is not None:
        cfg.bank.data_root = cfg.queries.data_root = address_of(args.data_root)
    if args.pool == 'cls':
        if 'out_type' not in cfg.model.backbone:
            sys.exit('error: --pool cls is for a ViT; a class token is nothing that '
                     f'{cfg.model.backbone.type} has')
        cfg.model.backbone.out_type = 'cls_token'
    apply_options(cfg, args.cfg_options, KNN)
    if not cfg.ks:
        sys.exit('error: `ks` must name one number of neighbours, or more')
    return cfg


def load_images(cfg: Config) -> dict:
    """Loaders of bank and queries, which must have the same classes."""
    from mmengine.dist import get_world_size

    from mimco_mm.datasets import LabelError, check_same_classes
    from mimco_mm.evaluation import labelled_loader
    loaders = {part: labelled_loader(cfg[part], cfg.batch_size, cfg.num_workers)
               for part in ('bank', 'queries')}
    its, others = (loader.dataset.metainfo.get('classes') for loader in loaders.values())
    check_same_classes('bank', its, 'queries', others)
    bank = len(loaders['bank'].dataset)
    if bank < max(cfg.ks):
        fits = [k for k in cfg.ks if k <= bank] or [max(bank // 2, 1)]
        raise LabelError(f'`ks` has {max(cfg.ks)}, and the bank has {bank} images: --cfg-options '
                         f'ks={str(fits).replace(" ", "")}')
    fewest = min(len(loader.dataset) for loader in loaders.values())
    if fewest < get_world_size():
        raise LabelError(f'{fewest} images are too few for {get_world_size()} processes.')
    return loaders


def evaluate(cfg: Config, backbone, loaders: dict, say) -> dict:
    """{'k10_top1': percent, ...}."""
    import torch
    from mmengine.device import get_device
    from mmpretrain.registry import MODELS
    from torch.nn import functional as F

    from mimco_mm.evaluation import extract_features, knn_accuracies
    preprocessor = MODELS.build(dict(type='ClsDataPreprocessor', **cfg.data_preprocessor))
    preprocessor = preprocessor.to(get_device())
    found = {}
    for part, loader in loaders.items():
        say(f'{part}: features of {len(loader.dataset)} images')
        features, labels = extract_features(backbone, preprocessor, loader)
        found[part] = F.normalize(features, dim=1), labels
    bank, bank_labels = found['bank']
    say('similarities')
    accuracies = knn_accuracies(
        *found['queries'], bank.to(get_device(), getattr(torch, cfg.bank_dtype)), bank_labels,
        ks=cfg.ks, temperature=cfg.temperature, distributed=True, bar=True)
    return {f'k{k}_top{top}': value for k, scores in accuracies.items()
            for top, value in scores.items()}


def described(dataset) -> dict:
    """Folder, images and classes, as a report compares them."""
    return dict(folder=str(Path(dataset.data_root or '').resolve()), images=len(dataset),
                classes=len(dataset.metainfo.get('classes') or []) or None)


def run(args: argparse.Namespace) -> None:
    import torch
    from mmengine.dist import get_rank
    from mmengine.registry import init_default_scope

    import mimco_mm
    from mimco_mm.checkpoints import write_text
    from mimco_mm.evaluation import join_processes, load_frozen_backbone
    cfg = configured(args)
    init_default_scope(cfg.default_scope)  # where the datasets are registered
    join_processes()
    say = print if get_rank() == 0 else (lambda text: None)
    started = time.time()
    loaders = load_images(cfg)  # a missing folder is found before the checkpoint is read
    backbone, report = load_frozen_backbone(cfg.model.backbone, args.checkpoint)
    say(report)
    results = evaluate(cfg, backbone, loaders, say)
    rank = get_rank()
    if rank != 0:
        return
    out = args.out or Path('work_dirs', 'knn', f'{Path(args.config).stem}_'
                           f'{Path(args.checkpoint).stem}_{report.sha256[:8]}', 'results.json')
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, json.dumps(dict(
        benchmark='knn',
        config=args.config,
        checkpoint=args.checkpoint,
        checkpoint_sha256=report.sha256,
        command=shlex.join([sys.executable, *sys.argv]),
        seed=0,  # nothing is random
        results=results,
        images={part: len(loader.dataset) for part, loader in loaders.items()},
        data={part: described(loader.dataset) for part, loader in loaders.items()},
        settings=cfg.to_dict(),
        versions=dict(mimco_mm=mimco_mm.__version__, torch=torch.__version__),
        seconds=round(time.time() - started, 1)), indent=2, default=str) + '\n')
    print(f'{"k":>5}{"top-1, %":>10}{"top-5, %":>10}')
    for k in cfg.ks:
        print(f'{k:5}{results[f"k{k}_top1"]:10.2f}{results[f"k{k}_top5"]:10.2f}')
    print(f'Results and settings are in {out}')


def main() -> None:
    args = parse_args()
    from mimco_mm.evaluation import leave_processes
    from mimco_mm.launching import errors_told
    from mimco_mm.processes import launch, needs_launcher
    with errors_told():
        if 'LOCAL_RANK' not in os.environ and needs_launcher(args.gpus):
            configured(args)  # a wrong option is told once, and early
            launch(args.gpus, __file__, sys.argv[1:])
        else:
            run(args)
            leave_processes()


if __name__ == '__main__':
    main()
