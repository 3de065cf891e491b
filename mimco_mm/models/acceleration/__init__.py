from .layers import accelerate

__all__ = ['accelerate']
