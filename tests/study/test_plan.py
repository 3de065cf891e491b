"""What the study trains: every row of the paper's comparisons, at its length."""

from pathlib import Path

import pytest

from mimco_mm.study import (
    COMPARISONS,
    LENGTHS,
    NETWORKS,
    ROWS,
    SEEDS,
    SIZES,
    Job,
    jobs,
    length_jobs,
)

CONFIGS = Path(__file__).parents[2] / 'configs' / 'study'
BY_NAME = {row.name: row for row in ROWS}


def test_rows__compared_methods_have_the_same_effective_epochs():
    # paper: 300 epochs of two views for the teacher, 100 of one for MimCo make 700
    effective = {name: row.effective_epochs for name, row in BY_NAME.items()}
    assert effective == {
        'scratch': 0, 'moby': 6, 'simmim': 1,
        **dict.fromkeys(('mimco', 'simmim-long', 'simmim-moby', 'patch-only', 'image-only', 'l1',
                         'no-mask'), 7)}


@pytest.mark.parametrize('size', SIZES.values(), ids=SIZES)
def test_rows__rounding_epochs_never_takes_from_a_rival(size):
    for row in ROWS:
        short = row.epochs * size.epochs - row.whole_epochs(size)
        assert short <= 0 and -short * row.views <= 1, row.name


@pytest.mark.parametrize('name', SIZES)
def test_jobs__are_every_row_once_seed_by_seed_teacher_first(name):
    size, seeds = SIZES[name], SEEDS[name]
    found = jobs(size, seeds=seeds)
    assert len({job.name for job in found}) == len(found) == len(ROWS) * 2 * len(seeds)
    for place, key in enumerate((network, seed) for network in NETWORKS for seed in seeds):
        part = found[place * len(ROWS):][:len(ROWS)]
        assert {(job.network, job.seed) for job in part} == {key}
        assert [job.row.name == 'moby' for job in part] == [True] + [False] * (len(ROWS) - 1)
        work = [job.work(size) for job in part[1:]]
        assert work == sorted(work, reverse=True)


def test_lengths__share_a_teacher_and_the_rows_own_jobs():
    size = SIZES['medium']
    found = length_jobs(size)
    assert len({job.name for job in found}) == len(found) == 3 * (2 + 3 * len(LENGTHS))
    assert sorted({job.epochs(size) for job in found if job.row.name == 'l1'}) == [3, 10, 20, 40]
    assert found[0].row.name == 'moby' and found[0].epochs(size) == 60
    own = {job.name for job in jobs(size, seeds=SEEDS['medium'])}
    assert {job.row.name for job in found if job.name in own} == {
        'moby', 'simmim-long', 'mimco', 'no-mask', 'l1'}


def test_job__work_counts_the_images_that_learning_encoders_see():
    size = SIZES['reduced']
    expected = {'moby': 2 * 3, 'simmim-moby': 7, 'simmim-long': 7, 'mimco': 1, 'scratch': 0}
    for name, epochs in expected.items():
        assert Job(BY_NAME[name], 'swin', 0).work(size) == size.train * (
            epochs * size.epochs + size.finetune_epochs), name


def test_configs__there_is_one_for_every_row_and_network():
    for network in NETWORKS:
        for row in ROWS:
            if row.config is not None:
                assert (CONFIGS / f'{row.config.format(network=network)}.py').is_file()
        assert (CONFIGS / f'finetune_{network}-micro.py').is_file()


def test_comparisons__name_rows_and_cover_the_tables():
    assert {c.table for c in COMPARISONS} == {1, 4, 7, 8, 9, 10, 11}
    assert {name for c in COMPARISONS for name in (c.better, c.worse)} <= BY_NAME.keys()
