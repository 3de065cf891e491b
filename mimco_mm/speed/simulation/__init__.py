from .simulated_step import StepCount, simulate

__all__ = ['StepCount', 'simulate']
