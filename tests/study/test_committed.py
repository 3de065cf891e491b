"""docs/study.md shows the committed results, and no others."""

import json
from pathlib import Path

from mimco_mm.study import METRICS, NETWORKS, ROWS, SEEDS, SIZES, as_markdown, compare

DOCS = Path(__file__).parents[2] / 'docs'


def test_committed__tables_are_those_of_the_results():
    committed = json.loads((DOCS / 'study' / 'reduced.json').read_text())
    assert committed['size'] == SIZES['reduced']._asdict()
    jobs = committed['jobs']
    assert {(job['row'], job['network'], job['seed']) for job in jobs} == {
        (row.name, network, seed) for row in ROWS for network in NETWORKS
        for seed in SEEDS['reduced']}
    assert all(10 < job[metric] < 50 for job in jobs for metric in METRICS)
    text = as_markdown(jobs, compare(jobs, NETWORKS), SIZES['reduced'])
    page = (DOCS / 'study.md').read_text()
    shown = page.partition('<!-- results: docs/study/reduced.json -->')[2]
    assert shown.partition('<!-- end of results -->')[0].strip() == text.strip()
