"""--amp: what a run computes in, written into its config."""

from typing import Optional

from mmengine.config import ConfigDict
from mmengine.device import get_device

from ..errors import ConfigError
from ..options.scopes import OWN_SCOPE

# precision -> what replaces type, dtype and loss_scale of the config's optim_wrapper
OPTIM_WRAPPERS = dict(
    bf16=dict(type='AutocastOptimWrapper', dtype='bfloat16'),
    fp16=dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic'),
    off=dict(type='OptimWrapper'),
)


def check_worth(amp: Optional[str]) -> None:
    """Raise ConfigError for bfloat16 where a run computes in float32 all the same."""
    if amp == 'bf16' and get_device() == 'cpu':
        raise ConfigError('--amp bf16 would change nothing here: without an accelerator a run '
                          'computes in float32. Leave it out.')


def set_precision(optim_wrapper: ConfigDict, amp: str, scope: str) -> None:
    if amp not in OPTIM_WRAPPERS:
        raise ConfigError(f'--amp expects {", ".join(OPTIM_WRAPPERS)}, got {amp}.')
    if (scope, amp) == ('mmdet', 'bf16'):
        raise ConfigError("mmdet's detectors cannot train in bfloat16 (mmcv's RoIAlign has no such "
                          'kernel): take --amp fp16, or --amp off.')
    known = {wrapper['type'] for wrapper in OPTIM_WRAPPERS.values()}
    current = optim_wrapper.get('type', 'OptimWrapper')
    if current.removeprefix(f'{OWN_SCOPE}.') not in known:
        raise ConfigError(f'--amp replaces one of {", ".join(sorted(known))}, but the config\'s '
                          f'optim_wrapper.type is {current}: set its precision there.')
    for key in ('dtype', 'loss_scale'):
        optim_wrapper.pop(key, None)
    optim_wrapper.update(OPTIM_WRAPPERS[amp])
    if amp == 'bf16' and scope != OWN_SCOPE:
        optim_wrapper.type = f'{OWN_SCOPE}.{optim_wrapper.type}'
