"""The notebook runs from top to bottom, and what is stored of it shows what its text says.

To store its outputs again (and amend the time in its first cell), in notebooks/:

    import nbclient, nbformat
    notebook = nbformat.read('mimco_in_minutes.ipynb', as_version=4)
    nbclient.NotebookClient(notebook, timeout=3600, coalesce_streams=True,
                            record_timing=False).execute()
    nbformat.write(notebook, 'mimco_in_minutes.ipynb')
"""

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

from ..tools.modules import load_tool
from .support import ROOT

NOTEBOOK = ROOT / 'notebooks' / 'mimco_in_minutes.ipynb'


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture
def code(notebook) -> list:
    """The notebook's code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == 'code']


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout by links, so that what the notebook writes stays in the test's own folder."""
    for name in ('mimco_mm', 'configs'):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / 'notebooks').mkdir()
    return tmp_path


@pytest.fixture
def kernel(tmp_path) -> AsyncKernelManager:
    """A kernel of this very interpreter, whatever kernels the machine has registered."""
    folder = tmp_path / 'kernels' / 'tests'
    folder.mkdir(parents=True)
    (folder / 'kernel.json').write_text(json.dumps(dict(
        argv=[sys.executable, '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
        display_name='tests', language='python')))
    return AsyncKernelManager(kernel_name='tests', kernel_spec_manager=KernelSpecManager(
        kernel_dirs=[str(folder.parent)]))


def settings_of(code: list) -> nbformat.NotebookNode:
    return next(cell for cell in code if 'parameters' in cell.metadata.get('tags', []))


def printed(cell: nbformat.NotebookNode) -> str:
    return ''.join(output.text for output in cell.outputs if output.output_type == 'stream')


def pictures(cell: nbformat.NotebookNode) -> int:
    return sum('image/png' in output.get('data', {}) for output in cell.outputs)


def accuracies(code: list) -> list:
    """In percent: of the random network, of the teacher, of the student."""
    judged = next(text for text in map(printed, code) if 'MoBY, the teacher' in text)
    return [float(line.split()[-2]) for line in judged.splitlines() if line.endswith(' %')]


def test_notebook__is_stored_as_one_whole_run(notebook, code):
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in code] == list(range(1, 1 + len(code)))
    kinds = {output.output_type for cell in code for output in cell.outputs}
    assert kinds <= {'stream', 'display_data', 'execute_result'}
    assert sum(map(pictures, code)) == 3  # masks, losses, neighbours
    assert not [output.text for cell in code for output in cell.outputs
                if output.get('name') == 'stderr']
    text = ''.join(map(printed, code))
    assert not re.search(r'(^|[\s\'"(=])/\w', text)  # no path of the machine that it ran on
    assert '\r' not in text  # of a progress bar what it ended with


def test_notebook__stored_student_has_learned(code):
    random, teacher, student = accuracies(code)
    noise = 100 * (0.4 * 0.6 / 1632)**0.5  # of 1632 crops
    assert min(teacher, student) > random + 4 * noise


def test_notebook__trains_as_long_as_the_demo(code):
    demo = load_tool('demo.py')
    assert f'EPOCHS = {demo.parse_args([]).epochs} ' in settings_of(code).source


def test_notebook__runs_to_its_end(notebook, code, checkout, kernel):
    settings_of(code).source = 'EPOCHS, CROPS, SEED = 2, 1, 0'
    NotebookClient(notebook, km=kernel, timeout=500, resources=dict(
        metadata=dict(path=str(checkout / 'notebooks')))).execute()

    work = checkout / 'work_dirs' / 'notebook'
    for stage in ('moby_swin-micro', 'mimco_swin-micro'):
        assert (work / stage / 'backbone_epoch_2.pth').is_file()
    assert sum(map(pictures, code)) == 3  # masks, losses, neighbours
    found = accuracies(code)
    assert len(found) == 3 and all(100 / 18 < value < 100 for value in found)
