"""Whole training steps on tensors without values: what a GPU would be asked for."""

from .simulated_step import StepCount, count_steps
from .simulation import simulate

__all__ = ['StepCount', 'count_steps', 'simulate']
