"""Folders for the Hugging Face hub: what their cards say, and that what they print works."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from mmpretrain.registry import TRANSFORMS
from PIL import Image

from mimco_mm.checkpoints import TARGETS, CheckpointError, model_card, prepare_export, save_backbone
from mimco_mm.checkpoints.config_text import public, public_text, read_config_text
from mimco_mm.datasets import centre_crop

from ..reference.official import files
from .exports import SWIN, VIT, encoder, student, write_run

WHOLE = dict(VIT, img_size=224, patch_size=32)  # large enough that images are cropped
CONFIG = '''\
model = dict(
    target_generator=dict(checkpoint='/home/me/runs/moby.pth', type='FrozenTeacher'),
    type='MimCo')
train_cfg = dict(max_epochs=300)
train_dataloader = dict(dataset=dict(
    dataset=dict(data_prefix='train', data_root='/home/me/imagenet/', type='ImageFolder')))
work_dir = "/home/me/work"
'''
META = dict(algorithm='MimCo', epoch=100, seed=7, config=CONFIG,
            run_identity=dict(teacher_sha256='ab' * 32, images=1281167, effective_batch=2048))
HUB = pytest.mark.parametrize('library', ['timm', 'transformers'])


def card_of(folder, library: str, meta: dict, config: dict = VIT, **given) -> str:
    path = folder / 'backbone_epoch_100.pth'
    save_backbone(path, student(config).state_dict(), 4, **meta)
    export, target = prepare_export(str(path), library), TARGETS[library]
    card = model_card(export, target, str(path), **given)
    target.save(folder / 'out', export.state, export.architecture, card)
    return (folder / 'out' / 'README.md').read_text()


def python_of(card: str) -> str:
    return re.search('```python\\n(.*?)```', card, re.S)[1]


def head_of(card: str) -> dict:
    return yaml.safe_load(card.split('---\n')[1])


@HUB
@pytest.mark.parametrize('config', [SWIN, VIT, WHOLE], ids=['swin', 'vit', 'vit-224'])
def test_card__its_python_gives_the_features_of_our_evaluations(tmp_path, monkeypatch, library,
                                                                config):
    pytest.importorskip(library)
    card = card_of(tmp_path, library, META, config)
    monkeypatch.chdir(tmp_path)
    pixels = torch.randint(0, 256, (30, 40, 3), dtype=torch.uint8,
                           generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels.numpy()).resize((400, 300)).save('image.jpg')
    python = python_of(card)
    place = re.search("name = '(.*)'", python)[1]
    python = python.replace(place, 'local-dir:out' if library == 'timm' else './out')
    found = {}
    exec(python, found)

    image = dict(img_path='image.jpg')
    for transform in centre_crop(config['img_size']):
        image = TRANSFORMS.build(transform)(image)
    mean, std = (torch.tensor(values) for values in ((123.675, 116.28, 103.53),
                                                     (58.395, 57.12, 57.375)))
    x = ((torch.from_numpy(image['img'][..., ::-1].copy()) - mean) / std).permute(2, 0, 1)[None]
    with torch.no_grad():
        wanted = student(config)(x)[-1].mean((2, 3))
    assert wanted.std() > 0.1 and found['feature'].shape == wanted.shape
    assert (found['feature'] - wanted).abs().max() < 2e-6
    assert f'(1, {wanted.shape[1]})' in python and f'{tuple(x.shape)}' in python


def test_card__its_python_loads_from_the_hub(tmp_path):
    """From the cache of the hub's client, where a download puts a repository's files."""
    programs = []
    for library in ('timm', 'transformers'):
        pytest.importorskip(library)
        (tmp_path / library).mkdir()
        card = card_of(tmp_path / library, library, META, SWIN)
        cached = tmp_path / 'hub' / f'models--me--{library}'
        (cached / 'refs').mkdir(parents=True)
        (cached / 'refs' / 'main').write_text('0' * 40)
        shutil.copytree(tmp_path / library / 'out', cached / 'snapshots' / ('0' * 40))
        programs += [python_of(card).replace('OWNER/NAME', f'me/{library}'), f'{library} = feature']
    Image.new('RGB', (50, 40), (200, 90, 30)).save(tmp_path / 'image.jpg')
    programs.append('assert timm.std() > 0.1 and (timm - transformers).abs().max() < 1e-5')
    done = subprocess.run(
        [sys.executable, '-c', '\n'.join(programs)], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, 'HF_HOME': str(tmp_path), 'HF_HUB_CACHE': str(tmp_path / 'hub'),
             'HF_HUB_OFFLINE': '1'})
    assert done.returncode == 0, done.stderr


@HUB
def test_card__says_what_the_run_was(tmp_path, library):
    card = card_of(tmp_path, library, META, license='apache-2.0', measured='| a table |')
    assert head_of(card) == dict(
        library_name=library, license='apache-2.0', pipeline_tag='image-feature-extraction',
        tags=[library, 'vit', 'self-supervised-learning', 'mimco'])
    for line in ('- method: `MimCo`, [arXiv 2209.03063](https://arxiv.org/abs/2209.03063)',
                 f'- teacher: `.../moby.pth`, sha256 `{"ab" * 32}`',
                 '- data: `.../imagenet/train`, 1281167 images',
                 '- epochs: 100 of 300, batch 2048, seed 7', '- licence: `apache-2.0`',
                 '| a table |'):
        assert line in card.splitlines()
    assert "target_generator=dict(checkpoint='.../moby.pth'" in card
    assert '/home' not in card and str(tmp_path) not in card


def test_card__names_each_of_several_teachers(tmp_path):
    config = '''model = dict(type='MultiTeacherMimCo', teachers=dict(
        a=dict(target_generator=dict(checkpoint='/home/me/a.pth')),
        b=dict(target_generator=dict(checkpoint='timm:b'))))'''
    told = dict(run_identity={f'teacher_sha256.{name}': 2 * name for name in 'ab'})
    wanted = '- teacher: `.../a.pth`, sha256 `aa`; `timm:b`, sha256 `bb`'
    for meta in (dict(config=config), dict(teacher_checkpoint=['/home/me/a.pth', 'timm:b'])):
        card = card_of(tmp_path, 'timm', dict(algorithm='MultiTeacherMimCo', **told, **meta))
        assert wanted in card.splitlines() and '- method: `MimCo`' in card


def test_card__is_read_by_the_hubs_own_client(tmp_path):
    hub = pytest.importorskip('huggingface_hub')
    card_of(tmp_path, 'timm', META, license='mit')
    data = hub.ModelCard.load(tmp_path / 'out' / 'README.md').data
    assert (data.license, data.library_name, data.tags[-1]) == ('mit', 'timm', 'mimco')


def test_card__says_what_is_not_known(tmp_path):
    path = str(files.moby(tmp_path / 'moby.pth', encoder(SWIN)))
    card = model_card(prepare_export(path, 'timm'), TARGETS['timm'], path)
    assert head_of(card)['license'] == 'unknown' and 'moby' in head_of(card)['tags']
    assert '- method: `MoBY`, [arXiv 2105.04553]' in card and '- licence: not stated' in card
    for fact in ('teacher', 'data', 'epochs'):
        assert f'- {fact}: not recorded in the checkpoint\n' in card
    assert '## Measured results\n\nnot measured\n' in card
    card = card_of(tmp_path, 'timm', dict(config="model = dict(type='MoBY')"))
    assert '- teacher: `none`' in card and '- method: `MoBY`' in card
    run = write_run(tmp_path / 'run.pth', student(SWIN))  # a network that says nothing of a method
    card = model_card(prepare_export(run, 'timm'), TARGETS['timm'], run)
    assert head_of(card)['tags'] == ['timm', 'swin'] and 'without labels' not in card
    assert '- method: not recorded' in card and '- epochs: 2, seed 0\n' in card


def test_card__of_a_file_that_lies(tmp_path):
    harm = '`\n---\n# evil\n```\nevil'
    for meta in (dict(algorithm=harm, config=f'{harm}\n```````\n# evil', teacher_checkpoint=harm,
                      run_identity=dict(teacher_sha256=harm, images=harm)),
                 dict(algorithm=3, config=[harm], epoch=harm, seed=harm, run_identity=harm)):
        card = card_of(tmp_path, 'transformers', meta)
        assert head_of(card)['tags'] == ['transformers', 'vit'] and card.count('\n---\n') < 3
        fences = [line for line in card.splitlines() if line.startswith('`' * 8)]
        outside = re.sub(r'(?s)^(`{3,})\w+\n.*?\n\1$', '', card, flags=re.M)
        assert len(fences) in (0, 2) and '\n# evil' not in outside


@pytest.mark.parametrize('name', ['MIT', 'mit\nevil: 1', '', 'a b', '-mit'])
def test_card__licence_that_is_none(tmp_path, name):
    run = write_run(tmp_path / 'run.pth', student(SWIN))
    with pytest.raises(CheckpointError, match='small letters: apache-2.0'):
        model_card(prepare_export(run, 'timm'), TARGETS['timm'], run, name)


@pytest.mark.parametrize('text, found', [
    ("a = dict(b=[1, dict(c='x')], d={'e': None}, f=(1., 2))\nx = 3",
     dict(a=dict(b=[1, dict(c='x')], d=dict(e=None), f=[1., 2]), x=3)),
    ("a = dict(b=__import__('os').getcwd(), c=2)", dict(a=dict(b=None, c=2))),
    ('a = (', {}), ('a' * 9, {}), ('a = ' + '(' * 5000 + ')' * 5000, {}), ('a = "\0"', {}),
])
def test_read_config_text__runs_nothing(text, found):
    assert read_config_text(text) == found


@pytest.mark.parametrize('name, told', [
    ('/home/me/moby.pth', '.../moby.pth'), ('~/imagenet/', '.../imagenet'),
    ('tar:///home/me/shards', 'tar://.../shards'), ('data/imagenet/', 'data/imagenet/'),
    ('https://me:secret@example.org/a.pth?token=secret#x', 'https://example.org/a.pth'),
    ('timm:vit_small_patch16_dinov3.lvd1689m', 'timm:vit_small_patch16_dinov3.lvd1689m'),
    ('timm:vit_small=/home/me/a.safetensors', 'timm:vit_small=.../a.safetensors'),
    ('hf:facebook/dinov2-small', 'hf:facebook/dinov2-small'), ('hf:/home/me/v', 'hf:.../v'),
    ('../../home/joe/x.pth', '.../x.pth'), ('a/../../joe/x.pth', '.../x.pth'),
    ('hf:../joe/x', 'hf:.../x'), ('timm:a=../joe/x.pth', 'timm:a=.../x.pth'),
    ('tar://../joe/x', 'tar://.../x'), ('https://user:p@ss@host/x', 'https://host/x'),
    ('https://user:p/s?s@host/x', 'https://host/x'), ('https://host:80/a@b', 'https://host:80/a@b'),
    ('python /home/joe/a.py --out=/home/joe/b', 'python .../a.py --out=.../b'),
    ('coco/bbox_mAP', 'coco/bbox_mAP'), (r'\.(bias|norm)', r'\.(bias|norm)'),
])
def test_public__folders_of_the_machine_are_left_out(name, told):
    assert public(name) == told


@pytest.mark.parametrize('text, told', [
    ('a = "/tmp/o\'b/few"', "a = '.../few'"), (r"a = '/tmp/o\'b/few'", "a = '.../few'"),
    ("a = '/ho' 'me/joe/few'", "a = '.../few'"), ("a = r'/home/joe/few'", "a = '.../few'"),
    ("a = '''/home/joe\n/few'''", "a = '.../few'"),
    ("a = b'/home/joe/few'", "a = b'.../few'"),
    ("a = f'/home/joe/{1}'", "a = f'.../{1}'"),
    ("é = {'ü': '/home/joe/ü.pth'}  # é /home/joe\r\nb = 1  # kept\n",
     "é = {'ü': '.../ü.pth'}  \nb = 1  # kept\n"),
    ("# -*- coding: latin-1 -*-\na = ['é', '/home/joe/x']", "# -*- coding: latin-1 -*-\n"
     "a = ['é', '.../x']"),
    ("a = '/home/joe/x", ''), ("a = '\udcff'", ''),
])
def test_public_text__has_no_folder_of_the_machine_in_any_string(text, told):
    assert public_text(text) == told
