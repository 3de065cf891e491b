"""What the study trains: every row of the paper's comparisons, at its length."""

from pathlib import Path

import pytest

from mimco_mm.study import COMPARISONS, NETWORKS, ROWS, SEEDS, SIZES, Job, jobs

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
def test_rows__epochs_are_whole(size):
    assert all((row.epochs * size.epochs).denominator == 1 for row in ROWS)


def test_jobs__are_every_row_of_both_networks_and_three_seeds_once_teachers_first():
    found = jobs(SIZES['full'])
    assert len({job.name for job in found}) == len(found) == len(ROWS) * 2 * 3
    assert {job.row.name for job in found[:6]} == {'moby'}
    assert {(job.network, job.seed) for job in found} == {
        (network, seed) for network in NETWORKS for seed in SEEDS}
    work = [job.work(SIZES['full']) for job in found[6:]]
    assert work == sorted(work, reverse=True)


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
