import json
from pathlib import Path
from typing import List

from ..checkpoints import write_text
from ..records import read_json
from .plan import Size


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
