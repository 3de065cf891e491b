"""docs/study.md shows the committed results, and no others."""

import json
from pathlib import Path

import pytest

from mimco_mm.study import METRICS, NETWORKS, ROWS, SEEDS, SIZES, as_markdown, compare

DOCS = Path(__file__).parents[2] / 'docs'


def test_committed__results_are_all_of_the_reduced_form():
    jobs = committed('reduced')
    assert {(job['row'], job['network'], job['seed']) for job in jobs} == {
        (row.name, network, seed) for row in ROWS for network in NETWORKS
        for seed in SEEDS['reduced']}


@pytest.mark.parametrize('size, best', [('reduced', 50), ('medium', 75)])
def test_committed__tables_are_those_of_the_results(size, best):
    jobs = committed(size)
    assert all(10 < job[metric] < best for job in jobs for metric in METRICS)
    networks = [network for network in NETWORKS if network in {job['network'] for job in jobs}]
    text = as_markdown(jobs, compare(jobs, networks), SIZES[size])
    page = (DOCS / 'study.md').read_text()
    shown = page.partition(f'<!-- results: docs/study/{size}.json -->')[2]
    assert shown.partition('<!-- end of results -->')[0].strip() == text.strip()


def committed(size: str) -> list:
    content = json.loads((DOCS / 'study' / f'{size}.json').read_text())
    assert content['size'] == SIZES[size]._asdict()
    return content['jobs']
