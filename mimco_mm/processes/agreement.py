"""How ranks agree on the step after which all of them stop, without a word between devices."""

import os
from datetime import timedelta
from typing import Optional

from mmengine.dist import get_world_size
from torch.distributed import TCPStore

# Steps from the first rank's wish to the last step of all.
AHEAD = 3


def store_client(timeout: timedelta) -> Optional[TCPStore]:
    """A connection of one's own to the store where the ranks have met; None for one process."""
    if get_world_size() == 1:
        return None
    return TCPStore(os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']), is_master=False,
                    wait_for_workers=False, timeout=timeout)


class StopAgreement:
    """After which step all ranks stop, once one of them wants to.

    Each rank looks into the store at the end of each optimizer step, over the network of CPUs. The
    first one that wants to stop writes down the step ``AHEAD`` of its own. All of them find it in
    time: a rank can only end step n with a value of step n - 1 that all ranks have added up on
    their devices (the loss that is logged has gone through it), so that every other one has at
    least begun step n - 1, and has written at the end of n - 2 what it had to write. The rank of
    the wish thus is at n - 2 or later, and the others at n + 2 or earlier.

    Args:
        key: of this run in the store.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.store = store_client(timedelta(minutes=5))
        self.last_step: Optional[int] = None
        self.signal = 0

    def stops(self, step: int, wish: Optional[int]) -> Optional[int]:
        """The signal that ends the run, if all ranks stop after this step.

        Args:
            step: number of the step that this rank has finished.
            wish: the signal that this rank has got.
        """
        if self.store is None:
            return wish
        if self.last_step is None:
            text = self.read(step, wish)
            if text is None:
                return None
            self.last_step, self.signal = map(int, text.split())
        return self.signal if step >= self.last_step else None

    def read(self, step: int, wish: Optional[int]) -> Optional[bytes]:
        if wish is not None:  # what another rank was first to write stays
            return self.store.compare_set(self.key, '', f'{step + AHEAD} {int(wish)}')
        return self.store.get(self.key) if self.store.check([self.key]) else None
