"""The table of docs/teachers.md is of the teachers that the walk names, and of timm's families."""

import re
from pathlib import Path

from timm.models import list_modules

from tests.teachers_walk import ASKED, END, FAMILIES, START

DOCUMENT = (Path(__file__).parents[2] / 'docs' / 'teachers.md').read_text()
TABLE = re.search(f'(?s){START}(.*){END}', DOCUMENT)[1]


def test_table__is_of_the_walks_members():
    rows = dict(re.findall(r'^\| (.+?) \| `([^`]+)`', TABLE, re.MULTILINE))
    assert rows == {title: name for title, (name, _) in {**ASKED, **FAMILIES}.items()}
    assert 'FAULT' not in TABLE and f'{len(FAMILIES)} families' in TABLE


def test_walk__is_over_all_of_timms_families():
    assert set(list_modules()) <= FAMILIES.keys() and len(FAMILIES) >= 40
