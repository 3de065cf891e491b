from pathlib import Path
from typing import Dict

from .architecture import Architecture
from .errors import CheckpointError
from .namings import Naming, StateDict


class Target:
    """What an export is for: how it names tensors, saves them, and loads what was saved.

    Attributes:
        namings: its naming of each family that it has.
    """

    namings: Dict[str, Naming]

    def network(self, architecture: Architecture) -> object:
        """The target's own network, as its configs or calls describe it.

        Raises:
            CheckpointError: it has no such network.
        """
        raise NotImplementedError

    def check_ending(self, out: Path) -> None:
        """Raise CheckpointError where a file of this name would be taken for another kind."""
        if out.suffix == '.safetensors':
            raise CheckpointError(f'What is written is a file of PyTorch, and {out} would be '
                                  'taken for another: give a file name that ends in .pth.')

    def save(self, out: Path, state: StateDict, architecture: Architecture) -> None:
        """Write the tensors, named by the target's naming.

        Raises:
            CheckpointError: another ending of ``out`` is needed, or it cannot be written.
        """
        raise NotImplementedError

    def usage(self, out: Path, architecture: Architecture) -> str:
        """What loads ``out``: a command, or a line of Python."""
        raise NotImplementedError

    def caution(self, architecture: Architecture) -> str:
        """What is to be known before it is loaded; '' if nothing is."""
        return ''
