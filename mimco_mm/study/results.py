"""What a study has found so far, gathered from its jobs: in figures, tables and pictures."""

import json
from pathlib import Path
from typing import List

from ..checkpoints import write_text
from ..names import counted
from ..records import read_json
from .comparisons import compare
from .plan import LENGTH_ROWS, NETWORKS, Size
from .plots import plot_lengths, plot_order, plot_scores
from .report import as_markdown, of_rows


def write_results(work_dir: Path, size: Size) -> List[dict]:
    """Gather the results of all jobs that are done into work_dir/results.json, one a line.

    Args:
        work_dir: see ``run_job``.
        size: of the jobs.

    Returns:
        the results, see ``run_job``.
    """
    found = sorted((read_json(file) for file in work_dir.glob('*_seed-*/results.json')),
                   key=lambda r: (r['network'], r['row'], r['epochs'], r['seed']))
    lines = ',\n'.join(f'  {json.dumps(result)}' for result in found)
    seconds = sum(sum(result['seconds'].values()) for result in found)
    write_text(work_dir / 'results.json',
               f'{{\n "size": {json.dumps(size._asdict())},\n "seconds": {seconds:.0f},\n'
               f' "jobs": [\n{lines}\n ]\n}}\n')
    return found


def write_study(work_dir: Path, size: Size) -> str:
    """Write tables and pictures of all jobs that are done; returns what to read of them, if any."""
    results = write_results(work_dir, size)
    if not results:
        return ''
    rows = of_rows(results, size)
    outcomes = compare(rows, [network for network in NETWORKS
                              if any(r['network'] == network for r in rows)])
    text = as_markdown(rows, outcomes, size)
    write_text(work_dir / 'study.md', text)
    plot_scores(rows).savefig(work_dir / 'scores.png', dpi=120)
    if outcomes:
        plot_order(outcomes).savefig(work_dir / 'order.png', dpi=120)
    if len({r['epochs'] for r in results if r['row'] in LENGTH_ROWS}) > 1:
        plot_lengths(results, size).savefig(work_dir / 'lengths.png', dpi=120)
    return f'{text}\nOf {counted(len(results), "job")}; results and pictures are in {work_dir}\n'
