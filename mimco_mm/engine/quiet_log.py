"""A run's log without what its libraries say of every parameter."""

import logging
import re

# Each parameter's group and initialisation, the order of the hooks, what the summary says better
NOISE = re.compile('|'.join((
    r'^paramwise_options -- ',
    r' is skipped since its requires_grad=False',
    r'^\s*\S+ - torch\.Size\(\[',
    r'^Hooks will be executed in the following order',
    r'^LR is set based on batch size of ',
    r'^"FileClient" will be deprecated',
    r'^"HardDiskBackend" is the alias',
    r'^Checkpoints will be saved to ',
    r'^Exp name: ',
    r'^Distributed training is not used, all SyncBatchNorm',
)))


def is_wanted(record: logging.LogRecord) -> bool:
    """Whether a line of the log tells a user something."""
    return not NOISE.search(record.getMessage())
