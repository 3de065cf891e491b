import math
from functools import partial
from typing import List, Optional

import torch
from mmengine.device import get_device
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper
from mmpretrain.registry import HOOKS

from .diagnosis import NOTHING, first_bad_tensor
from .stopping import stop_training

NEVER = 2**62  # later than any iteration
LEAST_SCALE = 1e-4  # fairseq's


@HOOKS.register_module()
class NaNGuardHook(Hook):
    """Ends a run at a NaN or an infinity, and names the tensor in which it first appeared.

    Two values tell, which are on the host anyway:

    - The gradient norm, which clipping needs before the optimizer's step (without ``clip_grad`` it
      is computed here, and logged). It is that of the gradients averaged over all ranks, so all of
      them see it in the same step, and stop before the weights are spoilt. float16 is left out:
      its gradients overflow at times, and its scaler then skips the step by itself. A scale below
      ``LEAST_SCALE``, looked at every ``interval`` iterations, tells of too many skips.
    - The losses, which the logger reads after each step. They may differ between ranks, so several
      ranks ask each other every ``interval`` iterations and at the end of the epoch, before a
      checkpoint is written; one process alone stops at once.

    Args:
        interval: iterations between two questions to the other ranks.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self.batch: Optional[dict] = None      # of the current iteration
        self.bad_batch: Optional[dict] = None  # of the first iteration with a bad loss
        self.bad_iter = NEVER
        self.bad_losses = ''
        self.handle = None

    def before_train(self, runner) -> None:
        if not isinstance(runner.optim_wrapper, AmpOptimWrapper):
            self.handle = runner.optim_wrapper.optimizer.register_step_pre_hook(
                partial(self.check_gradient, runner))

    def after_train(self, runner) -> None:
        if self.handle is not None:
            self.handle.remove()

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        self.batch = data_batch

    def after_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        # RuntimeInfoHook has read them: asking the message hub does not wait for the device.
        values = {name: runner.message_hub.get_scalar(f'train/{name}').current()
                  for name in outputs or {}}
        bad = [f'{name} is {value}' for name, value in values.items() if not math.isfinite(value)]
        if bad and self.bad_iter == NEVER:
            self.bad_iter, self.bad_batch, self.bad_losses = runner.iter, data_batch, ', '.join(bad)
        is_asked = self.every_n_train_iters(runner, self.interval)
        if runner.world_size == 1 or is_asked:
            self.check_losses(runner)
        if is_asked:
            self.check_scale(runner)

    def after_train_epoch(self, runner) -> None:
        self.check_losses(runner)

    def before_interruption(self, runner) -> None:
        self.check_losses(runner)  # a checkpoint is written next

    def check_losses(self, runner) -> None:
        """Stop if any rank has had a bad loss; all ranks come here together."""
        first = torch.tensor(self.bad_iter)
        all_reduce(first, 'min')
        if int(first) < NEVER:
            self.stop(runner, self.bad_losses or 'a loss of another rank is not finite',
                      f'Not finite since iteration {int(first) + 1}.')

    def check_scale(self, runner) -> None:
        """Stop where float16's scaler leaves out every step; the scale is the same on all ranks."""
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        scale = 1. if scaler is None else scaler.get_scale()
        if scale < LEAST_SCALE:
            self.stop(runner, f'the loss scale of float16 has fallen to {scale:.1e}',
                      'Step after step was left out, as its gradients were not finite.')

    def check_gradient(self, runner, *optimizer_step) -> None:
        """Stop before the optimizer takes a gradient that is not finite."""
        norm = self.gradient_norm(runner)
        if not math.isfinite(norm):
            self.stop(runner, f'the gradient norm is {norm}',
                      f'The weights are still those of iteration {runner.iter}.')

    @staticmethod
    def gradient_norm(runner) -> float:
        wrapper = runner.optim_wrapper
        if wrapper.clip_grad_kwargs and wrapper.clip_func is torch.nn.utils.clip_grad_norm_:
            return runner.message_hub.get_scalar('train/grad_norm').current()
        gradients = [parameter.grad for group in wrapper.optimizer.param_groups
                     for parameter in group['params'] if parameter.grad is not None]
        if not gradients:
            return 0.
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))).item()
        runner.message_hub.update_scalar('train/grad_norm', norm)
        return norm

    def stop(self, runner, what: str, since: str) -> None:
        """Find the first bad tensor on all ranks, and end the run."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        batch = self.batch if self.bad_batch is None else self.bad_batch
        try:
            finding = first_bad_tensor(model, batch,
                                       runner.optim_wrapper.optim_context(runner.model))
        except Exception as error:  # must not hide why the run ends
            finding = (*NOTHING[:2], f'not found: to run the step again failed with {error!r}')
        (*_, text), rank = min((finding, rank) for rank, finding in enumerate(
            all_gather_object(finding)))
        stop_training(runner, 'nan', what, [f'First bad tensor: {text}.', since],
                      self.mends(runner, text), batch, saving_rank=rank)

    @staticmethod
    def mends(runner, text: str) -> List[str]:
        wrapper = runner.optim_wrapper
        group = wrapper.optimizer.param_groups[0]
        clip = wrapper.clip_grad_kwargs or {}
        if text.startswith('input'):
            return ['The images: look at those whose paths are saved, at the transforms of '
                    '`train_pipeline`, and at `data_preprocessor.mean` and `std`.']
        on_cpu = get_device() == 'cpu'  # which computes in float32 already
        if 'target_generator' in text:
            return ["The teacher's features: check its checkpoint and its `input_norm`"
                    + ('.' if on_cpu else '; `--amp off` computes them in float32.')]
        if on_cpu:
            precision = []
        elif isinstance(wrapper, AmpOptimWrapper):
            precision = ['`--amp bf16`, or `--amp off` for float32: float16 overflows at 65504.']
        else:
            precision = ['`--amp off`: float32 instead of bfloat16.']
        mends = [*precision,
                 f'A lower learning rate (`--lr`; its peak was '
                 f'{group.get("initial_lr", group["lr"]):.3g}) or a longer warm-up '
                 '(`param_scheduler.0.warmup`).',
                 f'`optim_wrapper.clip_grad.max_norm=1.0` (it is {clip.get("max_norm")}).',
                 '`optim_wrapper.optimizer.betas="(0.9,0.95)"`, a shorter memory of squared '
                 'gradients.']
        if text.startswith('parameter'):
            mends.insert(0, 'The weights were spoilt before this step: begin from an earlier '
                            'checkpoint, and check the one that this run began with.')
        return mends
