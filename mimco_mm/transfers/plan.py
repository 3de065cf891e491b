"""What tools/transfers/run.sh runs: the benchmarks, their configs and their commands."""

import sys
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from mmengine.config import Config

from ..datasets import address_of
from ..errors import ConfigError
from ..options import as_option, load_config
from ..processes import number
from ..tables import BENCHMARKS
from .options import absolute, as_texts, data_keys, data_root, share_out, what_matters

# benchmark -> configs, by the pattern of their names; trained ones go through tools/train.py
TRAINED = dict(
    imagenet='imagenet/{network}.py',
    linear='linear/{network}.py',
    coco='coco/mask-rcnn_{network}_1x.py',
    ade20k='ade20k/upernet_{network}_160k.py',
)
FROZEN = dict(
    knn=('knn.py', {'': 'knn/{network}.py'}),
    retrieval=('retrieval.py', {'dino': 'retrieval/{network}_dino.py',
                                'ibot': 'retrieval/{network}_ibot.py'}),
)
SUITE = BENCHMARKS
MEETING = ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT')  # of several machines


class Step(NamedTuple):
    """One command of a suite.

    Attributes:
        name: of the folder of its results.
        benchmark: one of ``SUITE``.
        command: its words; empty where it cannot be run.
        identity: what its result is of; a stored one is used again only if its is the same.
        problem: why it cannot be run; '' where it can.
    """

    name: str
    benchmark: str
    command: List[str]
    identity: dict
    problem: str = ''

    @property
    def trained(self) -> bool:
        """Whether it trains, on all machines; features are taken on the first one alone."""
        return self.benchmark in TRAINED


class Machines(NamedTuple):
    """What runs the steps.

    Attributes:
        gpus: processes a machine, with ``slurm`` in all.
        slurm: a partition.
        nodes: machines that train together, each of which has started the suite.
    """

    gpus: int
    slurm: Optional[str] = None
    nodes: int = 1


def plan(root: Path, work_dir: Path, checkpoint: str, sha256: str, network: str,
         suite: Sequence[str], data_roots: Mapping[str, str], options: Sequence[str],
         machines: Machines) -> List[Step]:
    """The steps of a suite of transfers, in its order; those of several machines first.

    Args:
        root: folder of ``configs`` and ``tools``.
        work_dir: folder of all results.
        checkpoint: path or URL of what is measured.
        sha256: its hash.
        network: whose configs to take.
        suite: some of ``SUITE``.
        data_roots: benchmark -> folder or address of its images, where it is not the config's.
        options: see ``share_out``.
        machines: what runs them.

    Raises:
        OptionError: an option or data root that no step, or not every step, would use.
    """
    if machines.nodes > 1:  # what the first one measures alone comes last: none waits for it
        suite = sorted(suite, key=lambda benchmark: benchmark in FROZEN)
    files = {name: (benchmark, root / 'configs' / 'benchmarks' / pattern)
             for benchmark in suite for name, pattern in _configs(benchmark, network)}
    read = {name: _read(file, network) for name, (_, file) in files.items()}
    shared = share_out(options, SUITE, {
        name: (files[name][0], cfg) for name, (cfg, _) in read.items() if cfg is not None})
    steps = []
    for name, (benchmark, file) in files.items():
        cfg, problem = read[name]
        moved = address_of(data_roots[benchmark]) if benchmark in data_roots else None
        if cfg is None:
            steps.append(Step(name, benchmark, [], {}, problem))
            continue
        identity = dict(
            start_sha256=sha256, config=f'{file.parent.name}/{file.name}',
            data_root=absolute(moved or data_root(cfg)),
            options=what_matters(shared[name]), settings=what_matters(cfg.to_dict()))
        command = _trained if benchmark in TRAINED else _frozen
        steps.append(Step(name, benchmark, command(
            root, work_dir / name, file, cfg, checkpoint, moved, shared[name], machines), identity))
    return steps


def _configs(benchmark: str, network: str) -> List[Tuple[str, str]]:
    """(folder of results, config) of each setting of a benchmark."""
    settings = {'': TRAINED[benchmark]} if benchmark in TRAINED else FROZEN[benchmark][1]
    return [(f'{benchmark}-{setting}' if setting else benchmark, pattern.format(network=network))
            for setting, pattern in settings.items()]


def _read(file: Path, network: str) -> Tuple[Optional[Config], str]:
    """The config, or why there is none."""
    if not file.is_file():
        return None, f'no config for {network}'
    try:
        return load_config(str(file)), ''
    except ConfigError as error:  # of a library that is not there, say
        return None, f'failed: {error}'


def _trained(root: Path, folder: Path, config: Path, cfg: Config, checkpoint: str,
             moved: Optional[str], options: Dict[str, str], machines: Machines) -> List[str]:
    keys = {'model.backbone.init_cfg.checkpoint': checkpoint}
    keys.update(data_keys(cfg, moved) if moved else {})
    tail = ['--resume', '--cfg-options', *(as_option(*item) for item in keys.items()),
            *as_texts(options)]
    if machines.slurm:
        return ['env', f'GPUS={machines.gpus}', str(root / 'tools/slurm_train.sh'),
                machines.slurm, folder.name, str(config), str(folder), *tail]
    return [str(root / 'tools/dist_train.sh'), str(config), str(machines.gpus), '--work-dir',
            str(folder), *tail]


def _frozen(root: Path, folder: Path, config: Path, cfg: Config, checkpoint: str,
            moved: Optional[str], options: Dict[str, str], machines: Machines) -> List[str]:
    tool = FROZEN[folder.name.partition('-')[0]][0]
    gpus, job = machines.gpus, []
    if machines.nodes > 1:  # one machine's GPUs are enough for features
        job = ['env', *(word for name in MEETING for word in ('-u', name))]
    if machines.slurm:  # likewise
        gpus = min(gpus, number('GPUS_PER_NODE', 8, least=1))
        job += ['srun', f'--partition={machines.slurm}', f'--job-name={folder.name}', '--ntasks=1',
                f'--gres=gpu:{gpus}', f'--cpus-per-task={8 * gpus}']
    return [*job, sys.executable, str(root / 'tools/transfers' / tool), str(config), checkpoint,
            '--gpus', str(gpus), '--out', str(folder / 'results.json'),
            *(['--data-root', moved] if moved else []),
            *(['--cfg-options', *as_texts(options)] if options else [])]
