"""The small study: the paper's methods on CIFAR-10 at 32 px, with a small Swin and a small ViT.

For each network and seed: MoBY, the teacher; SimMIM; MimCo with both losses, with one of them,
without masks; l1 of features; SimMIM + MoBY; and no pre-training. Each is judged by k-NN, a linear
classifier and fine-tuning. Writes results.json after each job, and at the end study.md, scores.png,
order.png (of two seeds or more) and, of --part epochs, lengths.png (of two lengths or more) into
the folder of --out. The same command goes on after an interruption; what is done is not done again,
as long as it is of the same images, configs and teacher; else it is refused.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from arguments import add_study_data
from command_line import Parser, count, run_tool

# those of mimco_mm.study, which is slow to import: not for --help
ROWS = ('scratch', 'moby', 'simmim-long', 'simmim', 'simmim-moby', 'mimco', 'patch-only',
        'image-only', 'l1', 'no-mask')
OPTIONS = dict(data_root='data', workers='jobs')  # argument -> its option


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('--size', choices=['full', 'medium', 'reduced'], default='full',
                        help='full: for a GPU; medium: for two CPU cores and two nights; '
                             'reduced: for a quick check (default: %(default)s)')
    parser.add_argument('--set', nargs='+', action='extend', default=[], metavar='FIELD=N',
                        help='change a number of the size, e.g. train=20 test=20 epochs=1 '
                             'finetune_epochs=1 batch_size=16, for a trial')
    parser.add_argument('--part', choices=['rows', 'epochs'], default='rows',
                        help='rows: all methods; epochs: MimCo, no mask and l1 over the epochs of '
                             'stage 2 (default: %(default)s)')
    add_study_data(parser)
    parser.add_argument('--out', '--work-dir', dest='work_dir', type=Path,
                        help='folder of runs and results (default: work_dirs/study_SIZE)')
    parser.add_argument('--networks', nargs='+', choices=['vit', 'swin'],
                        help='default: vit swin, and vit of --part epochs')
    parser.add_argument('--rows', nargs='+', metavar='ROW',
                        help=f'methods, some of {", ".join(ROWS)}; the teacher (moby) of those '
                             'that have one is added (default: all)')
    parser.add_argument('--lengths', nargs='+', type=int, metavar='N',
                        help='epochs of stage 2 of --part epochs (default: 3 10 20 40)')
    parser.add_argument('--seeds', nargs='+', type=int,
                        help='default: 0 1 2, and 0 1 2 3 4 of --size medium --part rows')
    parser.add_argument('--jobs', '--workers', dest='workers', type=count,
                        help='jobs at a time (default: a CPU core each; with a GPU half the '
                             'cores, 8 at most)')
    parser.add_argument('--only-report', action='store_true',
                        help='write tables and plots of all that is done in --out, and train '
                             'nothing')
    args = parser.parse_args(argv)
    if args.only_report:
        idle = [name for name in ('set', 'part', 'data_root', 'download', 'networks', 'rows',
                                  'lengths', 'seeds', 'workers')
                if getattr(args, name) != parser.get_default(name)]
        if idle:
            parser.error('--only-report is of all that lies in --out (or in the folder of --size): '
                         f'leave out --{", --".join(OPTIONS.get(name, name) for name in idle)}')
    for name in ('networks', 'rows', 'lengths', 'seeds'):
        given = getattr(args, name)
        if given and len(set(given)) < len(given):
            parser.error(f'--{name} has something twice: {" ".join(map(str, given))}')
    if min(args.seeds or [0]) < 0:
        parser.error(f'--seeds: expected numbers from 0 up, got {min(args.seeds)}')
    args.work_dir = (args.work_dir or Path('work_dirs', f'study_{args.size}')).resolve()
    if args.rows and args.part == 'epochs' or args.lengths and args.part == 'rows':
        sys.exit('error: --rows goes with --part rows, --lengths with --part epochs')
    return args


def main() -> None:
    args = parse_args()
    from mimco_mm.study import (
        changed_size,
        choose_jobs,
        prepare,
        stored_size,
        train_all,
        write_study,
    )
    if args.only_report:
        print(write_study(args.work_dir, stored_size(args.work_dir)), end='')
        return
    size = changed_size(args.size, args.set)
    jobs = choose_jobs(args.part, args.size, size, args.networks, args.seeds, args.rows,
                       args.lengths)
    prepare(args.data_root, args.work_dir, size, args.download)
    failed = train_all(jobs, size, args.work_dir, args.workers)
    print(write_study(args.work_dir, size), end='')
    if failed:
        sys.exit('error: these jobs failed, see study.log; the same command tries them again:\n'
                 + '\n'.join(failed))


if __name__ == '__main__':
    run_tool(main, goes_on=True)
