from typing import List

from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import LinearLR, OptimWrapper
from mmpretrain.registry import HOOKS
from torch import nn

from ..optim import WarmupCosineLR


@HOOKS.register_module()
class PretrainSummaryHook(Hook):
    """Says before the first step what a run is about to do: batch, lr, warm-up, teacher, frozen."""

    priority = 'LOWEST'

    def before_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        lines = [
            f'{type(model).__name__} with {type(model.backbone).__name__} on '
            f'{runner.world_size} x {get_device()}',
            self.batch(runner),
            *self.ignored(runner),
            self.learning_rate(runner),
            *self.teacher(model),
            self.parameters(model),
        ]
        runner.logger.info('Pre-training summary\n' + '\n'.join(f'  {line}' for line in lines))

    @staticmethod
    def batch(runner) -> str:
        per_rank = runner.train_dataloader.batch_size
        accumulation = runner.optim_wrapper._accumulative_counts
        steps = len(runner.train_dataloader)
        return (f'effective batch {runner.world_size * per_rank * accumulation} = '
                f'{runner.world_size} ranks x {per_rank} images x {accumulation} accumulated; '
                f'{len(runner.train_dataloader.dataset)} images, {steps} iterations an epoch, '
                f'epochs {runner.epoch + 1} to {runner.max_epochs}')

    @staticmethod
    def ignored(runner) -> List[str]:
        """What lies in the folder of the images and is none of them, or cannot be reached."""
        dataset = runner.train_dataloader.dataset
        found = getattr(dataset, 'ignored', None)
        return [] if found is None else [f'ignored under {dataset.dataset.img_prefix}: {found}']

    @staticmethod
    def learning_rate(runner) -> str:
        wrapper: OptimWrapper = runner.optim_wrapper
        group = wrapper.optimizer.param_groups[0]
        peak = group.get('initial_lr', group['lr'])
        warmup = sum(s.warmup if isinstance(s, WarmupCosineLR) else s.end - s.begin
                     for s in runner.param_schedulers if isinstance(s, (WarmupCosineLR, LinearLR)))
        scaled = runner.auto_scale_lr if runner.auto_scale_lr else {}
        rule = (f'scaled from a batch of {scaled["base_batch_size"]}'
                if scaled.get('enable') else 'as configured, not scaled to the batch')
        return (f'lr {peak:.4g} ({rule}), warm-up {warmup} iterations; '
                f'{type(wrapper).__name__}, {type(wrapper.optimizer).__name__}')

    @staticmethod
    def teacher(model: nn.Module) -> List[str]:
        report = getattr(model.target_generator, 'report', None)
        return [f'teacher {report}; frozen, in eval mode, not saved'] if report else []

    @staticmethod
    def parameters(model: nn.Module) -> str:
        """Trainable parameters, and the modules that hold frozen ones."""
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        frozen = {}
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                part = '.'.join(name.split('.')[:2 if name.startswith('backbone.') else 1])
                frozen[part] = frozen.get(part, 0) + parameter.numel()
        named = ', '.join(f'{part} {count / 1e6:.2f} M' for part, count in frozen.items())
        return f'trainable {trainable / 1e6:.2f} M; frozen besides the teacher: {named or "none"}'
