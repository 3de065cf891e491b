"""--teacher given twice: a run, its resumption, what is refused, and what is told afterwards."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from mimco_mm.checkpoints import read_checkpoint
from mimco_mm.checkpoints.download import sha256_of
from mimco_mm.checkpoints.provenance import provenance
from tests import tiny
from tests.leaves import differing, run_state

from .forked import run_forked
from .support import summary

NAME = 'test_vit.r160_in1k'
VIT = 'test_vit_r160_in1k'  # by which it goes in the run


@pytest.fixture(scope='module')
def ended(tmp_path_factory) -> tuple:
    """The folder, and how each command ended."""
    root = tmp_path_factory.mktemp('several')
    cfg = tiny.config('mimco_swin-t', root / 'run', tiny.write_images(root / 'images', 8),
                      epochs=2, **{'custom_hooks.6.interval': 1})  # HealthHook
    cfg.dump(root / 'config.py')
    (root / 'other').mkdir()
    tiny.write_teacher(root / 'swin.pth')
    tiny.write_teacher(root / 'other' / 'swin.pth', seed=2)
    torch.manual_seed(0)
    save_file(timm.create_model(NAME).state_dict(), root / 'vit.safetensors')
    swin, vit = ['--teacher', 'swin.pth'], ['--teacher', f'timm:{NAME}=vit.safetensors']

    def train(work_dir: str, *options: str, teachers=(*swin, *vit)) -> list:
        return ['train.py', 'config.py', *teachers, '--work-dir', work_dir, *options]

    goes_on = ('--resume', 'full/epoch_1.pth')
    weight = ('--cfg-options', 'model.teachers.swin.weight=2')
    return root, run_forked(dict(
        full=train('full'), resumed=train('resumed', *goes_on),
        swapped=train('swapped', *goes_on, teachers=(*vit, *swin)),
        weighed=train('new', *goes_on, *weight),
        exchanged=train('new', *goes_on, teachers=('--teacher', 'other/swin.pth', *vit)),
        misspelt=train('new', '--cfg-options', 'model.teachers.swim.weight=2'),
        unreadable=train('new', '--dry-run', teachers=('--teacher', 'config.py', *swin)),
        no_teacher=['train.py', 'moby_swin-t', *swin, *vit],
        shown=['figures/preview.py', 'config.py', '--checkpoint', 'full/epoch_2.pth', *swin, *vit,
               '--count', '2', '--out', 'shown.png']), root)


def test_several__the_summary_names_both(ended):
    told = summary(ended[1]['full'].text)
    assert ended[1]['full'].code == 0 and 'MultiTeacherMimCo' in told
    assert 'teacher swin: swin.pth (sha256' in told
    assert ("teacher swin: SwinTransformer: sees images in the student's size, the student's "
            'normalisation; gives 28 x 28 patches, 16 wide; no adapter; losses times 1') in told
    assert f'teacher {VIT}: vit.safetensors (sha256' in told
    assert (f'teacher {VIT}: TimmFeatureMap {NAME}: sees images in 64 px, mean (127.5, 127.5, '
            '127.5), std (127.5, 127.5, 127.5); gives 4 x 4 patches, 64 wide; adapter 16 -> 64 '
            'channels behind the student; losses times 1') in told
    assert 'besides the teachers: teacher_swin.momentum_patch_neck' in told


def test_several__losses_and_health_are_logged_of_each(ended):
    for name in ('swin', VIT):
        for logged in (f'loss_patch_{name}: ', f'loss_image_{name}: ',
                       f'health/{name}_teacher_std: ', f'health/{name}_patch_agreement: ',
                       f'health/{name}_image_positive_logit: '):
            assert logged in ended[1]['full'].text, logged


@pytest.mark.parametrize('run', ['resumed', 'swapped'])
def test_several__a_resumed_run_goes_on_bit_for_bit(ended, run):
    root, ends = ended
    assert ends[run].code == 0, ends[run].text
    whole, part = (run_state(read_checkpoint(str(root / folder / 'epoch_2.pth')))
                   for folder in ('full', run))
    assert any(f'teacher_{VIT}.adapter' in key for key in whole['state_dict'])
    assert differing(whole, part) == []


@pytest.mark.parametrize('name, words', [
    ('weighed', ['other settings', 'model.teachers.swin.weight: was 1.0, now 2',
                 '--force-change model.teachers.swin.weight']),
    ('exchanged', ['teacher_sha256.swin: was ']),
    ('misspelt', ['`model.teachers.swim.weight`', 'Did you mean `swin`?']),
    ('unreadable', ['`model.teachers.config_py.target_generator.checkpoint`']),
    ('no_teacher', ['--teacher makes no sense for moby_swin-t.py: it has no teacher']),
])
def test_several__what_is_refused(ended, name, words):
    end = ended[1][name]
    assert end.code == 1 and 'Traceback' not in end.text
    assert all(word in end.text for word in words), end.text


def test_several__the_backbones_file_tells_of_both(ended):
    root, _ = ended
    files = ['swin.pth', 'vit.safetensors']
    meta = read_checkpoint(str(root / 'full' / 'backbone_epoch_2.pth'))['meta']
    about = provenance(meta, '')
    assert (about.method, about.teachers) == ('MimCo', files)
    assert about.teachers_sha256 == [sha256_of(root / file) for file in files]


def test_several__a_checkpoint_is_previewed_beside_each_teacher(ended):
    end = ended[1]['shown']
    assert end.code == 0 and (ended[0] / 'shown.png').is_file(), end.text
    for name in ('swin', VIT):
        assert f'similarity of student and teacher {name}, mean of 2 images: masked ' in end.text
