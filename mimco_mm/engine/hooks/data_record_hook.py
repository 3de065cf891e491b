import json
from pathlib import Path

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, IterBasedTrainLoop
from mmpretrain.registry import HOOKS

from ...checkpoints import write_text

FILE = 'data_record.json'


@HOOKS.register_module()
class DataRecordHook(Hook):
    """Writes into the work dir what a transfer is measured on: ``data_record.json``.

    Folder, images and classes of training and validation, as they were really found; the length of
    the schedule; and the hash of the file that the backbone started from. A report can then tell
    a figure of the whole benchmark from one of a few images.
    """

    priority = 'LOW'  # when the weights are there

    def before_train(self, runner) -> None:
        self.write(runner)

    @staticmethod
    @master_only
    def write(runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        start = getattr(getattr(model, 'backbone', None), 'started_from', None)
        loop = runner.train_loop
        unit = 'iterations' if isinstance(loop, IterBasedTrainLoop) else 'epochs'
        record = dict(
            start_sha256=start.sha256 if start else None,
            schedule=dict(unit=unit, length=loop.max_epochs if unit == 'epochs'
                          else loop.max_iters),
            data={part: described(one) for part, one in (
                ('train', loop), ('val', runner._val_loop)) if isinstance(one, BaseLoop)})
        write_text(Path(runner.work_dir, FILE), json.dumps(record, indent=2) + '\n')


def described(loop: BaseLoop) -> dict:
    """Folder, images and classes of a loop's dataset."""
    dataset = loop.dataloader.dataset
    dataset = getattr(dataset, 'dataset', dataset)  # out of a wrapper
    classes = dataset.metainfo.get('classes')
    return dict(folder=str(Path(dataset.data_root or '').resolve()), images=len(dataset),
                classes=len(classes) if classes else None)
