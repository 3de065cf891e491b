from typing import Dict, List, Optional

import torch
from mmengine.dist import all_gather, all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpretrain.registry import HOOKS

from ..errors import ConfigError
from ..evaluation import feature_std, rankme
from .observation import StepObserver
from .reporting import on_all_ranks, reporting
from .stopping import stop_training

MIN_SAMPLES = 8  # fewer features say little about their spread; RankMe of n is n at most

RATE = ('A lower learning rate (`--lr`) or a longer warm-up '
        '(`param_scheduler.0.warmup`).')
TEACHER = ('The teacher, if its health/teacher_std is as low: another `--teacher`, or its '
           '`input_norm`.')
MASK = 'More to see: a lower `--mask-ratio`, larger crops.'
QUEUE = 'A larger batch (`--batch-size`), and a `queue_len` of several global batches.'
MENDS = dict(feature_std=(RATE, TEACHER, MASK), rankme=(RATE, TEACHER, MASK),
             logit_gap=(RATE, TEACHER, QUEUE, MASK))


@HOOKS.register_module()
class HealthHook(Hook):
    """Watches a pre-training run without labels, and ends it when it has collapsed.

    Every ``interval`` iterations it logs, as ``health/...``, what ``StepObserver`` sees in that
    step, and of the student's features (of the masked images, of all ranks, up to ``samples``) the
    standard deviation and RankMe; of the teacher's the standard deviation. Other steps are not
    touched, and no step is computed otherwise than without it. A measurement that fails is a line
    in the log.

    A run has collapsed when one quantity has been below its limit ``patience`` measurements in a
    row, after the part ``grace`` of the run. Healthy runs and random weights were measured at 0.2
    to 0.9 (feature_std) and 2 to 40 (rankme, of 4 to 256 images): the limits are far below both.

    Args:
        interval: iterations between two measurements.
        samples: features and queries that are looked at, at most.
        grace: part of the run in which nothing is judged; 0.1 is the paper's warm-up.
        patience: measurements in a row below a limit that mean collapse; 10 of them are 500
            iterations, so that a slow start or a short trial is not taken for one.
        min_feature_std: limit of ``feature_std``, 1 being features in all directions alike.
        min_rankme: limit of ``rankme``, 1 being features on one line.
        min_logit_gap: limit of positive minus negative logit of any contrastive loss; 0.05 is a
            difference in cosine similarity of 0.01 at the temperature of 0.2. None switches any of
            the three limits off.
    """

    def __init__(self,
                 interval: int = 50,
                 samples: int = 512,
                 grace: float = 0.1,
                 patience: int = 10,
                 min_feature_std: Optional[float] = 0.02,
                 min_rankme: Optional[float] = 1.2,
                 min_logit_gap: Optional[float] = 0.05) -> None:
        if interval < 1 or patience < 1 or not 0 <= grace <= 1 or samples < 2:
            raise ConfigError(
                'Expected `interval` >= 1, `patience` >= 1, `samples` >= 2 and `grace` from 0 to '
                f'1, got {interval}, {patience}, {samples} and {grace}.')
        self.interval = interval
        self.samples = samples
        self.grace = grace
        self.patience = patience
        self.limits = dict(feature_std=min_feature_std, rankme=min_rankme, logit_gap=min_logit_gap)
        self.observer: Optional[StepObserver] = None
        self.observing = False
        self.count = 0  # features of the last measurement
        self.below: Dict[str, List[int]] = {}  # quantity -> iterations of its row of low values

    def before_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self.observer = StepObserver(model, self.samples)

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        self.observing = self.due(runner, batch_idx)
        if self.observing:
            self.observer.attach(data_batch['data_samples'])

    def after_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        if not self.observing:
            return
        self.observer.detach()
        measured = {}
        with reporting(runner, f'health of iteration {runner.iter + 1}'):
            on_all_ranks(self.observer.check)
            measured = self.measure(runner.world_size)
        for name, value in measured.items():
            runner.message_hub.update_scalar(f'train/health/{name}', value)
        if measured and runner.iter >= self.grace * runner.max_iters:
            self.judge(runner, measured, data_batch)

    def due(self, runner, batch_idx: int) -> bool:
        """In the iterations that the logger shows; every ``interval`` of all in short epochs."""
        if len(runner.train_dataloader) < self.interval:
            return self.every_n_train_iters(runner, self.interval)
        return self.every_n_inner_iters(batch_idx, self.interval)

    def measure(self, world_size: int) -> Dict[str, float]:
        """All scalars of the step, the same on each rank, with one wait for the device."""
        values = {name: torch.stack(calls).mean().float()
                  for name, calls in self.observer.scalars.items()}
        for name, features in self.observer.features.items():
            features = torch.cat(all_gather(features[:max(1, self.samples // world_size)]))
            self.count = len(features)
            if self.count > 1:
                values[f'{name}_std'] = feature_std(features)
                if name == 'feature':
                    values['rankme'] = rankme(features).float()
        if not values:
            return {}
        stacked = torch.stack(list(values.values()))
        all_reduce(stacked, 'mean')
        return dict(zip(values, stacked.tolist()))

    def judge(self, runner, measured: Dict[str, float], batch: dict) -> None:
        """End the run where a quantity has been below its limit for too long."""
        for name, (quantity, value) in self.judged(measured).items():
            limit = self.limits[quantity]
            if limit is None or not value < limit:
                self.below.pop(name, None)
                continue
            row = self.below.setdefault(name, [])
            row.append(runner.iter + 1)
            if len(row) >= self.patience:
                stop_training(
                    runner, 'collapse',
                    f'the run has collapsed: {name} is {value:.3g}, below {limit:.3g}',
                    [f'It has been since iteration {row[0]}, in {len(row)} measurements in a row '
                     f'(`HealthHook.min_{quantity}`, `patience`). Checkpoints from there on are of '
                     'no use.',
                     'All of them: ' + ', '.join(f'{key} {v:.4g}' for key, v in measured.items())],
                    MENDS[quantity], batch)

    def judged(self, measured: Dict[str, float]) -> Dict[str, tuple]:
        """Name of each value that has a limit -> (quantity, value)."""
        found = {}
        if self.count >= MIN_SAMPLES:
            found.update((name, (name, measured[name])) for name in ('feature_std', 'rankme'))
        for name, value in measured.items():
            if name.endswith('positive_logit'):
                level = name[:-len('positive_logit')]
                gap = value - measured[f'{level}negative_logit']
                found[f'{level}positive_logit - {level}negative_logit'] = ('logit_gap', gap)
        return found
