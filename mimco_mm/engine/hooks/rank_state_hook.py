from typing import Any, Dict, List

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmpretrain.registry import HOOKS

from ..resuming import rank_states, restore


@HOOKS.register_module()
class RankStateHook(Hook):
    """Saves with each checkpoint what each rank has to itself, and gives it back in mid-epoch.

    At the beginning of an epoch ``EpochSeedHook`` seeds everything anew. With another number of
    ranks the random numbers are others too, and the log says so.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.states: List[Dict[str, Any]] = []

    def before_gathering(self, runner) -> None:
        """Of all ranks: rank 0 alone meets ``before_save_checkpoint``."""
        self.states = rank_states(self.model(runner))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['rank_states'] = self.states

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.states = checkpoint.get('rank_states', []) if runner._resume else []

    def before_rest_of_epoch(self, runner) -> None:
        if len(self.states) == runner.world_size:
            restore(self.model(runner), self.states[runner.rank])
        else:
            runner.logger.warning(
                f'The checkpoint has the random states of {len(self.states)} ranks, and this run '
                f'{runner.world_size}: the rest of the epoch draws other random numbers.')

    @staticmethod
    def model(runner):
        return runner.model.module if is_model_wrapper(runner.model) else runner.model
