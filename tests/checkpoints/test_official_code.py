"""Exports to the authors' code: each loader takes its file, and has the student's features."""

import re
import shlex
from functools import partial

import pytest
import torch

from mimco_mm.checkpoints import TARGETS, CheckpointError, prepare_export
from mimco_mm.checkpoints.architecture import SwinArchitecture, ViTArchitecture

from ..reference.official import loaders, swin, vit
from .exports import (
    SWIN,
    VIT,
    assert_features,
    heads_of,
    official_map,
    save,
    student,
    write_run,
)

BOTH = {'moby': loaders.moby_linear, 'ibot': partial(loaders.dino, checkpoint_key='model')}
CODE = [
    *((SWIN, name, loader) for name, loader in {
        'swin': loaders.swin_transformer, 'simmim': loaders.simmim, **BOTH}.items()),
    *((VIT, name, loader) for name, loader in {
        'deit': loaders.deit, 'mae': loaders.mae, 'moco-v3': loaders.moco_v3_linear,
        'dino': BOTH['ibot'], **BOTH}.items()),
]
EACH = pytest.mark.parametrize('config, name, loader', CODE, ids=[
    f'{name}-{"swin" if config is SWIN else "vit"}' for config, name, _ in CODE])


def network_of(config: dict) -> dict:
    """The state of the code's own network, of other random weights, with 1000 classes."""
    if config is SWIN:
        state = swin.random_swin(embed_dim=8, depths=(2, 2, 2), num_heads=(1, 2, 4), window=4,
                                 img_size=32, patch=2)
    else:
        state = vit.random_vit(width=48, depth=3, patch=8, img_size=32, mlp_ratio=2)
    width = len(state['norm.weight'])
    return {**state, 'head.weight': torch.ones(1000, width), 'head.bias': torch.ones(1000)}


@EACH
def test_export__the_codes_own_loader_has_the_students_features(tmp_path, config, name, loader):
    network = student(config)
    run = write_run(tmp_path / 'epoch_2.pth', network)
    out = save(f'official-{name}', run, tmp_path, heads_of(config))
    state = loader(torch.load(out, weights_only=True), network_of(config))
    assert_features(network, lambda x: official_map(config, state, x))
    before = network_of(config)['head.weight']
    assert state['head.weight'].shape == before.shape
    assert bool(state['head.weight'].any()) != (name == 'swin')  # its code begins with zeros


@pytest.mark.parametrize('name, loader, fails', [
    ('simmim', loaders.swin_transformer, KeyError), ('swin', loaders.simmim, RuntimeError)])
def test_loaders__do_not_take_one_anothers_files(tmp_path, name, loader, fails):
    out = save(f'official-{name}', write_run(tmp_path / 'run.pth', student(SWIN)), tmp_path)
    with pytest.raises(fails, match='head.'):
        loader(torch.load(out, weights_only=True), network_of(SWIN))


@pytest.mark.parametrize('config, code', [(SWIN, 'swin'), (VIT, 'deit')])
def test_official__is_the_code_of_the_family(tmp_path, config, code):
    run = write_run(tmp_path / 'run.pth', student(config))
    default, named = (torch.load(save(name, run, tmp_path, heads_of(config)), weights_only=True)
                      for name in ('official', f'official-{code}'))
    assert default['model'].keys() == named['model'].keys()
    assert all(torch.equal(value, named['model'][key]) for key, value in default['model'].items())


@pytest.mark.parametrize('config, code, family', [(SWIN, 'deit', 'Swin'), (VIT, 'simmim', 'ViT')])
def test_official__code_without_such_a_network(tmp_path, config, code, family):
    run = write_run(tmp_path / 'run.pth', student(config))
    with pytest.raises(CheckpointError, match=f'official-{code} has no {family}.*official-ibot'):
        prepare_export(run, f'official-{code}', heads_of(config))


SWIN_T = SwinArchitecture(width=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7, patch=4,
                          mlp_ratio=4.)
SWIN_B = SwinArchitecture(width=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32), window=12,
                          patch=4, mlp_ratio=4.)
VIT_S = ViTArchitecture(width=384, depth=12, heads=12, hidden=1536, image_size=224, patch=16)
VIT_B = ViTArchitecture(width=768, depth=12, heads=12, hidden=3072, image_size=224, patch=16)


@pytest.mark.parametrize('name, architecture, expected', [
    ('official', SWIN_T, r'main.py --cfg configs/swin/swin_tiny_patch4_window7_224.yaml '
                         r'--data-path IMAGENET --pretrained \S+/a b.pth$'),
    ('official-swin', SWIN_B, r'--opts DATA.IMG_SIZE 384 MODEL.SWIN.EMBED_DIM 128 MODEL.SWIN.DEPTHS'
                              r' \[2,2,18,2\] MODEL.SWIN.NUM_HEADS \[4,8,16,32\] '
                              r'MODEL.SWIN.WINDOW_SIZE 12$'),
    ('official-simmim', SWIN_T, r'main_finetune.py .*--pretrained \S+/a b.pth --opts '
                                r'MODEL.SWIN.EMBED_DIM 96 MODEL.SWIN.DEPTHS \[2,2,6,2\] '
                                r'MODEL.SWIN.NUM_HEADS \[3,6,12,24\]$'),
    ('official-moby', SWIN_T, r'^mkdir -p output/(moby__swin_tiny__\w+)/export && cp \S+/a b.pth '
                              r'output/\1/export/checkpoint.pth && .* moby_linear.py --cfg '
                              r'configs/moby_swin_tiny.yaml --tag export'),
    ('official-moby', VIT_S, 'configs/moby_deit_small.yaml'),
    ('official-deit', VIT_B, r'^python main.py --model deit_base_patch16_224 --finetune \S+/a b.p'),
    ('official-mae', VIT_B, r'^python main_finetune.py --model vit_base_patch16 --finetune \S+/a'),
    ('official-moco-v3', VIT_S, r'^python main_lincls.py -a vit_small --pretrained \S+/a b.pth'),
    ('official-dino', VIT_B, r'^python eval_knn.py --arch vit_base --patch_size 16 '
                             r'--pretrained_weights \S+/a b.pth --checkpoint_key model'),
    ('official-ibot', SWIN_T, 'evaluation/eval_knn.py --arch swin_tiny --window_size 7'),
])
def test_usage__names_the_codes_own_options(tmp_path, name, architecture, expected):
    line = TARGETS[name].usage(tmp_path / 'a b.pth', architecture)
    assert re.search(expected, ' '.join(shlex.split(line))), line
    assert f"'{tmp_path}/a b.pth'" in line  # as one word, and found from the code's folder


@pytest.mark.parametrize('name, architecture, changes', [
    ('official', VIT_S, 'num_heads=12 for deit_small_patch16_224 in models.py of deit'),
    ('official-dino', VIT_S, 'num_heads=12 for vit_small in vision_transformer.py of dino'),
    ('official-moby', VIT_S, 'num_heads=12 for deit_small in models/build.py of Transformer-SSL'),
    ('official-ibot', SWIN_B, 'img_size=384 for swin_base'),
    ('official-moco-v3', VIT_S, None), ('official-deit', VIT_B, None), ('official', SWIN_B, None),
    ('official-ibot', SWIN_T, None), ('timm', VIT_S, None), ('mmpretrain', SWIN_T, None),
])
def test_caution__where_the_code_builds_another_network(name, architecture, changes):
    caution = TARGETS[name].caution(architecture)
    assert caution.startswith(f'Set {changes}') if changes else caution == ''
