"""Damaged tar shards, indices and databases: what a run says of them."""

import faulthandler
import json
import os
import resource
import signal
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mimco_mm.datasets.image_files import leads_out
from mimco_mm.errors import UserError
from mimco_mm.names import printable

from . import databases, shards
from .images import Outcome, dataset, samples

SECONDS = 60  # after which a damage hangs


def storages() -> dict[tuple[str, str], Callable[[Path], object]]:
    """(kind, name) -> function that damages a whole pack in a folder."""
    return {('tar', name): damage for name, damage in shards.TAR.items()} | {
        ('lmdb', name): damage for name, damage in databases.LMDB.items()}


def run(folder: Path) -> list[Outcome]:
    """Make each damage in ``folder``, which is new, and read what there is, in processes of their
    own: a damaged database can kill one."""
    found = []
    for (kind, name), damage in storages().items():
        pack = folder / f'{kind}-{len(found)}'
        pack.mkdir(parents=True)
        found.append((kind, name, printable(_in_child(partial(_outcome, kind, pack, damage)))))
    return found


def _outcome(kind: str, pack: Path, damage: Callable[[Path], object]) -> str:
    {'tar': shards, 'lmdb': databases}[kind].whole(pack)
    try:
        indexing = damage(pack)  # which may make the index anew, or be refused to
        images = dataset(f'{kind}://{pack}')
        found = dict(samples(images, num_workers=0))
    except UserError as error:
        return f'refused: {error}'.replace(str(pack), 'PACK')
    except Exception:
        return f'TRACEBACK: {traceback.format_exc()}'
    replaced = [reason for reason in found.values() if reason]
    outcome = f'{len(found) - len(replaced)} read'
    outcome += f', {len(replaced)} replaced ({replaced[0]})' if replaced else ''
    outcome += f', ignored: {images.ignored}' if images.ignored else ''
    outcome += f', {indexing}' if isinstance(indexing, str) else ''
    if any(leads_out(path.removeprefix(f'{kind}://{pack}/')) for path in found):
        outcome += ', LEAKS'
    return outcome.replace(str(pack), 'PACK')


def _in_child(function: Callable[[], str]) -> str:
    """What a function returns in a process of its own, or what has ended that."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        faulthandler.disable()  # pytest's, which would write where all threads are
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with os.fdopen(writer, 'w') as file:
            json.dump(function(), file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return json.loads(text) if status == 0 else f'KILLED: {status}'
