"""Effective epochs of the configs are those of the paper's Tables 1 and 10."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mimco_mm.tables import effective_epochs
from mimco_mm.tables.effective_epochs import effective_epochs_of_config
from mimco_mm.tables.paper import TABLE_1

PRETRAIN = Path(__file__).parents[2] / 'configs' / 'pretrain'


@pytest.mark.parametrize('name, expected', [
    *((f'mimco_{network}', 700) for network in ('swin-t', 'swin-b', 'vit-s', 'vit-b')),
    *((f'mimco_{network}_300e', 900) for network in ('swin-t', 'swin-b', 'vit-s', 'vit-b')),
    *((f'teachers/moby_swin-{size}', 600) for size in 'tb'),
    *((f'teachers/mocov3_vit-{size}', 600) for size in 'sb'),
    ('other_teachers/mimco_vit-s_dino-vit-s', None)])
def test_effective_epochs__of_the_configs(name, expected):
    assert effective_epochs_of_config(Config.fromfile(PRETRAIN / f'{name}.py')) == expected


def test_effective_epochs__equal_the_papers_own_count():
    names = {'MimCo': 'MimCo', 'MoBY': 'MoBY', 'MoCo v3': 'MoCoV3', 'SimMIM': 'SimMIM'}
    rows = [row for row in TABLE_1 if row.method in names]
    assert len(rows) == 16
    for row in rows:
        teacher = 'teacher_300ep.pth' if row.method == 'MimCo' else None
        assert effective_epochs(names[row.method], row.epochs, teacher) == row.effective_epochs
    assert effective_epochs('SimMIMMoBY', 100) == 300 and effective_epochs('SimMIMMoBY', 300) == 900


@pytest.mark.parametrize('algorithm, teacher, expected', [
    ('MimCo', 'a/backbone_epoch_40.pth', 90), ('MimCo', 'https://x.org/vit-s-300ep.pth.tar', 610),
    ('MultiTeacherMimCo', ['a/backbone_epoch_40.pth', 'vit-s-300ep.pth'], 690),
    ('MultiTeacherMimCo', ['a/backbone_epoch_40.pth', 'deep.pth'], None),
    ('MimCo', 'dir_100ep/teacher.pth', None), ('MimCo', 'deep.pth', None), ('MAE', None, None)])
def test_effective_epochs__teacher_by_its_files_name(algorithm, teacher, expected):
    assert effective_epochs(algorithm, 10, teacher) == expected
