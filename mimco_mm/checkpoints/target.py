from pathlib import Path
from typing import Callable, Dict, Optional

from .architecture import Architecture
from .backbone_file import size_of
from .errors import CheckpointError
from .folders import CONFIG, WEIGHTS
from .hub import PREPROCESSOR
from .namings import Naming, StateDict
from .writing import text_file, write_whole

Files = Dict[Path, Callable[[Path], None]]  # what writes each
CARD = 'README.md'  # where the Hugging Face hub looks for a model card
WRITTEN_BY = 'Written by mimco-mm'  # stands in the card of each export
IN_FOLDER = (CARD, CONFIG, PREPROCESSOR, WEIGHTS[0])  # what an export may put into a folder


class Target:
    """What an export is for: how it names tensors, saves them, and loads what was saved.

    Attributes:
        namings: its naming of each family that it has.
        hub_library: what the Hugging Face hub calls it; '' where no folder of the hub is written.
    """

    namings: Dict[str, Naming]
    hub_library = ''

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

    def is_folder(self, out: Path) -> bool:
        """Whether what is written is a folder, as the Hugging Face hub has them."""
        return False

    def check_folder(self, folder: Path) -> None:
        """Raise CheckpointError where an export would replace files that are of no other export."""
        held = [name for name in IN_FOLDER if (folder / name).exists()]
        card = folder / CARD
        if held and not (card.is_file() and WRITTEN_BY in card.read_text(errors='replace')):
            raise CheckpointError(f'{folder} holds {", ".join(held)}, and no {CARD} that an export '
                                  'has written: it is not overwritten. Give another folder.')

    def save(self, out: Path, state: StateDict, architecture: Architecture,
             card: Optional[str] = None) -> None:
        """Write the tensors, named by the target's naming, and a model card into a folder.

        What another library's export has left in the folder goes.

        Raises:
            CheckpointError: another ending of ``out`` is needed, or it cannot be written, see
                ``check_folder`` too.
        """
        self.check_ending(out)
        if self.is_folder(out):
            self.check_folder(out)
        files = self.files(out, state, architecture)
        if card is not None:
            files[out / CARD] = text_file(card)
        write_whole(files, size_of(state))
        if self.is_folder(out):
            for name in IN_FOLDER:
                if out / name not in files:
                    (out / name).unlink(missing_ok=True)

    def files(self, out: Path, state: StateDict, architecture: Architecture) -> Files:
        """The files of an export."""
        raise NotImplementedError

    def usage(self, out: Path, architecture: Architecture) -> str:
        """What loads ``out``: a command, or a line of Python."""
        raise NotImplementedError

    def hub_usage(self, architecture: Architecture) -> str:
        """Python that loads a folder of the hub and takes the feature of an image, for the card."""
        raise NotImplementedError

    def caution(self, architecture: Architecture) -> str:
        """What is to be known before it is loaded; '' if nothing is."""
        return ''
