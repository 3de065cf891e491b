"""The small study: the paper's methods on CIFAR-10 at 32 px, with a small Swin and a small ViT.

For each network and seed: MoBY, the teacher; SimMIM; MimCo with both losses, with one of them,
without masks; l1 of features; SimMIM + MoBY; and no pre-training. Each is judged by k-NN, a linear
classifier and fine-tuning. Writes results.json after each job, and at the end study.md, scores.png,
order.png and, of --part epochs, lengths.png into the folder of --out. The same command goes on
after an interruption; what is done is not done again, as long as it is of the same images, configs
and teacher; else it is refused.
"""

import argparse
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import ROOT, Parser, count, run_tool

CONFIGS = ROOT / 'configs' / 'study'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('--size', choices=['full', 'medium', 'reduced'], default='full',
                        help='full: for a GPU; medium: for two CPU cores and a night; reduced: '
                             'for a quick check (default: %(default)s)')
    parser.add_argument('--set', nargs='+', action='extend', default=[], metavar='FIELD=N',
                        help='change a number of the size, e.g. train=20 test=20 epochs=1 '
                             'finetune_epochs=1 batch_size=16, for a trial')
    parser.add_argument('--part', choices=['rows', 'epochs'], default='rows',
                        help='rows: all methods; epochs: MimCo, no mask and l1 over the epochs of '
                             'stage 2 (default: %(default)s)')
    parser.add_argument('--data', '--data-root', dest='data_root', type=Path,
                        default=Path('data/cifar10'),
                        help='folder of train/CLASS and test/CLASS (default: %(default)s)')
    parser.add_argument('--download', action='store_true',
                        help='fetch CIFAR-10 with torchvision into --data, if it is not there')
    parser.add_argument('--out', '--work-dir', dest='work_dir', type=Path,
                        help='folder of runs and results (default: work_dirs/study_SIZE)')
    parser.add_argument('--networks', nargs='+', choices=['vit', 'swin'],
                        help='default: vit swin, and vit of --part epochs')
    parser.add_argument('--rows', nargs='+', metavar='ROW',
                        help='methods, by the names of mimco_mm/study/plan.py; the teacher of '
                             'those that have one is added (default: all)')
    parser.add_argument('--lengths', nargs='+', type=int, metavar='N',
                        help='epochs of stage 2 of --part epochs (default: 3 10 20 40)')
    parser.add_argument('--seeds', nargs='+', type=int,
                        help='default: 0 1 2, and 0 1 2 3 4 of --size medium --part rows')
    parser.add_argument('--jobs', '--workers', dest='workers', type=count,
                        help='jobs at a time (default: a CPU core each; with a GPU half the '
                             'cores, 8 at most)')
    parser.add_argument('--only-report', action='store_true',
                        help='write tables and plots of the jobs that are done, and train nothing')
    args = parser.parse_args(argv)
    args.work_dir = (args.work_dir or Path('work_dirs', f'study_{args.size}')).resolve()
    if args.rows and args.part == 'epochs' or args.lengths and args.part == 'rows':
        sys.exit('error: --rows goes with --part rows, --lengths with --part epochs')
    return args


def chosen_size(args: argparse.Namespace):
    """The size, with the numbers of --set."""
    from mimco_mm.study import SIZES
    size = SIZES[args.size]
    for setting in args.set:
        field, _, number = setting.partition('=')
        if field not in size._fields or not number.isdecimal() or int(number) < 1:
            sys.exit(f'error: --set expects FIELD=N, a number from 1 up, FIELD one of '
                     f'{", ".join(size._fields)}; got {setting}')
        size = size._replace(**{field: int(number)})
    return size


def chosen_jobs(args: argparse.Namespace, size) -> list:
    """The jobs to do; the teacher is among them where one needs it."""
    from mimco_mm.study import NETWORKS, ROWS, SEEDS, TEACHER, jobs, length_jobs
    given = dict(networks=args.networks, seeds=args.seeds)
    if args.part == 'epochs':
        given.update(lengths=args.lengths)
        return length_jobs(size, **{name: value for name, value in given.items() if value})
    known = {row.name: row for row in ROWS}
    unknown = set(args.rows or ()) - known.keys()
    if unknown:
        sys.exit(f'error: --rows expects some of {", ".join(known)}, got {", ".join(unknown)}')
    rows = [known[name] for name in args.rows or known]
    if any(row.taught for row in rows) and TEACHER not in rows:
        rows.append(TEACHER)
    return jobs(size, args.networks or NETWORKS, args.seeds or SEEDS[args.size], rows)


