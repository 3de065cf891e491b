"""Who may import whom, and what no file of the package may do, read from the syntax trees."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.runner import CheckpointLoader

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for top in ('mimco_mm', 'tests') for path in (ROOT / top).rglob('*.py')
                 if '.mim' not in path.parts)
PACKAGE = [path for path in SOURCES if path.relative_to(ROOT).parts[0] == 'mimco_mm']
MAX_LINES = 350
# From the ground up: a room imports from floors below it, from no neighbour and from none above
FLOORS = [
    ['errors', 'names', 'version', 'requirements', 'config_names', 'origins', 'progress',
     'teacher_parts'],
    ['processes', 'checkpoints', 'datasets'],
    ['records', 'models', 'evaluation', 'options'],
    ['embedding', 'engine', 'tables'],
    ['watch', 'speed'],
    ['figures', 'launching'],
    ['transfers', 'study', 'api'],
]


def imported(source: str, package: str) -> Iterator[str]:
    """Every module that a file of ``package`` imports, wherever in it, and every imported name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split('.')[:len(package.split('.')) - node.level + 1]
            module = '.'.join((parents if node.level else []) + [node.module or '']).strip('.')
            yield from (module, *(f'{module}.{alias.name}' for alias in node.names))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith('import_module'):
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant))


def within(module: str, *tops: str) -> bool:
    return any(f'{module}.'.startswith(f'{top}.') for top in tops)


def imports(*packages: str) -> set:
    """{(file, module)} of all files in these packages, which must exist."""
    found = {(path.relative_to(ROOT).as_posix(), module) for path in SOURCES
             for package in ['.'.join(path.relative_to(ROOT).parts[:-1])]
             if within(package, *packages)
             for module in imported(path.read_text(), package)}
    assert found, f'no imports in {packages}'
    return found


def imports_of_room(room: str) -> set:
    file = ROOT / 'mimco_mm' / f'{room}.py'
    if not file.is_file():
        return imports(f'mimco_mm.{room}')
    return {(file.name, module) for module in imported(file.read_text(), 'mimco_mm')}


def nodes(path: Path, kind: type) -> list:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kind)]


@pytest.mark.parametrize('package', ['mimco_mm.models.losses', 'mimco_mm.models.utils'])
def test_losses_and_utils__know_torch_and_the_registry_only(package):
    allowed = ('torch', 'mmengine', 'mmpretrain.registry', 'mmpretrain.structures',
               'mimco_mm.errors', package)
    assert not {(file, module) for file, module in imports(package)
                if not within(module, *allowed, *sys.stdlib_module_names)}


@pytest.mark.parametrize('part', ['heads', 'necks'])
def test_heads_and_necks__get_other_parts_from_the_registry(part):
    others = {'heads', 'necks', 'losses', 'backbones', 'selfsup', 'target_generators'} - {part}
    assert not {(file, module) for file, module in imports(f'mimco_mm.models.{part}')
                if within(module, *(f'mimco_mm.models.{other}' for other in others))}


@pytest.mark.parametrize('room', [room for floor in FLOORS for room in floor])
def test_rooms__import_from_floors_below_alone(room):
    own = next(index for index, floor in enumerate(FLOORS) if room in floor)
    below = [f'mimco_mm.{other}' for floor in FLOORS[:own] for other in floor]
    assert not {(file, module) for file, module in imports_of_room(room)
                if within(module, 'mimco_mm') and module != 'mimco_mm'
                and not within(module, f'mimco_mm.{room}', *below)}


def test_rooms__are_all_of_the_package():
    assert sorted(room for floor in FLOORS for room in floor) == sorted(
        {path.relative_to(ROOT / 'mimco_mm').parts[0].removesuffix('.py') for path in PACKAGE}
        - {'__init__'})


def test_package__names_no_transfer_library_and_no_fork():
    assert not {(file, module) for file, module in imports('mimco_mm')
                if within(module, 'mmdet', 'mmseg')}
    assert not [path for path in PACKAGE if 'onedl' in path.read_text().lower()]


def test_reference__is_independent_of_the_package():
    assert not {(file, module) for file, module in imports('tests.reference')
                if within(module, 'mimco_mm')}


def test_package__unpickles_nothing_but_tensors():
    loads = {path: [node for node in nodes(path, ast.Call)
                    if ast.unparse(node.func) == 'torch.load'] for path in PACKAGE}
    assert [path.name for path, found in loads.items() if found] == ['reading.py']
    for call in sum(loads.values(), []):
        assert 'weights_only=True' in [ast.unparse(keyword) for keyword in call.keywords]
    assert not {(file, module) for file, module in imports('mimco_mm') if within(
        module, 'pickle.load', 'pickle.loads', 'joblib', 'dill', 'torch.load', 'torch.jit',
        'mmengine.runner.load_checkpoint', 'mmengine.runner.checkpoint.load_checkpoint',
        'mmengine.runner.checkpoint._load_checkpoint')}


def test_mmengine__reads_checkpoints_by_our_reader_alone():
    """Its own loaders unpickle; all schemes that it, or a library on it, has registered count."""
    libraries = ('mimco_mm', 'mmpretrain.models', 'mmdet.models', 'mmseg.models')
    for library in libraries:
        if importlib.util.find_spec(library.partition('.')[0]):
            importlib.import_module(library)
    loaders = {loader.__module__ for loader in CheckpointLoader._schemes.values()}
    assert loaders == {'mimco_mm.checkpoints.mmengine_loader'}


def test_tools__unpickle_nothing():
    tools = [ast.unparse(node.func) for path in (ROOT / 'tools').rglob('*.py')
             for node in nodes(path, ast.Call)]
    assert tools and not {'torch.load', 'pickle.load', 'pickle.loads'} & set(tools)


def test_package__errors_on_user_input_are_no_bare_asserts():
    assert not [path for path in PACKAGE if nodes(path, ast.Assert)]


def test_package__files_fit_into_a_head():
    assert not [path for path in PACKAGE if len(path.read_text().splitlines()) > MAX_LINES]


@pytest.mark.parametrize('source, modules', [
    ('from ..utils import tokens', {'mimco_mm.models.utils', 'mimco_mm.models.utils.tokens'}),
    ('from . import x', {'mimco_mm.models.losses', 'mimco_mm.models.losses.x'}),
    ('from ...checkpoints import a', {'mimco_mm.checkpoints', 'mimco_mm.checkpoints.a'}),
    ('def f():\n    import mmdet.apis as a', {'mmdet.apis'}),
    ("importlib.import_module('mmseg')", {'mmseg'}),
])
def test_imported__finds_every_kind(source, modules):
    assert set(imported(source, 'mimco_mm.models.losses')) == modules
