"""``_base_ = 'MODULE::...'`` finds modules whose distribution mmengine knows by another name."""

import pytest
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from mimco_mm.config_names import let_configs_inherit


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module ``forked`` with a config, which mmengine looks for in a ``not-there``."""
    configs = tmp_path / 'forked' / '.mim' / 'configs' / 'some'
    configs.mkdir(parents=True)
    (configs / 'base.py').write_text('x = 1')
    (tmp_path / 'forked' / '__init__.py').touch()
    (tmp_path / 'forked' / '.mim' / 'model-index.yml').write_text('Import: []')
    (tmp_path / 'own.py').write_text("_base_ = 'forked::some/base.py'")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(MODULE2PACKAGE, 'forked', 'not-there')
    return tmp_path


def test_configs__of_a_fork_are_found(module):
    with pytest.raises(ModuleNotFoundError, match='not-there'):
        Config.fromfile(module / 'own.py')
    let_configs_inherit('forked')
    assert Config.fromfile(module / 'own.py').x == 1


def test_names_that_fit_are_left(monkeypatch):
    monkeypatch.setitem(MODULE2PACKAGE, 'mmengine', 'pytest')  # any that is installed
    let_configs_inherit('mmengine')
    assert MODULE2PACKAGE['mmengine'] == 'pytest'


def test_absent_modules_keep_the_name_that_an_error_is_to_say(monkeypatch):
    monkeypatch.setitem(MODULE2PACKAGE, 'absent_module', 'absent-package')
    let_configs_inherit('absent_module')
    assert MODULE2PACKAGE['absent_module'] == 'absent-package'


@pytest.mark.maintained_only
def test_mmseg__is_found(tmp_path):
    (tmp_path / 'own.py').write_text("_base_ = 'mmseg::_base_/datasets/ade20k.py'")
    assert Config.fromfile(tmp_path / 'own.py').dataset_type == 'ADE20KDataset'
