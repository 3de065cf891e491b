"""Table 6's sweep: a fine-tuning for each pair of drop path rate and layer decay."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..checkpoints import local_file, sha256_of
from ..errors import UserError
from ..options import apply_options, as_option, load_config
from ..records import stored_record, write_json, write_result
from ..tables import TABLE_6_PAIRS, Result, objections, read_logged
from .options import absolute, data_keys

Pair = Tuple[float, float]


class Sweep(NamedTuple):
    """The options of tools/transfers/table6.py, by their names there.

    Attributes:
        root: folder of ``tools``.
    """

    root: Path
    config: str
    checkpoint: str
    pairs: List[Pair]
    gpus: int
    work_dir: Path
    cfg_options: List[str]
    data_root: Optional[str] = None

    @property
    def network(self) -> str:
        return Path(self.config).stem

    def folder(self, pair: Pair) -> Path:
        return self.work_dir / f'drop-path-{pair[0]:g}_layer-decay-{pair[1]:g}'

    def command(self, pair: Pair) -> List[str]:
        """The run of one pair; --resume begins it, too."""
        drop_path, decay = pair
        moved = data_keys(load_config(self.config), absolute(self.data_root)) \
            if self.data_root else {}
        return ['bash', str(self.root / 'tools' / 'dist_train.sh'), self.config, str(self.gpus),
                '--work-dir', str(self.folder(pair)), '--resume', '--cfg-options',
                as_option('model.backbone.init_cfg.checkpoint', self.checkpoint),
                f'model.backbone.drop_path_rate={drop_path:g}',
                f'optim_wrapper.paramwise_cfg.layer_decay_rate={decay:g}',
                *(as_option(*item) for item in moved.items()), *self.cfg_options]


def run_sweep(sweep: Sweep) -> Path:
    """Run what is not finished, print the table beside the paper's; the file of the results.

    Raises:
        UserError: an option that does not suit the config, a folder of another run, or one whose
            run stopped.
    """
    apply_options(load_config(sweep.config), sweep.cfg_options)
    results = {pair: run_pair(sweep, pair) for pair in sweep.pairs}
    print(table(sweep.network, results))
    out, first = sweep.work_dir / 'results.json', next(iter(results.values()))
    write_result(
        out, 'table6', sweep.config, sweep.checkpoint, first.start_sha256, data=first.data,
        results={name_of(pair): result.values['top1'] for pair, result in results.items()},
        best={name_of(pair): result.best['top1'] for pair, result in results.items()})
    return out


def name_of(pair: Pair) -> str:
    return f'drop_path={pair[0]:g} layer_decay={pair[1]:g}'


def run_pair(sweep: Sweep, pair: Pair) -> Result:
    """One pair's result; what is finished is read from its folder."""
    folder, line = sweep.folder(pair), sweep.command(pair)
    print(f'\n$ {shlex.join(line)}', flush=True)
    record = dict(identity=identity(sweep, line), finished=False)
    stored = stored_record(folder / 'record.json', record['identity'],
                           'Choose another --work-dir, or remove that folder.')
    if not (stored or record)['finished']:
        write_json(folder / 'record.json', record)
        code = subprocess.run(line, env=environment()).returncode
        if code:
            raise UserError(f'this run stopped (exit {code}); its lines above say why, and the '
                            'same command resumes it')
        write_json(folder / 'record.json', dict(record, finished=True))
    result = read_logged(folder, 'imagenet')
    if 'top1' not in result.values:
        raise UserError(f'{folder} has no accuracy/top1 in its log: validation was off')
    print(f'top-1 {result.values["top1"]:.2f} %, best {result.best["top1"]:.2f} %', flush=True)
    return result


def identity(sweep: Sweep, line: List[str]) -> Dict[str, str]:
    """What a run is of: its command, and what the files that this names hold."""
    return dict(command=shlex.join(line), start_sha256=local_file(sweep.checkpoint).sha256,
                config_sha256=sha256_of(Path(sweep.config)))


def environment() -> Dict[str, str]:
    """That of the shell, in which `python` is this Python."""
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ.get("PATH", "")}'
    return {**os.environ, 'PATH': path, 'VIRTUAL_ENV': sys.prefix}


def table(network: str, results: Dict[Pair, Result]) -> str:
    """Top-1 of each run's last evaluation and the best of all, and the paper's where they compare.

    As in the report of run.sh: the last one is what stands beside the paper's figure.
    """
    paper = TABLE_6_PAIRS.get(network, {})
    lines = [f'\n{"drop path":>10}{"layer decay":>13}{"top-1, %":>10}{"best":>8}{"paper":>8}']
    for (drop_path, decay), result in results.items():
        expected, reasons = paper.get((drop_path, decay)), objections(dict(network=network), result)
        lines.append(
            f'{drop_path:10g}{decay:13g}{result.values["top1"]:10.2f}{result.best["top1"]:8.2f}'
            + (f'{expected:8.2f}' if expected and not reasons else f'{"-":>8}')
            + (f"  not the paper's: {'; '.join(reasons)}" if reasons else ''))
    return '\n'.join(lines)
