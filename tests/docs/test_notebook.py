"""The notebook runs from top to bottom, and is committed without outputs."""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

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


def printed(cell: nbformat.NotebookNode) -> str:
    return ''.join(output.text for output in cell.outputs if output.output_type == 'stream')


def pictures(cell: nbformat.NotebookNode) -> int:
    return sum('image/png' in output.get('data', {}) for output in cell.outputs)


def test_notebook__has_no_outputs(notebook, code):
    nbformat.validate(notebook)
    assert len(code) > 10
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_notebook__runs_to_its_end(notebook, code, checkout, kernel):
    settings = next(cell for cell in code if 'parameters' in cell.metadata.get('tags', []))
    settings.source = 'EPOCHS, CROPS, SEED = 2, 1, 0'
    NotebookClient(notebook, km=kernel, timeout=500, resources=dict(
        metadata=dict(path=str(checkout / 'notebooks')))).execute()

    work = checkout / 'work_dirs' / 'notebook'
    for stage in ('moby_swin-micro', 'mimco_swin-micro'):
        assert (work / stage / 'backbone_epoch_2.pth').is_file()
    assert sum(map(pictures, code)) == 3  # masks, losses, neighbours
    judged = next(text for text in map(printed, code) if 'MoBY, the teacher' in text)
    accuracies = [float(line.split()[-2]) for line in judged.splitlines() if line.endswith(' %')]
    assert len(accuracies) == 3 and all(100 / 18 < value < 100 for value in accuracies)
