"""A GPU that torch cannot use ends a run in words, and does not become a run on the CPU."""

import pytest

from mimco_mm.errors import ConfigError
from mimco_mm.launching.driver import check_driver

# the first line of /proc/driver/nvidia/version, as the closed and the open kernel modules write it
CLOSED = 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Sun May 12 19:39:15 UTC 2024\n'
OPEN = 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (root@host)\n'


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)

    def arguments(driver: str = '', line: str = CLOSED, gpus: int = 1, usable: bool = False,
                  cuda='13.0') -> dict:
        for number in range(gpus):
            (tmp_path / f'nvidia{number}').touch()
        (tmp_path / 'nvidiactl').touch()
        file = tmp_path / 'version'
        file.write_text(line.format(driver))
        return dict(devices=tmp_path, driver_file=file, usable=lambda: usable, cuda=cuda)

    return arguments


def told(arguments: dict) -> str:
    with pytest.raises(ConfigError) as error:
        check_driver(**arguments)
    return str(error.value)


@pytest.mark.parametrize('line', [CLOSED, OPEN])
def test_old_driver__is_named_with_what_to_do(machine, line):
    text = told(machine('535.183.01', line))
    for part in ('nvidia0', 'CUDA 13.0', 'needs driver 580 or newer', 'this one is 535.183.01',
                 'torch==2.', 'torchvision==0.', '/whl/cu12', 'CUDA_VISIBLE_DEVICES=""'):
        assert part in text, part


def test_older_driver__has_no_wheel(machine):
    text = told(machine('470.57.02'))
    assert 'Update the driver' in text and 'pip install' not in text


def test_torch_for_cpus__beside_a_gpu(machine):
    assert 'built for the CPU alone' in (text := told(machine('580.65.06', cuda=None)))
    assert 'pip install torch==2.' in text and '+cu' in text


@pytest.mark.parametrize('driver', ['580.65.06', 'unreadable'])
def test_driver_that_should_do__leads_to_what_says_why(machine, driver):
    text = told(machine(driver))
    assert 'nvidia-smi' in text and 'pip install' not in text


@pytest.mark.parametrize('hidden', ['', '-1'])
def test_cpu_by_choice__is_taken(machine, monkeypatch, hidden):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', hidden)
    check_driver(**machine('535.183.01'))


@pytest.mark.parametrize('other', [dict(gpus=0), dict(usable=True)])
def test_other_machines__go_on(machine, other):
    check_driver(**machine('535.183.01', **other))
    check_driver()
