"""Tars of files and links, as strangers make them."""

import io
import tarfile
from pathlib import Path
from typing import Dict, Union

Members = Dict[str, Union[bytes, str]]


def add(tar: tarfile.TarFile, members: Members, link: bytes = tarfile.SYMTYPE) -> None:
    """Files of a content (bytes), and links to a name (str)."""
    for name, content in members.items():
        info = tarfile.TarInfo(name)
        if isinstance(content, str):
            info.type, info.linkname, content = link, content, b''
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))


def write_tar(path: Path, members: Members, link: bytes = tarfile.SYMTYPE, mode: str = 'w') -> Path:
    """A tar of these members, in their order; with ``mode`` 'a', behind those that it has."""
    with tarfile.open(path, mode) as tar:
        add(tar, members, link)
    return path


def tar_bytes(members: Members) -> bytes:
    """The content of a tar that is to lie in another."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode='w') as tar:
        add(tar, members)
    return content.getvalue()
