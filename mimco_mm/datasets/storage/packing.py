"""Images into tar shards or an LMDB database, byte for byte."""

import hashlib
import os
import tarfile
from collections import Counter
from io import BytesIO
from itertools import islice
from operator import lt
from pathlib import Path
from typing import Iterator, Sequence

from ...errors import UserError
from ...names import printable
from .lmdb_backend import DATA, import_lmdb, open_database
from .packed_backend import Pack
from .sources import Source
from .tar_scan import find_shards

COMMIT = 1000  # images a transaction
MAP_SIZE = 2**44  # bytes that a database may grow to; addresses, not disk space


class PackingError(UserError, ValueError):
    """Images that the format cannot hold, or a pack that does not hold them all."""


def identity(source: Source, **options: object) -> dict:
    """What a pack is of: its images by name and size, and the options that lay them out."""
    content = os.fsencode('\0'.join(source.names)) + str(list(source.sizes)).encode()
    return dict(options, images=len(source.names), sha256=hashlib.sha256(content).hexdigest())


def check_shard_names(names: Sequence[str]) -> None:
    """Refuse names that WebDataset would read as parts of one sample.

    It takes all up to the first dot of a file's name for the sample's key.

    Raises:
        PackingError: a further dot, or images that differ in their suffix alone.
    """
    dotted = [name for name in names if name.rpartition('/')[2].count('.') > 1]
    if dotted:
        raise PackingError(
            f'{len(dotted)} images have more than one dot in their name, such as '
            f'{printable(dotted[0])}, and the key of a sample in a shard ends at the first. Rename '
            'them, or take --format lmdb.')
    (key, count), = Counter(name.rpartition('.')[0] for name in names).most_common(1)
    if count > 1:
        raise PackingError(f'{count} images are called {printable(key)} but for their '
                           'suffix, and would be one sample of a shard. Rename them, or take '
                           '--format lmdb.')


def plan_shards(sizes: Sequence[int], shard_bytes: int) -> Iterator[range]:
    """The rows of each shard, in order: as many as ``shard_bytes`` holds, and at least one."""
    start = total = 0
    for row, size in enumerate(sizes):
        if row > start and total + size > shard_bytes:
            yield range(start, row)
            start, total = row, 0
        total += size
    yield range(start, len(sizes))


def write_shards(source: Source, out: Path, shard_bytes: int) -> Iterator[str]:
    """Write out/000000.tar and so on in WebDataset's layout, and yield each name when it is done.

    An image of a class gets its number, CLASS/KEY.cls beside CLASS/KEY.JPEG. Shards that are there
    already are kept.
    """
    done = set(find_shards(out))
    contents, row = iter(()), -1
    for number, rows in enumerate(plan_shards(source.sizes, shard_bytes)):
        shard = out / f'{number:06d}.tar'
        if shard in done:
            yield from source.names[rows.start:rows.stop]
            continue
        if row != rows.start:
            contents = source.contents(rows.start)
        unfinished = shard.with_suffix('.unfinished')
        with tarfile.open(unfinished, 'w') as tar:
            for row in rows:
                name, label = source.names[row], source.labels[row]
                _add(tar, name, next(contents))
                if label is not None:
                    _add(tar, f'{name.rpartition(".")[0]}.cls', str(label).encode())
                yield name
        row = rows.stop
        os.replace(unfinished, shard)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, BytesIO(content))


def write_lmdb(source: Source, out: Path) -> Iterator[str]:
    """Write name -> content into the database ``out``, and yield each name when it is done.

    They go in by the order of the source; those that are there already are kept.

    Raises:
        PackingError: a name longer than a key may be.
        DataError: what is there already is damaged.
    """
    keys = [os.fsencode(name) for name in source.names]
    in_order = all(map(lt, keys, islice(keys, 1, None)))
    if (out / DATA).is_file() and (out / DATA).stat().st_size:
        open_database(out).close()  # what an interruption has left must be whole
    with import_lmdb().open(str(out), map_size=MAP_SIZE) as database:
        longest = max(keys, key=len)
        if len(longest) > database.max_key_size():
            raise PackingError(f'{printable(os.fsdecode(longest))} is longer than the '
                               f'{database.max_key_size()} bytes that a key of LMDB may have. '
                               'Take --format tar.')
        done = database.stat()['entries']
        yield from source.names[:done]
        contents = source.contents(done)
        for start in range(done, len(keys), COMMIT):
            with database.begin(write=True) as transaction:
                for key in keys[start:start + COMMIT]:
                    transaction.put(key, next(contents), append=in_order)
                    yield os.fsdecode(key)


def verify(pack: Pack, names: Sequence[str], where: Path) -> None:
    """Read back which images a pack holds.

    Raises:
        PackingError: not those of ``names``.
    """
    found = list(pack.names(''))
    if found != sorted(names, key=os.fsencode):
        differing = sorted(set(found) ^ set(names))
        raise PackingError(f'{where} holds {len(found)} images, not the {len(names)} of the '
                           f'source, and differs in {printable(differing[0])}. Remove it and '
                           'start again.')
