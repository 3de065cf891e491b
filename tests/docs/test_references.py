"""What the documents name is there: files, classes and functions, config keys, options."""

import ast
import functools
import inspect
import re
from pathlib import Path
from typing import Iterator, Tuple

import pytest
from mmengine.config import Config
from mmpretrain.registry import DATASETS, HOOKS, MODELS, OPTIM_WRAPPERS, TRANSFORMS

import mimco_mm.engine
import mimco_mm.models  # noqa: F401  what is registered

from ..test_architecture import FLOORS
from .support import ROOT

DEFAULT_CONFIG = 'configs/pretrain/mimco_swin-t.py'
RUN_KEYS = {'load_from'}  # of mmengine's Runner, wherever no config sets them
REGISTRIES = (DATASETS, HOOKS, MODELS, OPTIM_WRAPPERS, TRANSFORMS)
Cells = Tuple[str, ...]


def rows(name: str, heading: str) -> Iterator[Cells]:
    """Cells of the tables of a document whose first cell of the head is ``heading``."""
    for table in re.findall(r'(?:^\|.*\n)+', (ROOT / 'docs' / name).read_text(), re.MULTILINE):
        head, _, *lines = table.splitlines()
        if heading in head:
            yield from (tuple(cell.strip() for cell in line.strip('|').split('|'))
                        for line in lines)


def tokens(cell: str) -> list:
    return re.findall(r'`([^`]+)`', cell)


def is_path(token: str) -> bool:
    return '/' in token and ' ' not in token


MAP = [row for row in rows('paper_map.md', 'code') if len(row) == 4]
SWITCHES = [row[-1] for row in rows('open_questions.md', 'switch')]


@functools.cache
def names_in(path: str) -> set:
    """'Class', 'Class.method' and 'function' of a file."""
    names = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        names.add(getattr(node, 'name', None))
        names |= {f'{node.name}.{part.name}' for part in getattr(node, 'body', [])
                  if isinstance(node, ast.ClassDef) and hasattr(part, 'name')}
    return names


@functools.cache
def config(path: str) -> Config:
    return Config.fromfile(ROOT / path)


def has_key(value, path: str) -> bool:
    """Whether a config sets this key, or the class that takes it has such an argument."""
    path = path.replace('PIPELINE', 'train_dataloader.dataset.dataset.pipeline')
    *parents, last = path.split('.')
    for part in parents:
        value = value[place(value, part)]
    if isinstance(value, (list, tuple)):
        return place(value, last) < len(value)
    if last in value or (not parents and last in RUN_KEYS):
        return True
    kinds = [registry.get(value['type']) for registry in REGISTRIES if 'type' in value]
    return any(last in inspect.signature(cls.__init__).parameters
               for kind in kinds if kind for cls in inspect.getmro(kind))


def place(value, part: str):
    """A part of a key in a dict or a list, there by its number or its type."""
    if not isinstance(value, (list, tuple)):
        return part
    return int(part) if part.isdigit() else [one['type'] for one in value].index(part)


def check_settings(cell: str) -> None:
    """Every config, key and command-line option of a cell: those of the file before them."""
    before = DEFAULT_CONFIG
    for token in tokens(cell):
        if is_path(token):
            assert (ROOT / token).is_file(), token
            before = token
        elif token.startswith('--'):
            tool = 'tools/train.py' if before.startswith('configs/') else before
            assert f"'{token}'" in (ROOT / tool).read_text(), f'{tool} {token}'
        else:
            assert has_key(config(before), token.split('=')[0]), f'{before} {token}'


def test_tables__are_read():
    assert len(MAP) >= 40 and len(SWITCHES) >= 60  # and none is lost by its form


@pytest.mark.parametrize('row', MAP, ids=lambda row: row[0][:50])
def test_paper_map__names_what_is_there(row):
    _, code, settings, tests = row
    files = [token for token in tokens(code) if is_path(token)]
    for token in tokens(code):
        if is_path(token):
            assert (ROOT / token).is_file(), token
        elif not any(token in names_in(path) for path in files):
            assert MODELS.get(token) is not None, f'{token} is neither in {files} nor registered'
    check_settings(settings)
    assert tokens(tests), 'no test'
    for path in tokens(tests):
        assert 'def test_' in (ROOT / path).read_text(), path


@pytest.mark.parametrize('cell', [
    pytest.param(cell, marks=pytest.mark.maintained_only if re.search('/(coco|ade20k)/', cell)
                 else (), id=cell[:50]) for cell in SWITCHES])
def test_open_questions__switches_exist(cell):
    assert cell == 'none' or tokens(cell)
    check_settings(cell)


DOCUMENTS = [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]


def anchors(document: Path) -> set:
    """Of its headings, as they are linked to."""
    headings = re.findall(r'^#+ (.*)$', document.read_text(), re.MULTILINE)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_documents__link_to_what_is_there(document):
    links = re.findall(r'\]\(([^)#:\s]*)(?:#([^)]*))?\)', document.read_text())
    assert len(links) >= 1 or document.name not in ('README.md', 'faq.md')
    for file, anchor in links:
        target = document.parent / file if file else document
        assert target.exists(), file
        if anchor:
            assert anchor in anchors(target), f'{file}#{anchor}'


def test_readme__is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 180


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_documents__name_files_that_are_there(document):
    paths = re.findall(r'(?<![\w/.])(?:configs|docs|mimco_mm|tests|tools)/[\w/.-]*\.\w+',
                       document.read_text())
    assert [path for path in paths if not Path(ROOT, path).is_file()] == []


def test_readme__lists_every_page():
    index = (ROOT / 'README.md').read_text().partition('## Documents\n')[2].partition('\n## ')[0]
    pages = {document.relative_to(ROOT).as_posix() for document in DOCUMENTS[1:]}
    assert set(re.findall(r'\]\((docs/\w+\.md)\)', index)) == pages


def test_architecture__names_every_room_on_the_page_and_in_its_drawing():
    rooms = {room for floor in FLOORS for room in floor}
    page = (ROOT / 'docs' / 'architecture.md').read_text()
    assert {token for row in rows('architecture.md', 'begin with') for token in tokens(row[0])
            } == rooms
    drawing, = re.findall(r'\]\((figures/\w+\.svg)\)', page)
    drawn = re.findall(r'>([^<]+)</text>', (ROOT / 'docs' / drawing).read_text())
    assert {name for text in drawn for name in text.split(' · ')} >= rooms
