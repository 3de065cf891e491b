from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend

from .writing import write_whole

WHOLE = 'whole'  # the backend's name in mmengine's ``backend_args``


@register_backend(WHOLE)
class WholeFileBackend(LocalBackend):
    """mmengine's backend of this machine's files, which are there as a whole, or not at all.

    The stock one writes into the file that is there: killed in the middle, it leaves neither.
    """

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        write_whole({Path(filepath): lambda partial: partial.write_bytes(obj)}, len(obj))

    def put_text(self, obj: str, filepath: Union[str, Path], encoding: str = 'utf-8') -> None:
        self.put(obj.encode(encoding), filepath)
