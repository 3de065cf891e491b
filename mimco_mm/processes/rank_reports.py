"""What each rank says of itself, and who holds up the others."""

import json
import socket
import threading
import time
from datetime import timedelta
from typing import Dict, NamedTuple, Optional

from mmengine.dist import get_rank, get_world_size

from .agreement import store_client

READING, STEPPING, ELSEWHERE = 'reading', 'stepping', 'elsewhere'
WHAT = {READING: 'its data workers have not given it the images yet (slow or hung storage?)',
        STEPPING: 'it hangs within the step'}
SILENT = 'it gives no sign of life (its process is stopped, or its node hangs)'


class Report(NamedTuple):
    """What a rank says of itself: a number that grows, its steps done, what it does, its host."""

    beat: int
    done: int
    phase: str
    host: str


class RankReports:
    """The reports of all ranks, exchanged by the store where they have met.

    The store does not time out where its own process, rank 0, is stopped: one thread may be stuck
    in ``exchange`` while another asks ``held_up``.

    Args:
        key: of this run in the store.
        limit: seconds that a rank may be in one step.
    """

    def __init__(self, key: str, limit: float) -> None:
        self.key, self.limit = key, limit
        self.period = min(5., limit / 20)
        self.rank, self.ranks = get_rank(), get_world_size()
        self.own = Report(0, 0, ELSEWHERE, socket.gethostname())
        self.since = self.answered = time.monotonic()
        self.others: Dict[int, Report] = {}
        self.heard: Dict[int, float] = {}  # rank -> when it was last seen to have gone on
        self.lock = threading.Lock()
        self.store = store_client(timedelta(seconds=max(30., limit)))

    def note(self, phase: str, done: Optional[int] = None) -> None:
        """Take down what this rank does; ``done`` steps are behind it."""
        with self.lock:
            done = self.own.done if done is None else done
            if (done, phase) != (self.own.done, self.own.phase):
                if phase == ELSEWHERE or self.own.phase == ELSEWHERE or done != self.own.done:
                    self.since = time.monotonic()
                self.own = self.own._replace(done=done, phase=phase)

    def exchange(self) -> None:
        """Tell the others of this rank, and hear of them once it stands still."""
        with self.lock:
            self.own = self.own._replace(beat=self.own.beat + 1)
            text = json.dumps(self.own)
        self.store.set(f'{self.key}/{self.rank}', text)
        if self.standing() > self.limit / 4:
            for rank in set(range(self.ranks)) - {self.rank}:
                if self.store.check([f'{self.key}/{rank}']):
                    self.hear(rank, Report(*json.loads(self.store.get(f'{self.key}/{rank}'))))
        self.answered = time.monotonic()

    def hear(self, rank: int, report: Report) -> None:
        if report != self.others.get(rank):
            self.others[rank] = report
            self.heard[rank] = time.monotonic()

    def standing(self) -> float:
        """Seconds that this rank has been in one step, its images included."""
        with self.lock:
            first = self.own.done == 0 or self.own.phase == ELSEWHERE
            return 0. if first else time.monotonic() - self.since

    def held_up(self) -> Optional[str]:
        """Who has held up this rank for too long, in words; None where all may be well."""
        standing = self.standing()
        if standing < self.limit:
            return None
        now, silence = time.monotonic(), self.limit / 2
        silent = [rank for rank in range(self.ranks) if rank != self.rank
                  and now - self.heard.get(rank, float('-inf')) > silence]
        if now - self.answered > silence:
            silent = [0]  # which keeps the store
        reports = {**self.others, self.rank: self.own}
        if silent:
            rank, done, what = silent[0], self.own.done, SILENT
        elif any(report.phase == ELSEWHERE for report in reports.values()):
            return None  # it evaluates or saves still
        else:
            rank = min(reports, key=lambda one: (reports[one].done, reports[one].phase, one))
            done, what = reports[rank].done, WHAT[reports[rank].phase]
        host = f' ({reports[rank].host})' if rank in reports else ''
        time_spent = f'{standing:.0f} s' if standing < 120 else f'{standing / 60:.0f} minutes'
        return f'Rank {rank}{host} has not finished step {done + 1} for {time_spent}: {what}.'
