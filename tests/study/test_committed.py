"""docs/study.md and the README show the committed results, and no others."""

import json
from pathlib import Path

import pytest

from mimco_mm.study import METRICS, NETWORKS, SIZES, as_markdown, compare
from mimco_mm.study.report import cell, of_rows

ROOT = Path(__file__).parents[2]
SIZE = SIZES['medium']


def test_committed__tables_are_those_of_the_results():
    rows = of_rows(committed('medium', SIZE), SIZE)
    networks = [network for network in NETWORKS if network in {job['network'] for job in rows}]
    text = as_markdown(rows, compare(rows, networks), SIZE)
    page = (ROOT / 'docs' / 'study.md').read_text()
    shown = page.partition('<!-- results: docs/study/medium.json -->')[2]
    assert shown.partition('<!-- end of results -->')[0].strip() == text.strip()


def test_committed__weaker_teachers_table_is_that_of_its_results():
    jobs = committed('medium_teacher-30', SIZE._replace(epochs=10))
    page = (ROOT / 'docs' / 'study.md').read_text()
    for row, title in (('moby', 'MoBY of 30 epochs, a teacher'), ('mimco', 'MimCo from it'),
                       ('no-mask', 'MimCo from it, no mask'), ('l1', 'l1 from it')):
        assert f'| {title} | {30 if row == "moby" else 20} | {cells(jobs, row)} |' in page


@pytest.mark.parametrize('metric', METRICS)
def test_committed__readme_has_the_scores(metric):
    jobs = [job for job in committed('medium', SIZE) if job['network'] == 'vit']
    columns = [{job['seed']: job[metric] for job in jobs if (job['row'], job['epochs']) == column}
               for column in (('scratch', 0), ('simmim-long', 140), ('moby', 60), ('mimco', 20),
                              ('mimco', 40))]
    seeds = set.intersection(*map(set, columns))  # the columns are compared: of the same seeds
    scores = ' | '.join(cell([scores[seed] for seed in sorted(seeds)]) for scores in columns)
    assert f'| {METRICS[metric]} | {scores} |' in (ROOT / 'README.md').read_text()


def cells(jobs: list, row: str) -> str:
    return ' | '.join(cell([job[metric] for job in jobs if job['row'] == row])
                      for metric in METRICS)


def committed(name: str, size: tuple) -> list:
    content = json.loads((ROOT / 'docs' / 'study' / f'{name}.json').read_text())
    assert content['size'] == size._asdict()
    assert all(10 < job[metric] < 75 for job in content['jobs'] for metric in METRICS)
    return content['jobs']
