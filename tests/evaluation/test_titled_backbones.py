"""Several checkpoints on one command line: titles, heads, sizes."""

import pytest
import torch

from mimco_mm.checkpoints import CheckpointError
from mimco_mm.evaluation import load_titled_backbones
from mimco_mm.evaluation.titled_backbones import titled

from ..reference.official import files, swin, vit


def test_titled__given_ones_file_names_and_folders():
    assert titled(['MimCo, 100 e=/w/a.pth', '/w/b.pth', 'run1/epoch_3.pth', 'run2/epoch_3.pth',
                   'https://host/c.pth?x=1']) == {
        'MimCo, 100 e': '/w/a.pth', 'b': '/w/b.pth', 'run1/epoch_3': 'run1/epoch_3.pth',
        'run2/epoch_3': 'run2/epoch_3.pth', 'c': 'https://host/c.pth?x=1'}


def test_titled__a_file_that_has_the_sign_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'epoch=3.pth').touch()
    assert titled(['epoch=3.pth', 'A=epoch=3.pth']) == {'epoch=3': 'epoch=3.pth',
                                                        'A': 'epoch=3.pth'}


@pytest.mark.parametrize('checkpoints', [['A=a.pth', 'A=b.pth'], ['a.pth', 'a.pth'],
                                         ['a=b.pth', 'a.pth']])
def test_titled__twice_the_same(checkpoints):
    with pytest.raises(ValueError, match='is the title of more than one: write TITLE=PATH'):
        titled(checkpoints)


def test_load_titled_backbones__sizes_strides_and_heads(tmp_path):
    moby = files.moby(tmp_path / 'moby.pth', swin.random_swin())
    mae = files.mae(tmp_path / 'mae.pth', vit.random_vit(positions='mae'))
    found = load_titled_backbones([f'MoBY={moby}', str(mae)], ['mae=4'])
    assert {title: backbone[2:] for title, backbone in found.items()} == {
        'MoBY': (16, 8), 'mae': (64, 16)}
    assert found['mae'].network.layers[0].attn.num_heads == 4
    assert not found['mae'].network.training and found['MoBY'].report.release == 'MoBY'
    other = load_titled_backbones([f'MoBY={moby}', str(mae)], ['mae=4'], img_size=32)
    assert {title: backbone[2:] for title, backbone in other.items()} == {
        'MoBY': (32, 8), 'mae': (32, 16)}
    with torch.no_grad():
        assert other['mae'].network(torch.zeros(1, 3, 32, 32))[-1].shape == (1, 48, 2, 2)


@pytest.mark.parametrize('heads', ['other=4', 'mae=four', 'mae', '4', 'mae=0'])
def test_load_titled_backbones__heads_of_another_form(tmp_path, heads):
    mae = files.mae(tmp_path / 'mae.pth', vit.random_vit(positions='mae'))
    with pytest.raises(ValueError, match=f"--heads expects TITLE=N .* mae, got '{heads}'"):
        load_titled_backbones([str(mae)], [heads])


def test_load_titled_backbones__errors_name_the_title(tmp_path):
    mae = files.mae(tmp_path / 'mae.pth', vit.random_vit(positions='mae'))
    with pytest.raises(CheckpointError, match='^MAE: The number of attention heads'):
        load_titled_backbones([f'MAE={mae}'])
