from .compilation import compile_blocks, compiled_blocks, uncompiled
from .layers import accelerate

__all__ = ['accelerate', 'compile_blocks', 'compiled_blocks', 'uncompiled']
