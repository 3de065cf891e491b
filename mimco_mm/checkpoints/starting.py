"""A whole model from a checkpoint: one that goes on, and one that begins from other weights."""

from typing import Any, Iterable, Tuple

from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import nn

from .download import local_file
from .errors import CheckpointError
from .fitting import MASK_TOKEN
from .loading import load_opened, told_of
from .mmengine_loader import read_for_mmengine
from .namings import StateDict
from .opening import open_backbone
from .whole import check_whole

BACKBONE = 'backbone.'
IF_MISSING = 'Name one that there is by `load_from`.'
SHOWN = 4  # names in an error


def read_run(checkpoint: str, map_location: Any) -> dict:
    """The checkpoint with which a run goes on: what ``Runner.resume`` takes over.

    Raises:
        CheckpointError: it cannot be read safely, or is of no run.
    """
    content = read_for_mmengine(local_file(checkpoint).path, map_location, stand_ins=False)
    missing = [key for key in ('state_dict', 'meta') if not isinstance(content.get(key), dict)]
    if missing:
        raise CheckpointError(f'{checkpoint} has no {" and no ".join(missing)}: a run goes on from '
                              'epoch_N.pth or iter_N.pth of its work dir, by --resume.')
    return content


def load_whole(model: nn.Module, state: StateDict, checkpoint: str) -> None:
    """Load a whole model.

    Raises:
        CheckpointError: the state dict has not exactly the model's tensors.
    """
    try:
        check_whole(state, model.state_dict())
    except CheckpointError as error:
        raise CheckpointError(
            f'{checkpoint} does not go on with this {type(model).__name__}: {error}. Resume with '
            'the config and options of its run, or begin a new run from its backbone, in another '
            '--work-dir: --cfg-options load_from=FILE.') from error
    model.load_state_dict(state)


def start_from(model: nn.Module, checkpoint: str) -> Tuple[dict, str]:
    """Load a checkpoint of any known format into a model that begins a new run.

    Its backbone is loaded as a teacher's is: whole, or the file is refused; only a student's mask
    token need not be in it. All else is loaded as
    well where file and model name the same tensors, as those of one algorithm do; otherwise it
    begins anew. In a transfer, what has another shape begins anew, such as a last layer of other
    classes.

    Returns:
        The file's content, with ``state_dict`` the model's, whole, and in one line what of it was
        loaded.

    Raises:
        CheckpointError: see ``load_backbone``; or an algorithm's own tensors have another shape.
    """
    network = getattr(model, 'backbone', model)
    with told_of(model, checkpoint, 'load_from'):
        opened = open_backbone(checkpoint, if_missing=IF_MISSING)
        report = load_opened(network, checkpoint, opened, fresh=(MASK_TOKEN, ))
        theirs, own = opened.found.beside, beside(model)
        taken = {}
        if theirs.keys() == own.keys():
            taken = {name: value for name, value in theirs.items()
                     if value.shape == own[name].shape}
        if taken and len(taken) < len(own) and isinstance(model, BaseSelfSupervisor):
            raise CheckpointError(other_shapes(theirs, own))
    model.load_state_dict({**model.state_dict(), **taken})
    told = [f'load_from, {type(model).__name__}: {report}']
    if taken:
        told.append(f'all else from it as well: {parts(taken)}')
    if own.keys() - taken.keys():
        told.append(f'begins anew: {parts(own.keys() - taken.keys())}')
    if theirs.keys() - taken.keys():
        told.append(f'not taken from the file: {parts(theirs.keys() - taken.keys())}')
    return {**opened.content, 'state_dict': model.state_dict()}, '; '.join(told)


def beside(model: nn.Module) -> StateDict:
    """The tensors of a model that are not its backbone's."""
    if not hasattr(model, 'backbone'):
        return {}
    return {name: value for name, value in model.state_dict().items()
            if not name.startswith(BACKBONE)}


def parts(names: Iterable[str]) -> str:
    """Which parts of a model tensors are of, and how many they are."""
    names = list(names)
    return f'{", ".join(sorted({name.partition(".")[0] for name in names}))} ({len(names)} tensors)'


def other_shapes(theirs: StateDict, own: StateDict) -> str:
    told = [f'{name} {tuple(theirs[name].shape)} -> {tuple(own[name].shape)}'
            for name in sorted(own) if theirs[name].shape != own[name].shape]
    return (f'It is of the same algorithm, but {len(told)} tensors have another shape (file -> '
            f'model): {", ".join(told[:SHOWN])}{" ..." * (len(told) > SHOWN)}. Set neck, head and '
            'queue as in its run, or give its backbone alone, backbone_epoch_N.pth.')
