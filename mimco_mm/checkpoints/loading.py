from contextlib import contextmanager
from typing import Iterator, Optional, Sequence

from torch import nn

from .errors import CheckpointError
from .fitting import fit
from .heads import check_heads, heads_in
from .library_network import LibraryNetwork
from .opening import Opened, open_backbone
from .report import LoadReport


def load_backbone(network: nn.Module,
                  checkpoint: str,
                  config_key: str,
                  sha256: Optional[str] = None,
                  if_missing: str = '',
                  fresh: Sequence[str] = ()) -> LoadReport:
    """Load a checkpoint of any known format into ``network``, or refuse it in words.

    The format is told from the keys; names and order of the tensors are converted to the network's
    (see ``namings``), position tables are resized where sizes differ. Every tensor of the network
    must be covered, and every tensor of the file's backbone used. What a network fixes by formula
    must have the same values in the file, and a ViT the same number of heads: names and shapes of
    a ViT-S of DeiT, with 6 heads, are those of MoCo v3's, with 12.

    Args:
        network: a backbone, initialised, so that its fixed tensors have their values.
        checkpoint: path of a file or of a folder of the Hugging Face hub, or a file's URL.
        config_key: the config key that names the checkpoint, for the error messages.
        sha256: what the file's sha256 must begin with, if it is known.
        if_missing: what the error is to say where there is no such file, e.g. how to make it.
        fresh: prefixes of tensors that the network may have on top of the file's backbone, such
            as the norms of a detector's lower stages; they keep their initial values.

    Raises:
        CheckpointError: file unreadable or unreachable, or another one than ``sha256`` says;
            tensors missing, unexpected, of another shape, of other fixed values, or not finite;
            another number of heads.
    """
    with told_of(network, checkpoint, config_key):
        return load_opened(network, checkpoint, open_backbone(checkpoint, sha256, if_missing),
                           fresh)


@contextmanager
def told_of(network: nn.Module, checkpoint: str, config_key: str) -> Iterator[None]:
    """Let a CheckpointError say what was to be loaded, and which config key names the file."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f'Cannot load {type(network).__name__} from '
                              f'`{config_key}`={str(checkpoint)!r}:\n{error}') from error


def load_opened(network: nn.Module, checkpoint: str, opened: Opened,
                fresh: Sequence[str] = ()) -> LoadReport:
    """``load_backbone`` of a file that was read; ``checkpoint`` names it in the report."""
    found = opened.found
    fitted = fit(network, found, fresh)
    check_heads(network, heads_in(found.state, found.naming, opened.meta,
                                  published=not isinstance(network, LibraryNetwork)))
    network.load_state_dict({**network.state_dict(), **fitted.state})
    parameters = {name: value.numel() for name, value in network.named_parameters()}
    return LoadReport(
        checkpoint=str(checkpoint),
        sha256=opened.sha256,
        release=found.release,
        naming=found.naming.name if found.naming else 'named as in the network',
        matched=len(fitted.state),
        fresh=tuple(fitted.fresh),
        left_out=tuple(dict.fromkeys((*fitted.left_out, *found.left_out))),
        resized=tuple(fitted.resized),
        covered=sum(parameters[name] for name in fitted.state if name in parameters),
        parameters=sum(parameters.values()))
