"""tools/cxx_with_torch_header.sh: a header that is made once and used, or the plain compiler."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[2] / 'tools' / 'cxx_with_torch_header.sh'
VERSION = subprocess.run(['c++', '--version'], text=True, capture_output=True).stdout \
    if shutil.which('c++') else ''
pytestmark = pytest.mark.skipif('Free Software Foundation' not in VERSION, reason='needs gcc')

USER = '#include <torch/types.h>\nint used() { return parsed(); }\n'


class Build:
    """A folder with a torch/types.h of its own, and files that are compiled in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / 'headers').mkdir()
        (folder / 'torch').mkdir()
        self.write_types('#pragma once\ninline int parsed() { return VALUE; }\n')

    def write_types(self, text: str) -> None:
        (self.folder / 'torch' / 'types.h').write_text(text)

    @property
    def has_header(self) -> bool:
        return (self.folder / 'headers' / 'torch_types.h.gch').is_file()

    def call(self, *arguments: str, compiler: str = 'c++') -> subprocess.CompletedProcess:
        return subprocess.run([WRAPPER, *arguments], cwd=self.folder, text=True,
                              capture_output=True, env=dict(
                                  os.environ, REAL_CXX=compiler,
                                  TORCH_HEADER_DIR=str(self.folder / 'headers')))

    def compiles(self, text: str, compiler: str = 'c++') -> bool:
        (self.folder / 'a.cpp').write_text(text)
        (self.folder / 'a.o').unlink(missing_ok=True)
        ended = self.call('-MMD', '-MF', 'a.d', '-I.', '-c', 'a.cpp', '-o', 'a.o', '-DVALUE=3',
                          '-Wall', compiler=compiler)
        assert (ended.returncode == 0) == (self.folder / 'a.o').is_file(), ended.stderr
        return ended.returncode == 0


@pytest.fixture
def build(tmp_path):
    return Build(tmp_path)


def test_header__is_made_by_the_first_file_and_read_by_the_next(build):
    assert build.compiles(USER) and build.has_header
    build.write_types('#error "parsed again"\n')
    assert build.compiles('int used() { return parsed(); }\n')


def test_file__that_does_not_suit_the_header_is_compiled_without(build):
    assert build.compiles(USER)
    assert build.compiles('static int parsed() { return 1; }\nint used() { return parsed(); }\n')


def test_error__is_the_plain_compilers(build):
    assert build.compiles(USER)
    assert not build.compiles('int used() { return nothing; }\n')


def test_header__that_does_not_compile_is_not_tried_twice(build):
    build.write_types('#error "unfit"\n')
    assert build.compiles('int used() { return 1; }\n') and not build.has_header
    build.write_types('inline int parsed() { return VALUE; }\n')
    assert build.compiles(USER) and not build.has_header


@pytest.mark.parametrize('name', ['ccache', 'clang++'])
def test_other_compilers__are_called_as_they_are(build, name):
    program = build.folder / name
    version = VERSION if name == 'ccache' else 'clang version 14'
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" && exit\n'
                       'exec c++ "$@"\n')
    program.chmod(0o755)
    assert build.compiles(USER, compiler=str(program)) and not build.has_header


def test_compiler__may_have_options_of_its_own(build):
    assert build.compiles('#ifndef OURS\n#error\n#endif\n' + USER, compiler='c++ -DOURS')
    assert build.has_header


def test_call__that_compiles_nothing_is_passed_on(build):
    assert build.call('--version').stdout == VERSION and not build.has_header
