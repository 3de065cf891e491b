"""All transfers of one checkpoint: whose they are, their steps one after the other, the report."""

import shlex
import shutil
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional

from ..checkpoints import describe, network_name
from ..errors import ConfigError
from ..figures import write_report
from ..processes import number
from ..records import RecordError, write_json
from ..tables import effective_epochs, read_run, results_folder
from .options import tell_missing_images
from .plan import Machines, plan
from .running import check, run_step

# the algorithm's type -> its name in the paper's tables
METHODS = {'MoCoV3': 'MoCo v3', 'SimMIMMoBY': 'SimMIM + MoBY'}


class SuiteRequest(NamedTuple):
    """The options of tools/transfers/run.sh, by their names there.

    Attributes:
        data_root: benchmark -> folder.
        machines: of --gpus and --slurm.
    """

    checkpoint: str
    suite: List[str]
    work_dir: Optional[Path]
    data_root: Dict[str, str]
    machines: Machines
    network: Optional[str]
    method: Optional[str]
    epochs: Optional[int]
    cfg_options: List[str]
    dry_run: bool


def run_suite(request: SuiteRequest, root: Path) -> None:
    """Run what is not finished, and report all; of a dry run, print the commands.

    Args:
        request: what to run.
        root: folder of ``configs`` and ``tools``.

    Raises:
        UserError: nothing was run, for a reason that the user can mend.
        SystemExit: with 1, at the end, where a step has failed, or would.
    """
    run = identity(request)
    work_dir = request.work_dir or results_folder(request.checkpoint, run['sha256'])
    node = number('NODE_RANK', 0)
    steps = plan(root, work_dir, request.checkpoint, run['sha256'], run['network'], request.suite,
                 request.data_root, request.cfg_options, request.machines)
    if node:  # it takes part in the training alone
        steps = [step for step in steps if step.trained]
    if request.dry_run:
        for step in steps:
            if step.problem:
                print(f'# {step.name}: {step.problem}')
            else:
                tell_missing_images(step.identity['data_root'],
                                    f'--data-root {step.benchmark}=DIR', f'{step.name}: ')
                print(shlex.join(step.command))
        end_failed(step.problem for step in steps)
        return
    if request.machines.slurm and shutil.which('srun') is None:
        raise ConfigError("there is no srun here (Slurm's launcher): leave out --slurm to run on "
                          'this machine.')
    check_run(work_dir, run)
    check(steps, work_dir)
    if not node:
        run['problems'] = {step.name: step.problem for step in steps if step.problem}
        write_json(work_dir / 'run.json', run)
    outcomes = {step.name: run_step(step, work_dir, node) for step in steps}
    print('\n' + '\n'.join(f'{name}: {outcome}' for name, outcome in outcomes.items()))
    if not node:
        print(f'\n{write_report([work_dir], work_dir)}')
    end_failed(outcomes.values())


def end_failed(outcomes: Iterable[str]) -> None:
    """End with exit code 1 where a step has failed, or would."""
    if any(outcome.startswith('failed') for outcome in outcomes):
        raise SystemExit(1)


def identity(request: SuiteRequest) -> dict:
    """Which method, network and schedule the checkpoint is of.

    Raises:
        CheckpointError: it cannot be read.
        ConfigError: there are no configs for its network.
    """
    about = describe(request.checkpoint)
    network = request.network or network_name(about.architecture)
    if network is None:
        raise ConfigError(f'{request.checkpoint} is a {about.architecture}, for which there '
                          'are no configs; name those to take with --network')
    algorithm = about.meta.get('algorithm', about.found.release)
    epochs = request.epochs or about.meta.get('epoch')
    effective = effective_epochs(algorithm, epochs, about.meta.get('teacher_checkpoint')) \
        if epochs else None
    return dict(
        checkpoint=str(request.checkpoint), sha256=about.sha256, network=network,
        method=request.method or METHODS.get(algorithm, algorithm), epochs=epochs,
        effective_epochs=effective, seed=about.meta.get('seed'))


def check_run(work_dir: Path, run: dict) -> None:
    """Refuse a work dir of another checkpoint.

    Raises:
        RecordError: it is one.
    """
    stored = read_run(work_dir)['sha256'] if (work_dir / 'run.json').is_file() else run['sha256']
    if stored != run['sha256']:
        raise RecordError(
            f'{work_dir} has the results of a checkpoint with sha256 {stored[:12]}, and '
            f'{run["checkpoint"]} has {run["sha256"][:12]}. Choose another --work-dir, or remove '
            'that one.')
