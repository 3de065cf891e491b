"""Who is said to hold up the others."""

import time
from functools import partial

import pytest

from mimco_mm.processes.rank_reports import ELSEWHERE, READING, STEPPING, RankReports, Report

LIMIT = 60.


def reports(own: tuple, standing: float, answered: float = 0., **others: tuple) -> RankReports:
    """As of rank 1: (steps done, phase) of this one and others, seconds that it stands still, and
    since the store has answered; an other rank's third value is how long it is silent."""
    found, now = RankReports('key', LIMIT), time.monotonic()
    found.rank, found.ranks = 1, max(2, len(others) + 1)
    found.note(own[1], own[0])
    found.since, found.answered = now - standing, now - answered
    for name, (done, phase, silent) in others.items():
        rank = int(name.removeprefix('rank_'))
        found.hear(rank, Report(1, done, phase, f'host{rank}'))
        found.heard[rank] = now - silent
    return found


def case(*args, **kwargs):
    """``reports`` of these, when the test begins."""
    return partial(reports, *args, **kwargs)


@pytest.mark.parametrize('made, text', [
    (case((7, STEPPING), 50., rank_0=(7, STEPPING, 0.)), None),
    (case((7, STEPPING), 61., rank_0=(7, READING, 0.)),
     'Rank 0 (host0) has not finished step 8 for 61 s: its data workers have not'),
    (case((7, STEPPING), 61., rank_0=(6, STEPPING, 0.), rank_2=(7, STEPPING, 0.)),
     'Rank 0 (host0) has not finished step 7 for 61 s: it hangs within the step.'),
    (case((7, STEPPING), 61., rank_0=(7, STEPPING, 0.), rank_2=(6, STEPPING, 40.)),
     'Rank 2 (host2) has not finished step 8 for 61 s: it gives no sign of life'),
    (case((7, READING), 61., rank_0=(7, STEPPING, 0.)), 'Rank 1 ('),
    (case((7, STEPPING), 61., answered=40.), 'Rank 0 has not finished step 8 for 61 s: '
     'it gives no sign of life'),
    (case((7, STEPPING), 61.), 'Rank 0 has not finished step 8 for 61 s: it gives no'),
    (case((7, STEPPING), 999., rank_0=(7, ELSEWHERE, 0.)), None),  # it evaluates
    (case((7, STEPPING), 999., rank_0=(7, ELSEWHERE, 40.)), 'Rank 0 (host0) has not'),
    (case((7, ELSEWHERE), 999., rank_0=(6, STEPPING, 0.)), None),
    (case((0, STEPPING), 999., rank_0=(0, STEPPING, 0.)), None),  # the first step compiles
])
def test_held_up(made, text):
    told = made().held_up()
    assert told is None if text is None else told.startswith(text)


def test_standing__begins_anew_with_each_step_and_after_what_is_none():
    one = RankReports('key', LIMIT)
    for phase, done, begins in ((STEPPING, None, True), (READING, 1, True), (STEPPING, None, False),
                                (ELSEWHERE, None, True), (STEPPING, None, True)):
        one.since = 0.
        one.note(phase, done)
        assert (one.since > 0.) == begins, (phase, done)
