"""``python -m tests.attacks``: every attack of docs/reliability.md, and its table."""

import argparse
import json
import tempfile
import time
from pathlib import Path

from rich.progress import track

from mimco_mm.checkpoints import write_text

from . import data, disks, evil, kills, signals, states, teachers
from .outcome import table

ATTACKS = dict(
    kills=lambda folder, args: kills.run(folder, args.kills, args.seed),
    signals=lambda folder, args: signals.run(folder, args.seed),
    states=lambda folder, args: states.run(folder),
    disks=lambda folder, args: disks.run(folder),
    data=lambda folder, args: data.run(folder),
    teachers=lambda folder, args: teachers.run(folder),
    evil=lambda folder, args: evil.run(folder),
)


def main() -> None:
    args = parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix='attacks_') as folder:
        for attack in args.attacks or ATTACKS:
            tries = ATTACKS[attack](Path(folder, attack), args)
            for outcome in track(tries, attack, total=None):
                print(f'{"survived" if outcome.survived else "LOST":8} {outcome.kind}: '
                      f'{outcome.name}: {outcome.told}', flush=True)
                outcomes.append(outcome)
                write_text(args.out, json.dumps([o._asdict() for o in outcomes], indent=1))
    print(table(outcomes), f'All tries: {args.out}', sep='\n\n')
    raise SystemExit(any(not outcome.survived for outcome in outcomes))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='python -m tests.attacks', description='Attack runs, files and data, and count what '
        'survives; exit 1 if anything does not. Some hours of tries by default.')
    parser.add_argument('attacks', nargs='*', metavar='ATTACK',
                        help=f'of {", ".join(ATTACKS)}; all by default')
    parser.add_argument('--kills', type=int, default=50, help='(default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of moments (default: %(default)s)')
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        default=Path('work_dirs/reliability', f'{time.strftime("%Y%m%d")}.json'),
                        help='every try (default: %(default)s)')
    args = parser.parse_args()
    unknown = [attack for attack in args.attacks if attack not in ATTACKS]
    if unknown:
        parser.error(f'no attack {", ".join(unknown)}; there are {", ".join(ATTACKS)}')
    return args


if __name__ == '__main__':
    main()
