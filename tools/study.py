"""The small study: the paper's methods on CIFAR-10 at 32 px, with a small Swin and a small ViT.

For each network and seed: MoBY, the teacher; SimMIM; MimCo with both losses, with one of them,
without masks; l1 of features; SimMIM + MoBY; and no pre-training. Each is judged by k-NN, a linear
classifier and fine-tuning. Writes study.md, scores.png, order.png and results.json into the work
dir. The same command goes on after an interruption; what is done is not done again, as long as it
is of the same images, configs and teacher; else it is refused.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if (ROOT / 'mimco_mm').is_dir():  # in a checkout, mimco_mm need not be installed
    sys.path.insert(0, str(ROOT))
CONFIGS = ROOT / 'configs' / 'study'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', choices=['full', 'reduced'], default='full',
                        help='full: for a GPU; reduced: for two CPU cores (default: %(default)s)')
    parser.add_argument('--data-root', type=Path, default=Path('data/cifar10'),
                        help='folder of train/CLASS and test/CLASS (default: %(default)s)')
    parser.add_argument('--download', action='store_true',
                        help='fetch CIFAR-10 with torchvision into --data-root, if it is not there')
    parser.add_argument('--work-dir', type=Path,
                        help='folder of runs and results (default: work_dirs/study_SIZE)')
    parser.add_argument('--networks', nargs='+', choices=['swin', 'vit'], default=['swin', 'vit'])
    parser.add_argument('--rows', nargs='+', metavar='ROW', default=None,
                        help='methods, by the names of mimco_mm/study/plan.py; the teacher of '
                             'those that have one is added (default: all)')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--workers', type=int,
                        help='jobs at a time (default: a CPU core each; with a GPU half the '
                             'cores, 8 at most)')
    args = parser.parse_args(argv)
    args.work_dir = (args.work_dir or Path('work_dirs', f'study_{args.size}')).resolve()
    return args


def chosen_rows(names: list[str] | None) -> list:
    """The rows of these names, and the teacher where one of them needs it."""
    from mimco_mm.study import ROWS, TEACHER
    known = {row.name: row for row in ROWS}
    unknown = set(names or ()) - known.keys()
    if unknown:
        sys.exit(f'error: --rows expects some of {", ".join(known)}, got {", ".join(unknown)}')
    rows = [known[name] for name in names or known]
    if any(row.taught for row in rows) and TEACHER not in rows:
        rows.append(TEACHER)
    return rows


def prepare(args: argparse.Namespace) -> None:
    """The images, and a work dir of one setting: its results must not be another's."""
    from mimco_mm.analysis import RecordError, folder_identity, stored_record, write_json
    from mimco_mm.study import SIZES, check_classes, write_cifar10, write_subset
    if args.download and not args.data_root.is_dir():
        args.data_root.parent.mkdir(parents=True, exist_ok=True)
        write_cifar10(args.data_root)
    size = SIZES[args.size]
    identity = dict(size=size._asdict(), data_root=str(args.data_root.resolve()),
                    images=folder_identity(args.data_root))
    file = args.work_dir / 'settings.json'
    try:
        stored = stored_record(file, identity, 'Choose another --work-dir, or remove that one.')
        check_classes(args.data_root)
    except (FileNotFoundError, RecordError) as error:
        sys.exit(f'error: {error}')
    if stored is None:
        args.work_dir.mkdir(parents=True, exist_ok=True)
        write_json(file, dict(identity=identity))
    if not (args.work_dir / 'data').is_dir():
        write_subset(args.data_root, args.work_dir / 'data', size.train, size.test)


def begin_worker(log: Path) -> None:
    """In each process: its output goes into a file."""
    with open(log, 'a') as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)


def run_all(args: argparse.Namespace, rows: list) -> tuple[list[dict], list[str]]:
    """Results of all jobs, under a progress bar, and what became of those that failed."""
    import torch
    from rich.progress import BarColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    from mimco_mm.study import SIZES, TEACHER, jobs, run_job
    size = SIZES[args.size]
    cores, gpu = os.cpu_count() or 1, torch.cuda.is_available()
    workers = args.workers or (max(1, min(8, cores // 2)) if gpu else cores)
    # torch's and scikit-learn's threads: each process keeps to its share of the cores
    os.environ['OMP_NUM_THREADS'] = str(max(1, cores // workers))
    waiting = jobs(size, args.networks, args.seeds, rows)
    results, failed, running = [], [], {}
    taught = {(job.network, job.seed): False for job in waiting}  # whether its teacher is there
    columns = ('{task.description}', BarColumn(), '{task.percentage:3.0f} %', TimeElapsedColumn(),
               'left:', TimeRemainingColumn(elapsed_when_finished=False))
    with ProcessPoolExecutor(
            workers, get_context('spawn'), begin_worker,
            (args.work_dir / 'study.log', )) as pool, Progress(
                *columns, speed_estimate_period=3600) as bar:
        task = bar.add_task('study', total=sum(job.work(size) for job in waiting))
        while waiting or running:
            for job in [job for job in waiting if not job.row.taught
                        or taught[job.network, job.seed]][:workers - len(running)]:
                waiting.remove(job)
                future: Future = pool.submit(run_job, job, size, CONFIGS, args.work_dir,
                                             max(1, cores // workers) if gpu else 0)
                running[future] = job
            if not running:  # the teachers of these have failed
                failed += [f'{job.name}: has no teacher' for job in waiting]
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                bar.update(task, advance=job.work(size), description=job.name)
                if future.exception() is not None:
                    failed.append(f'{job.name}: {future.exception()}')
                    bar.print(failed[-1])
                    continue
                results.append(future.result())
                taught[job.network, job.seed] |= job.row == TEACHER
    return results, failed


def report(args: argparse.Namespace, results: list[dict], seconds: float) -> None:
    from mimco_mm.checkpoints import write_text
    from mimco_mm.study import SIZES, as_markdown, compare, plot_order, plot_scores
    results = sorted(results, key=lambda r: (r['network'], r['row'], r['seed']))
    outcomes = compare(results, args.networks)
    text = as_markdown(results, outcomes, SIZES[args.size])
    write_text(args.work_dir / 'results.json', json.dumps(
        dict(size=SIZES[args.size]._asdict(), seconds=round(seconds), jobs=results), indent=1)
        + '\n')
    write_text(args.work_dir / 'study.md', text)
    plot_scores(results).savefig(args.work_dir / 'scores.png', dpi=120)
    if outcomes:
        plot_order(outcomes).savefig(args.work_dir / 'order.png', dpi=120)
    print(text + f'\nMeasured in {seconds:.0f} s; results and pictures are in {args.work_dir}')


def main() -> None:
    args = parse_args()
    rows = chosen_rows(args.rows)
    prepare(args)
    started = time.time()
    results, failed = run_all(args, rows)
    if results:
        report(args, results, time.time() - started)
    if failed:
        sys.exit('error: these jobs failed, see study.log; the same command tries them again:\n'
                 + '\n'.join(failed))


if __name__ == '__main__':
    main()
