"""From a checkpoint and images to a file of features, by one process or several."""

import dataclasses
import errno
import fcntl
import shutil
import signal
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Dict, Iterator, List

import numpy as np
import torch
from mmengine.dist import barrier, broadcast_object_list, get_dist_info

from ..errors import ConfigError
from ..evaluation import join_processes, pooled
from ..names import printable
from ..processes import Interrupted
from ..records import as_json, read_json, skipped
from .embedder import Embedder, load_embedder, look
from .finishing import is_whole, write_features
from .formats import files_of, record_of
from .images import Images, list_source
from .parts import Part, Parts
from .request import EmbedRequest, check_request
from .retrying import take_up, unreadable


def embed_images(request: EmbedRequest, kept: bool = True) -> None:
    """Write the features of all images that can be read, from one process or with others.

    A run that was interrupted goes on from the parts that it has written, and one that is over
    does nothing, unless images can be read now that could not.

    Args:
        request: what is asked for.
        kept: whether the files are for the user, who is told where they are.

    Raises:
        UserError: what the user can mend: images, checkpoint, or a file of something else.
    """
    started = time.time()
    check_request(request)
    join_processes()
    rank, world_size = get_dist_info()
    say = print if rank == 0 else (lambda text: None)
    images = list_source(request.images)
    say(f'{len(images.names)} images under {printable(images.address)}; ignored: {images.ignored}')
    embedder = load_embedder(request.checkpoint, request.heads, request.img_size)
    say(str(embedder.report))
    identity = as_json(dict(**embedder.identity, **images.identity, patches=request.patches))
    folder = request.out.with_name(f'{request.out.name}.parts')
    over = [rank == 0 and is_over(request.out, identity, folder, embedder.img_size)]
    broadcast_object_list(over)
    if over[0]:
        return
    if rank == 0:  # it makes the folder, in which the others find what is to be done
        Parts(folder, identity, len(images.names), request.patches)
    barrier()
    parts = Parts(folder, identity, len(images.names), request.patches)
    with told_to_go_on() if kept else nullcontext(), kept_to_one_run(folder, rank):
        if rank == 0:
            take_up(request.out, identity, images, parts, embedder.img_size)
        barrier()  # now the parts stay as they are
        missing = parts.missing()
        left = sum(len(parts.rows(number)) for number in missing)
        say(f'features of {left} images of {embedder.img_size} px'
            + (f'; {len(images.names) - left} were done before' if len(missing) < len(
                parts.numbers()) else ''))
        barrier()  # all have seen the same parts
        embed_parts(request, embedder, images, parts, missing[rank::world_size], rank == 0)
        barrier()
        if rank == 0:
            told = write_features(
                request.out, images, parts, identity, settings=request._asdict(),
                checkpoint=dataclasses.asdict(embedder.report),
                seconds=round(time.time() - started, 1))
        barrier()  # now all may read it
    if rank == 0:  # without the lock: NFS would keep the file as long as it is open
        parts.remove()
        print(told + (f', are in {places_of(request)}' if kept else ''))


def places_of(request: EmbedRequest) -> str:
    """The files that were written, as a part of a sentence."""
    files = files_of(request.out, request.patches).values()
    return f'{" and ".join(map(str, files))}; what they are of is in {record_of(request.out)}'


def is_over(out: Path, identity: dict, parts: Path, img_size: int) -> bool:
    """Whether there is nothing left to do, and say so; see ``is_whole``."""
    if not is_whole(out, identity, parts):
        return False
    broken = read_json(record_of(out)).get('broken', {})
    still = unreadable(broken, img_size)
    if len(still) < len(broken):
        print(f'{len(broken) - len(still)} images can be read now that could not: their features '
              f'are added to {out}')
        return False
    print(f'{out} is there as a whole, of these images and this checkpoint; {skipped(still)}.')
    if parts.is_dir():  # the run was killed at its very end
        shutil.rmtree(parts)
    return True


@contextmanager
def kept_to_one_run(folder: Path, rank: int) -> Iterator[None]:
    """Keep other runs away from the parts in ``folder`` as long as this one lives.

    Raises:
        ConfigError: one is at work there.
    """
    if rank:
        yield
        return
    with (folder / 'lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                raise ConfigError(f'Another run is writing into {folder}: wait for its end, or '
                                  'give another --out.') from error
        yield  # also on a file system without locks


@contextmanager
def told_to_go_on() -> Iterator[None]:
    """Say to who ends the process by a signal that the parts remain."""
    try:
        yield
    except Interrupted as interruption:
        name = signal.Signals(interruption.number).name
        raise Interrupted(interruption.number, f'Interrupted by {name}. What is done is kept: the '
                          'same command goes on.') from None


def embed_parts(request: EmbedRequest, embedder: Embedder, images: Images, parts: Parts,
                numbers: List[int], bar: bool) -> None:
    """Write these parts, each as soon as its last image was seen."""
    plan = [(number, rows) for number in numbers
            for rows in batches_of(parts.rows(number), request.batch_size)]
    left = Counter(number for number, _ in plan)  # batches of each
    found: List[tuple] = []
    broken: Dict[str, str] = {}
    seen_in_turn = look(embedder, images.paths, [rows for _, rows in plan], request.num_workers,
                        bar and bool(plan))
    for seen, (number, _) in zip(seen_in_turn, plan):
        broken.update(seen.broken)
        if seen.maps is not None:
            found.append((seen.rows, pooled(seen.maps), seen.maps if request.patches else None))
        left[number] -= 1
        if left[number] == 0:
            parts.write(number, joined(found, broken))
            found, broken = [], {}


def batches_of(rows: range, size: int) -> List[List[int]]:
    return [list(rows[start:start + size]) for start in range(0, len(rows), size)]


def joined(found: List[tuple], broken: Dict[str, str]) -> Part:
    """A part of its batches."""
    if not found:
        return Part(np.empty(0, np.int64), np.empty((0, 0), np.float32), None, broken)
    rows, features, maps = zip(*found)
    return Part(torch.cat(rows).numpy(), torch.cat(features).numpy(),
                None if maps[0] is None else torch.cat(maps).numpy(), broken)
