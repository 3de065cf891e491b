from .options import OptionError
from .plan import SUITE, Machines, Step, plan
from .running import check, run_step

__all__ = ['SUITE', 'Machines', 'OptionError', 'Step', 'check', 'plan', 'run_step']
