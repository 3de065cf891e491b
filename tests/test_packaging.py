"""Both ways to install give a package with a ``.mim`` folder of tools and configs."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from modelindex.load_model_index import load

ROOT = Path(__file__).parents[1]
CONTENT = [name for name in ('tools', 'configs', 'model-index.yml') if (ROOT / name).exists()]
PIP = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-index', '--no-deps',
       '--no-build-isolation', '--ignore-installed', '--disable-pip-version-check']


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy to install from, with nothing that an earlier build has left."""
    copy = tmp_path / 'checkout'
    copy.mkdir()
    ignore = shutil.ignore_patterns('.mim', '__pycache__')
    for name in ('mimco_mm', 'requirements', *CONTENT):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        else:
            shutil.copy2(ROOT / name, copy)
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE'):
        shutil.copy2(ROOT / name, copy)
    return copy


def run(*command: str, **kwargs) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, **kwargs)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def files_under(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob('*')
            if p.is_file() and '__pycache__' not in p.parts}


def installed_content(mim: Path) -> set[str]:
    return {f'{name}/{file}' for name in ('tools', 'configs') for file in files_under(mim / name)}


def test_normal_install__copies(checkout, tmp_path):
    site = tmp_path / 'site'
    run(*PIP, '--target', str(site), str(checkout))
    mim = site / 'mimco_mm' / '.mim'
    assert sorted(p.name for p in mim.iterdir()) == sorted(CONTENT)
    assert installed_content(mim) == installed_content(checkout)
    assert not any(p.is_symlink() for p in [mim, *mim.rglob('*')])
    assert not (checkout / 'mimco_mm' / '.mim').exists()
    index = load(str(mim / 'model-index.yml'))  # as mim search and mim download find it
    assert len(index.models) and not index.check(silent=True)
    assert not [model.config for model in index.models if not (mim / model.config).is_file()]

    shutil.rmtree(checkout)
    code = 'import mimco_mm; print(mimco_mm.__file__, mimco_mm.__version__)'
    out = run(sys.executable, '-W', 'ignore', '-c', code, cwd=tmp_path,
              env={**os.environ, 'PYTHONPATH': str(site)})
    assert str(site / 'mimco_mm') in out
    run(sys.executable, str(mim / 'tools' / 'train.py'), '--help', cwd=tmp_path)
    command = [sys.executable, str(site / 'bin' / 'mimco')]
    env = {**os.environ, 'PYTHONPATH': str(site)}
    listed = run(*command, '--help', cwd=tmp_path, env=env)
    for name in ('train', 'test', 'transfer', 'knn', 'export', 'preview'):
        assert f'\n  {name} ' in listed
        assert 'usage: ' in run(*command, name, '--help', cwd=tmp_path, env=env)
    code = 'from mimco_mm.names import command; print(command("pack"), command("index"), sep=", ")'
    told = run(sys.executable, '-W', 'ignore', '-c', code, cwd=tmp_path, env=env)
    assert told.strip() == 'mimco pack, mimco index'  # what messages say to run


def test_normal_install__nothing_stale_from_an_older_build(checkout, tmp_path):
    stale = checkout / 'tools' / 'stale.py'
    stale.touch()
    run(*PIP, '--target', str(tmp_path / 'old'), str(checkout))
    stale.unlink()
    run(*PIP, '--target', str(tmp_path / 'new'), str(checkout))
    assert (tmp_path / 'old/mimco_mm/.mim/tools/stale.py').exists()
    assert not (tmp_path / 'new/mimco_mm/.mim/tools/stale.py').exists()


def test_editable_install__links_into_the_checkout(checkout, tmp_path):
    prefix = tmp_path / 'prefix'
    for _ in range(2):  # the second install finds the first one's links
        run(*PIP, '--prefix', str(prefix), '--editable', str(checkout))
    mim = checkout / 'mimco_mm' / '.mim'
    assert sorted(p.name for p in mim.iterdir()) == sorted(CONTENT)
    for link in mim.iterdir():
        assert link.is_symlink()
        assert not os.path.isabs(os.readlink(link))
        assert link.resolve() == checkout / link.name
    assert list(prefix.rglob('mimco_mm-*.dist-info'))

    moved = checkout.rename(tmp_path / 'moved')  # relative links survive
    assert installed_content(moved / 'mimco_mm' / '.mim') == installed_content(moved)


def test_source_distribution__has_what_a_build_needs(checkout, tmp_path):
    code = 'import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])'
    run(sys.executable, '-c', code, str(tmp_path), cwd=checkout)
    with tarfile.open(next(tmp_path.glob('mimco_mm-*.tar.gz'))) as archive:
        names = {name.partition('/')[2] for name in archive.getnames()}
    assert installed_content(checkout) <= names
    assert 'mimco_mm/version.py' in names
    assert not any('.mim' in Path(name).parts for name in names)
