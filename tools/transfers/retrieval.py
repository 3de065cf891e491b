"""Image retrieval on revisited Oxford and Paris by the frozen features of a checkpoint.

Prints mAP and mP@k of the levels easy, medium and hard, and writes them with the settings as JSON.
With --gpus several processes share the images.
"""

import argparse
import dataclasses
import json
import math
import os
import shlex
import sys
import time
from pathlib import Path

from mmengine.config import Config

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser

# The paper's columns in Tables 4 and 9: (set, level)
COLUMNS = {'ROx M': ('roxford5k', 'medium'), 'ROx H': ('roxford5k', 'hard'),
           'RPar M': ('rparis6k', 'medium'), 'RPar H': ('rparis6k', 'hard')}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config',
                        help='config file, e.g. configs/benchmarks/retrieval/swin-t_dino.py')
    parser.add_argument('checkpoint', help='of a pre-training run, or of a backbone alone')
    parser.add_argument('--gpus', type=int, metavar='N',
                        help='processes on this machine, one for each GPU (default: this process)')
    parser.add_argument('--data-root', help='folder of roxford5k and rparis6k (default: data_root '
                                            'of the config)')
    parser.add_argument('--sets', nargs='+', metavar='NAME',
                        help='only these of the config, e.g. roxford5k (default: all)')
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        help='where the results go (default: work_dirs/retrieval/, named after '
                             'config and checkpoint)')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[],
                        metavar='KEY=VALUE',
                        help='set keys of the config, e.g. crop_queries=True '
                             'sets.roxford5k.img_size=512')
    return parser.parse_args(argv)


def configured(args: argparse.Namespace) -> Config:
    """The config with the command line's options."""
    from mimco_mm.options import RETRIEVAL, apply_options, load_config
    cfg = load_config(args.config)
    apply_options(cfg, args.cfg_options, RETRIEVAL)
    if args.data_root is not None:
        cfg.data_root = args.data_root
    if not cfg.get('sets'):
        sys.exit(f'error: {args.config} has no `sets`, which name the sets and their image sizes; '
                 'expected a config like configs/benchmarks/retrieval/swin-t_dino.py')
    unknown = set(args.sets or []) - set(cfg.sets)
    if unknown:
        sys.exit(f'error: --sets expects some of {", ".join(cfg.sets)}, which {args.config} has, '
                 f'got {", ".join(sorted(unknown))}')
    cfg.sets = {name: cfg.sets[name] for name in args.sets or cfg.sets}
    return cfg


def evaluate(cfg: Config, backbone, say) -> dict:
    """Scores, sizes and truncated images of every set."""
    from mimco_mm.datasets import load_revisited
    from mimco_mm.evaluation import extract_global_features, retrieval_scores

    # all sets are read first: a missing image is found before hours of the other set
    loaded = {name: load_revisited(cfg.data_root, name, options.img_size, cfg.crop_queries)
              for name, options in cfg.sets.items()}
    results = {}
    for name, (truth, queries, database) in loaded.items():
        features, truncated = {}, []
        for role, images in (('queries', queries), ('database', database)):
            say(f'{name}: features of {len(images)} images ({role}), longest side '
                f'{cfg.sets[name].img_size} px, scales '
                f'{", ".join(f"{scale:.3g}" for scale in cfg.sets[name].scales)}')
            features[role], cut = extract_global_features(
                backbone, images, cfg.data_preprocessor.mean, cfg.data_preprocessor.std,
                cfg.sets[name].scales, cfg.num_workers)
            truncated += cut
        if truncated:
            say(f'{name}: {len(truncated)} image files end early; what is there of them was used: '
                f'{", ".join(truncated[:3])}{" ..." * (len(truncated) > 3)}')
        results[name] = dict(
            scores=retrieval_scores(features['queries'], features['database'], truth.gnd),
            images=len(database), queries=len(queries), truncated=truncated)
    return results


def table(results: dict) -> str:
    """All scores, and, for the benchmark's own sets, mAP beside that of the paper."""
    from mimco_mm.tables import REVISITED, TABLE_4, TABLE_9
    lines = ['set         level     mAP    mP@1    mP@5   mP@10   queries']
    for name, result in results.items():
        for level, scores in result['scores'].items():
            numbers = ''.join(f'{value:8.2f}' for key, value in scores.items() if key != 'queries')
            lines.append(f'{name:11} {level:6}{numbers}{scores["queries"]:10}')
    for name, result in results.items():
        size = (result['images'], result['queries'])
        if size != REVISITED.get(name):
            lines.append(f'{name} here has {size[0]} images and {size[1]} queries: not the '
                         "benchmark's own, so the paper's figures are not comparable.")
    real = [name for name, result in results.items()
            if (result['images'], result['queries']) == REVISITED.get(name)]
    columns = {title: key for title, key in COLUMNS.items() if key[0] in real}
    if columns:
        lines += ['', f'{"mAP, %":43}' + ''.join(f'{title:>8}' for title in columns)]
        ours = [results[name]['scores'][level]['mAP'] for name, level in columns.values()]
        rows = {'this checkpoint': ours, **{
            f'{row.method}, {row.epochs} epochs (paper)': [
                row.values['/'.join(key)] for key in columns.values()]
            for row in TABLE_4 + TABLE_9}}
        lines += [f'{title:43}' + ''.join(f'{value:8.2f}' for value in values)
                  for title, values in rows.items()]
    return '\n'.join(lines)


def without_nan(value):
    """A tree of dicts with None in place of NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def run(args: argparse.Namespace) -> None:
    import mmpretrain
    import torch

    import mimco_mm
    from mimco_mm.checkpoints import write_text
    from mimco_mm.evaluation import join_processes, load_frozen_backbone
    cfg = configured(args)
    rank = join_processes()
    say = print if rank == 0 else (lambda text: None)
    started = time.time()
    backbone, report = load_frozen_backbone(cfg.model.backbone, args.checkpoint)
    say(report)
    out = args.out or Path('work_dirs', 'retrieval', f'{Path(args.config).stem}_'
                           f'{Path(args.checkpoint).stem}_{report.sha256[:8]}.json')
    if rank == 0:
        out.parent.mkdir(parents=True, exist_ok=True)
    results = evaluate(cfg, backbone, say)
    if rank != 0:
        return
    write_text(out, json.dumps(without_nan(dict(
        results=results,
        checkpoint=dataclasses.asdict(report),
        config=cfg.to_dict(),
        command=shlex.join([sys.executable, *sys.argv]),
        versions=dict(mimco_mm=mimco_mm.__version__, mmpretrain=mmpretrain.__version__,
                      torch=torch.__version__),
        seconds=round(time.time() - started, 1))), indent=2, allow_nan=False) + '\n')
    print(f'\n{table(results)}\n\nResults and settings are in {out}')


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
