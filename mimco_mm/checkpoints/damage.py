"""Damage that torch does not notice: bytes of a file that are no more those that were written."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Iterator, Optional, Tuple

import torch


def damaged_record(file: Path) -> Optional[str]:
    """The first record of a zip archive whose bytes do not have their CRC-32; None if all have.

    torch writes the sums and does not compare them. After
    ``torch.serialization.set_crc32_options(False)`` it writes zeros: then there is nothing to
    compare with.
    """
    with zipfile.ZipFile(file) as archive:
        if not any(record.CRC for record in archive.infolist()):
            return None
        return archive.testzip()


def damaged_tensors(file: Path, content: Any) -> list[str]:
    """Names of the tensors in a file's content whose bytes have the CRC-32 of none of its records.
    """
    with zipfile.ZipFile(file) as archive:
        written = {record.CRC for record in archive.infolist()}
    return [name for name, value in tensors_in(content) if checksum(value) not in written]


def checksum(tensor: torch.Tensor) -> int:
    """CRC-32 of all bytes on which a tensor lies."""
    whole = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
    return zlib.crc32(whole.numpy())


def tensors_in(content: Any, name: str = '') -> Iterator[Tuple[str, torch.Tensor]]:
    """All tensors in nested containers, by their path."""
    if isinstance(content, torch.Tensor):
        if content.layout == torch.strided and content.device.type == 'cpu':
            yield name, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from tensors_in(value, f'{name}.{key}' if name else str(key))
    elif isinstance(content, (list, tuple)):
        for index, value in enumerate(content):
            yield from tensors_in(value, f'{name}.{index}' if name else str(index))
