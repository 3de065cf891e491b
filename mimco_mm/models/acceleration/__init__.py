from .compilation import as_they_are, compile_blocks, compiled_blocks, uncompiled
from .layers import accelerate

__all__ = ['accelerate', 'as_they_are', 'compile_blocks', 'compiled_blocks', 'uncompiled']
