"""The least time of counted work is that of its products or its bytes, operator by operator."""

import pytest

from mimco_mm.speed.roofline import CARDS, Card, fits, least_seconds


def test_least_seconds__is_what_bounds_each_operator():
    card = Card('made up', memory=10, bandwidth=100., half=1000., single=10., source='')
    work = [(1000, 1, True), (0, 50, False), (100, 1, False)]
    assert least_seconds(work, card) == pytest.approx(1 + 0.5 + 10)


def test_fits__leaves_room_for_cuda():
    card = Card('made up', memory=10, bandwidth=1., half=1., single=1., source='')
    assert fits(9 * 2**30, card) and not fits(9 * 2**30 + 1, card)


def test_cards__have_a_source_and_plausible_peaks():
    assert len({card.name for card in CARDS}) == len(CARDS) == 5
    for card in CARDS:
        assert card.source and card.half > card.single and 100 < card.half / card.bandwidth < 400
