"""Machines that wait for one another, and launchers that were named and are not there."""

import os
from contextlib import contextmanager
from datetime import timedelta
from typing import Dict, Iterator

from torch.distributed import DistError, TCPStore

from ..errors import ConfigError

WAIT = 'MEETING_TIMEOUT'  # seconds that machines wait for one another
# launcher -> what it sets in the environment of each process, and what starts it
LAUNCHERS = dict(
    pytorch=(('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
             'torchrun; or leave --launcher out and take --gpus N, which starts the processes'),
    slurm=(('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
           'srun, as tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR does'),
    mpi=(('OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE',
          'MASTER_ADDR'), "Open MPI's mpirun, with MASTER_ADDR set"))
# launcher -> the names that processes go by from here on: those of the launcher. mmengine sets
# LOCAL_RANK of Slurm's, by which a model is wrapped, but not of MPI's.
RANKS = dict(slurm=dict(RANK='SLURM_PROCID'),
             mpi=dict(RANK='OMPI_COMM_WORLD_RANK', LOCAL_RANK='OMPI_COMM_WORLD_LOCAL_RANK'))


def check_launcher(launcher: str) -> None:
    """Refuse the name of a launcher that has not started this process, and learn its rank.

    Raises:
        ConfigError: it says what to type.
    """
    names, starter = LAUNCHERS.get(launcher, ((), ''))
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ConfigError(f'--launcher {launcher} is for processes that it has started, and '
                          f'{", ".join(missing)} of its environment is not there: start this by '
                          f'{starter}.')
    os.environ.update({ours: os.environ[name] for ours, name in RANKS.get(launcher, {}).items()})


def check_alone() -> None:
    """Refuse to work alone in a process that was started as one of several.

    Each of them would train, or test, by itself, into the same folder.

    Raises:
        ConfigError: it says what to type.
    """
    ranks = os.environ.get('WORLD_SIZE', '1')
    if 'RANK' in os.environ and ranks != '1':
        raise ConfigError(
            f'This is rank {os.environ["RANK"]} of {ranks} processes, by RANK and WORLD_SIZE of '
            'its environment, and each would work by itself: add --launcher pytorch. If they are '
            'left from something else: unset RANK WORLD_SIZE.')


@contextmanager
def meeting(address: str, port: int, nodes: int, rank: int, wait: int) -> Iterator[Dict[str, str]]:
    """Say what several machines wait for, and end by a message where one does not come.

    Args:
        address: of machine 0.
        port: there.
        nodes: how many machines.
        rank: this one's number; machine 0 keeps the store where all ranks meet.
        wait: seconds.

    Yields:
        Variables by which the ranks find the store.

    Raises:
        ConfigError: they have not met in this time.
    """
    if nodes == 1:
        yield {}
        return
    print(f'Waiting for {nodes} machines to meet at {address}:{port}, {wait} s at most '
          f'({WAIT}).', flush=True)
    try:
        store = TCPStore(address, port, nodes, is_master=rank == 0,
                         timeout=timedelta(seconds=wait))
    except DistError as error:
        raise ConfigError(
            f'{nodes} machines did not meet at {address}:{port} within {wait} s: {said(error)}. Is '
            'the same command running on each, with its own NODE_RANK, and can this machine reach '
            f'MASTER_ADDR and PORT? To wait longer: {WAIT}=SECONDS.') from error
    # torch's names for: the store is there, and is no rank's
    yield dict(TORCHELASTIC_USE_AGENT_STORE='True', TORCHELASTIC_RESTART_COUNT='0')
    del store  # not before: it ends with the launcher's hold on it


def said(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip('.') if str(error).strip() else \
        type(error).__name__
