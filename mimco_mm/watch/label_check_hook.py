from typing import Dict, Optional, Tuple

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop
from mmpretrain.registry import HOOKS

from ..datasets import LabelError, check_same_classes
from ..datasets.class_names import brief


@HOOKS.register_module()
class LabelCheckHook(Hook):
    """Refuses, before the first image is read, labels that do not fit the classifier.

    mmpretrain finds too many classes in the loss of some later step, never finds too few, and
    judges without a word by folders of which one is missing, where all labels behind it shift.

    Raises:
        LabelError: classes of the images, outputs of the head and width of the mixed labels
            differ; training, validation and checkpoint do not have the same classes; top-k of
            fewer than k classes.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model = getattr(model, 'module', model)  # of test-time augmentation
        outputs = model.head.num_classes
        found = self.datasets(runner)
        for part, dataset in found.items():
            self.check_count(part, dataset, model, outputs)
        if 'train' in found and 'val' in found:
            check_same_classes('train_dataloader', classes(found['train']),
                               'val_dataloader', classes(found['val']))
        for part in found:
            evaluator = getattr(getattr(runner, f'_{part}_loop'), 'evaluator', None)
            for metric in getattr(evaluator, 'metrics', []):
                most = max(getattr(metric, 'topk', (1, )))
                if most > outputs:
                    raise LabelError(
                        f'Top-{most} accuracy of {outputs} classes was asked for: add '
                        f'`--cfg-options {part}_evaluator.topk=1`.')

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        saved = (checkpoint.get('meta') or {}).get('dataset_meta') or {}
        for part, dataset in self.datasets(runner).items():
            check_same_classes('checkpoint', saved.get('classes'), f'{part}_dataloader',
                               classes(dataset))

    @staticmethod
    def datasets(runner) -> Dict[str, BaseDataset]:
        """The datasets of the loops that are going to run, out of their wrappers."""
        loops = {part: getattr(runner, f'_{part}_loop') for part in ('train', 'val', 'test')}
        datasets = {part: loop.dataloader.dataset for part, loop in loops.items()
                    if isinstance(loop, BaseLoop)}
        return {part: getattr(dataset, 'dataset', dataset) for part, dataset in datasets.items()}

    @staticmethod
    def check_count(part: str, dataset: BaseDataset, model, outputs: int) -> None:
        names = classes(dataset)
        # a list of labels need not have an image of the last class
        count = len(names) if names else int(max(dataset.get_gt_labels())) + 1
        preprocessor = model.data_preprocessor
        mixed = preprocessor.num_classes if preprocessor.batch_augments else None
        fits = count == outputs if names else count <= outputs
        if fits and mixed in (None, outputs):
            return
        wrong = [f'{outputs} outputs (`model.head.num_classes`)']
        if mixed is not None:
            wrong.append(f'mixes labels of {mixed} classes (`data_preprocessor.num_classes`)')
        raise LabelError(
            f'The images of {part}_dataloader have {count} classes ({brief(names)}), but the '
            f'classifier has {" and ".join(wrong)}. Add `--cfg-options '
            f'model.head.num_classes={count} data_preprocessor.num_classes={count}`, or choose '
            'other images by `data_root` of the datasets.')


def classes(dataset: BaseDataset) -> Optional[Tuple[str, ...]]:
    """Names of the classes, where the dataset knows them."""
    return dataset.metainfo.get('classes')
