"""What a run says of the file that it starts from: loaded whole, or refused in a line."""

import re

import pytest
import torch

from tests import tiny

from ..reference.official import files, swin, vit
from .forked import run_forked

OFFICIAL = dict(embed_dim=8, depths=(1, 1), num_heads=(1, 2), window=4, img_size=32, patch=4)


@pytest.fixture(scope='module')
def ended(tmp_path_factory) -> dict:
    """How each command ended."""
    root = tmp_path_factory.mktemp('starting')
    data = tiny.write_images(root / 'images', 8)
    teacher = tiny.write_teacher(root / 'teacher.pth')
    cfg = tiny.config('mimco_swin-t', root / 'run', data, **{
        'model.target_generator.checkpoint': str(teacher), 'train_cfg.max_epochs': 1})
    tiny.train(cfg)
    cfg.dump(root / 'config.py')

    content = torch.load(teacher, weights_only=True)
    for name, change in dict(zeros=torch.zeros_like, halves=lambda x: torch.full_like(x, 0.5),
                             huge=lambda x: x * 1e30).items():
        state = {key: change(value) if value.is_floating_point() else value
                 for key, value in content['state_dict'].items()}
        torch.save(dict(state_dict=state), root / f'{name}.pth')
    files.moby(root / 'official.pth', swin.random_swin(**OFFICIAL))
    files.dino_backbone(root / 'vit.pth', vit.random_vit())
    flip(root / 'run' / 'epoch_1.pth', root / 'epoch_1.pth', 'patch_neck')
    flip(root / 'run' / 'backbone_epoch_1.pth', root / 'backbone.pth', 'patch_embed.proj')

    def train(name: str, *options: str) -> list:
        return ['train.py', 'config.py', '--work-dir', name, *options]

    def start(name: str, file: str, *options: str) -> list:
        return train(name, '--cfg-options', f'load_from={file}', *options)

    return run_forked(dict(
        whole=start('a', 'run/epoch_1.pth') + ['--dry-run'],
        official=start('a', 'official.pth') + ['--dry-run'],
        vit=start('a', 'vit.pth'), missing=start('a', 'nothing.pth'),
        zeros=train('a', '--teacher', 'zeros.pth'), halves=train('a', '--teacher', 'halves.pth'),
        huge=train('a', '--teacher', 'huge.pth'),
        damaged_start=start('a', 'epoch_1.pth'),
        damaged_resume=train('b', '--resume', 'epoch_1.pth'),
        damaged_teacher=train('a', '--teacher', 'backbone.pth'),
        damaged_export=['convert/export_backbone.py', 'backbone.pth', 'o.pth', '--to',
                        'mmpretrain'],
    ), root)


def flip(source, target, part: str) -> None:
    """Copy a checkpoint, with one bit flipped in a tensor of its part."""
    content = bytearray(source.read_bytes())
    state = torch.load(source, weights_only=False)['state_dict']
    value = next(value for name, value in state.items() if part in name and value.numel() > 9)
    content[content.index(value.numpy().tobytes()) + 5] ^= 16
    target.write_bytes(content)


@pytest.mark.parametrize('name, line', [
    ('whole', r'load_from, MimCo: run/epoch_1.pth .* 38 tensors matched, .* 100 % .*; all else '
              r'from it as well: image_head, image_neck, momentum_image_neck, .* \(58 tensors\)'),
    ('official', r'load_from, MimCo: official.pth \(.*; MoBY, official Swin\): 37 tensors matched, '
                 r'.*initialised afresh: mask_token.*; begins anew: image_head, image_neck'),
])
def test_load_from__says_in_one_line_what_it_loaded(ended, name, line):
    assert ended[name].code == 0, ended[name].text
    assert re.search(line, ended[name].text), ended[name].text


@pytest.mark.parametrize('name, message', [
    ('vit', "`load_from`='vit.pth':\n.*tensors expected.*\n.*tensors missing"),
    ('missing', "`load_from`='nothing.pth':\nNo such checkpoint file.*by `load_from`"),
    ('zeros', "`model.target_generator.checkpoint`='zeros.pth':\nEach of its 12 matrices holds "
              'one value.*--teacher'),
    ('halves', "halves.pth':\nEach of its 12 matrices holds one value"),
    ('huge', "huge.pth':\nIts features of made images are not finite.*--teacher"),
    ('damaged_start', r'epoch_1.pth is damaged: state_dict\.\w*patch_neck\.\S+ in it has other'),
    ('damaged_resume', r'epoch_1.pth is damaged: state_dict\.\w*patch_neck\.\S+ in it has other'),
    ('damaged_teacher', r'`model.target_generator.checkpoint`=\'backbone.pth\':\nbackbone.pth is '
                        r'damaged: state_dict\.backbone\.patch_embed\.proj\S+ in it has other'),
    ('damaged_export', r'is damaged: state_dict\.backbone\.patch_embed\.proj\S+ in it has other'),
])
def test_file__that_will_not_do_is_refused_in_words(ended, name, message):
    assert ended[name].code == 1, ended[name].text
    assert re.search(rf'error: (.|\n)*{message}', ended[name].text), ended[name].text
    assert 'Traceback' not in ended[name].text