def prepare(args: argparse.Namespace, size) -> None:
    """The images, and a work dir of one setting: its results must not be another's."""
    from mimco_mm.records import RecordError, folder_identity, stored_record, write_json
    from mimco_mm.study import check_classes, write_cifar10, write_subset
    if args.download and not args.data_root.is_dir():
        args.data_root.parent.mkdir(parents=True, exist_ok=True)
        write_cifar10(args.data_root)
    identity = dict(size=size._asdict(), data_root=str(args.data_root.resolve()),
                    images=folder_identity(args.data_root))
    file = args.work_dir / 'settings.json'
    try:
        stored = stored_record(file, identity, 'Choose another --out, or remove that one.')
        check_classes(args.data_root)
    except (FileNotFoundError, RecordError) as error:
        sys.exit(f'error: {error}')
    if stored is None:
        args.work_dir.mkdir(parents=True, exist_ok=True)
        write_json(file, dict(identity=identity))
    if not (args.work_dir / 'data').is_dir():
        write_subset(args.data_root, args.work_dir / 'data', size.train, size.test)


def train_all(args: argparse.Namespace, size, waiting: list) -> list[str]:
    """Do all jobs under a progress bar; what became of those that failed."""
    import torch
    from rich.progress import BarColumn, Progress, TimeElapsedColumn

    from mimco_mm.launching.run_lock import run_lock
    from mimco_mm.study import run_all, write_results
    cores, gpu = os.cpu_count() or 1, torch.cuda.is_available()
    workers = args.workers or (max(1, min(8, cores // 2)) if gpu else cores)
    threads = max(1, cores // workers)
    # torch's and scikit-learn's threads: each process keeps to its share of the cores
    os.environ['OMP_NUM_THREADS'] = str(threads)
    columns = ('{task.description}', BarColumn(), '{task.percentage:3.0f} %', TimeElapsedColumn())
    with run_lock(str(args.work_dir)), Progress(*columns) as bar:
        task = bar.add_task(f'{len(waiting)} jobs', total=1.)

        def tell(job, line: str, done: float, left: float) -> None:
            write_results(args.work_dir, size)
            left_text = f'left: {timedelta(seconds=round(left))}'
            bar.update(task, completed=done, description=left_text)
            print(f'{time.strftime("%d %b %H:%M")} {line}; {done:.0%} of the work done, '
                  f'{left_text}', flush=True)

        return run_all(waiting, size, CONFIGS, args.work_dir, workers, threads if gpu else 0,
                       tell)


def report(args: argparse.Namespace, size) -> None:
    """Tables and plots of all jobs of the folder that are done."""
    from mimco_mm.checkpoints import write_text
    from mimco_mm.study import (
        LENGTH_ROWS,
        NETWORKS,
        as_markdown,
        compare,
        of_rows,
        plot_lengths,
        plot_order,
        plot_scores,
        write_results,
    )
    results = write_results(args.work_dir, size)
    if not results:
        return
    rows = of_rows(results, size)
    outcomes = compare(rows, [network for network in NETWORKS
                              if any(r['network'] == network for r in rows)])
    text = as_markdown(rows, outcomes, size)
    write_text(args.work_dir / 'study.md', text)
    plot_scores(rows).savefig(args.work_dir / 'scores.png', dpi=120)
    if outcomes:
        plot_order(outcomes).savefig(args.work_dir / 'order.png', dpi=120)
    if len({r['epochs'] for r in results if r['row'] in LENGTH_ROWS}) > 1:
        plot_lengths(results, size).savefig(args.work_dir / 'lengths.png', dpi=120)
    print(f'{text}\nOf {len(results)} jobs; results and pictures are in {args.work_dir}')


def main() -> None:
    args = parse_args()
    size = chosen_size(args)
    waiting = chosen_jobs(args, size)
    prepare(args, size)
    failed = [] if args.only_report else train_all(args, size, waiting)
    report(args, size)
    if failed:
        sys.exit('error: these jobs failed, see study.log; the same command tries them again:\n'
                 + '\n'.join(failed))


if __name__ == '__main__':
    run_tool(main)
