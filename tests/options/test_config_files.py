import pytest

from mimco_mm.errors import ConfigError
from mimco_mm.options import CONFIGS, find_config, load_config


@pytest.mark.parametrize('name', [
    'mimco_swin-t', 'mimco_swin-t.py', 'pretrain/mimco_swin-t', 'configs/pretrain/mimco_swin-t.py',
    './configs/pretrain/mimco_swin-t.py'])
def test_find_config__by_any_name_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == CONFIGS / 'pretrain' / 'mimco_swin-t.py'


def test_find_config__a_file_of_the_users_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mimco_swin-t.py').write_text('a = 1')
    assert load_config('mimco_swin-t.py').a == 1


def test_find_config__several_are_named():
    with pytest.raises(ConfigError, match='swin-t may be any of benchmarks/imagenet/swin-t.*knn'):
        find_config('swin-t')


@pytest.mark.parametrize('name, hint', [
    ('mimco_swint', 'pretrain/mimco_swin-t'), ('configs/pretrain/mimco_swin_t.py', 'mimco_swin-t'),
    ('pretrain/moby_swin-t', 'pretrain/teachers/moby_swin-t')])
def test_find_config__a_misspelt_one(name, hint):
    with pytest.raises(ConfigError, match=f'no config file {name}.*Did you mean.*{hint}'):
        find_config(name)


def test_load_config__one_that_cannot_be_read(tmp_path):
    (tmp_path / 'broken.py').write_text('model = dict(')
    with pytest.raises(ConfigError, match='broken.py cannot be read as a config: SyntaxError'):
        load_config(str(tmp_path / 'broken.py'))
