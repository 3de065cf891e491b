"""How a watch ends a run: with one message, and the batch in a file."""

from pathlib import Path
from typing import Sequence

from mmengine.config import Config
from torch import nn

from ..checkpoints import write_whole
from ..checkpoints.backbone_file import size_of, torch_file
from ..engine.resuming import newest
from ..errors import UserError
from ..models.utils import batch_masks
from ..names import printable
from .reporting import on_all_ranks


class TrainingStopped(UserError, RuntimeError):
    """A watch has ended the run: the message says why, and what may help."""


def stop_training(runner, kind: str, what: str, details: Sequence[str], mends: Sequence[str],
                  batch: dict, saving_rank: int = 0) -> None:
    """End the run on all ranks, which must come here together.

    Args:
        runner: the Runner.
        kind: 'nan' or 'collapse', the first part of the name of the batch's file.
        what: one line, what has happened, the run's log gets it too.
        details: further lines.
        mends: what is likely to help, likeliest first.
        batch: as the dataloader gave it; that of ``saving_rank`` is saved as
            WORK_DIR/KIND_iter_N.pth.
        saving_rank: the rank on which it happened.

    Raises:
        TrainingStopped: always; rank 0's carries the message.
    """
    iteration = runner.iter + 1
    file = Path(runner.work_dir) / f'{kind}_iter_{iteration}.pth'
    saved = f'is saved: {file} (inputs as the model gets them, masks, paths)'
    try:
        on_all_ranks(lambda: runner.rank == saving_rank and save_batch(runner, batch, what, file))
    except RuntimeError as error:  # must not hide why the run ends
        saved = f'could not be saved as {file} ({printable(error)})'
    if runner.rank:
        raise TrainingStopped(f'Iteration {iteration}: stopped together with rank 0, which says '
                              'why.')
    head = f'Training stopped at iteration {iteration} (epoch {runner.epoch + 1}): {what}'
    runner.logger.error(f'{head} (the error that ends the run says what may help)')
    raise TrainingStopped('\n'.join([
        head, *details,
        f'The batch of rank {saving_rank} {saved}.', last_checkpoint(runner.cfg),
        'What may help, likeliest first:',
        *(f'  - {mend}' for mend in mends)]))


def save_batch(runner, batch: dict, what: str, file: Path) -> None:
    model = getattr(runner.model, 'module', runner.model)
    content = batch_contents(model, batch, iteration=runner.iter + 1, epoch=runner.epoch + 1,
                             rank=runner.rank, reason=what)
    inputs = content['inputs']
    write_whole({file: torch_file(content)}, size_of(dict(enumerate(
        inputs if isinstance(inputs, list) else [inputs]))))


def last_checkpoint(cfg: Config) -> str:
    """What can be gone on from, and how.

    A resumed run repeats an unbroken one: it needs a change, which has to be meant.
    """
    found = newest(cfg)
    if found is None:
        return 'No checkpoint of this run has been saved yet.'
    return (f'Last checkpoint: {found.file}. `--resume` repeats the steps after it: '
            'change something with it and say so, as `--resume --amp off --force-change '
            'optim_wrapper`, or begin a new run from its weights, `--work-dir NEW --cfg-options '
            'load_from=FILE`.')


def batch_contents(model: nn.Module, batch: dict, **facts) -> dict:
    """What is worth keeping of a batch, in types that ``weights_only=True`` can load.

    ``inputs``: (B, 3, h, w) after the preprocessor, or a list of them; ``masks``: (B, h, w) or
    None; ``paths``: of the images, '' where the pipeline does not pack ``img_path``.
    """
    data = model.data_preprocessor(batch, training=True)
    inputs, samples = data['inputs'], batch['data_samples']
    inputs = [x.cpu() for x in inputs] if isinstance(inputs, (list, tuple)) else inputs.cpu()
    paths = [str(sample.get('img_path', '')) for sample in samples]
    return dict(inputs=inputs, masks=batch_masks(samples), paths=paths, **facts)
