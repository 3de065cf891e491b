"""A leaf changes what it is for, and nothing else."""

import ast

import pytest

from .support import ABLATIONS, CONFIGS, changes, plain, read


@pytest.mark.parametrize('size', ['swin-t', 'swin-b', 'vit-s', 'vit-b'])
def test_leaf__300_epochs_change_nothing_else(size):
    assert changes(f'mimco_{size}_300e', f'mimco_{size}') == {
        'param_scheduler.0.end': (100, 300), 'train_cfg.max_epochs': (100, 300)}


@pytest.mark.parametrize('name, parent, arch, width', [
    ('mimco_swin-b', 'mimco_swin-t', ('tiny', 'base'), (768, 1024)),
    ('mimco_vit-s', 'mimco_vit-b', ('base', 'mocov3-small'), (768, 384))])
def test_leaf__size_changes_architecture_width_and_teacher_alone(name, parent, arch, width):
    changed = changes(name, parent)
    changed.pop('model.target_generator.if_missing', None)
    assert changed.pop('model.target_generator.checkpoint')
    assert changed == {
        'model.backbone.arch': arch, 'model.target_generator.backbone.arch': arch,
        'model.patch_neck.in_channels': width, 'model.image_neck.in_channels': width}


@pytest.mark.parametrize('name, parent, arch, width', [
    ('moby_swin-b', 'moby_swin-t', ('tiny', 'base'), (768, 1024)),
    ('mocov3_vit-s', 'mocov3_vit-b', ('base', 'mocov3-small'), (768, 384))])
def test_leaf__size_of_a_teacher_changes_architecture_and_width_alone(name, parent, arch, width):
    assert changes(f'teachers/{name}', f'teachers/{parent}') == {
        'model.backbone.arch': arch, 'model.neck.in_channels': width}


def test_leaf__swin_and_vit_differ_in_the_networks_alone():
    changed = changes('mimco_vit-b', 'mimco_swin-t')
    assert {path.rsplit('.', 1)[0] for path in changed} <= {
        'model.backbone', 'model.target_generator', 'model.target_generator.backbone'}
    assert changed['model.backbone.drop_path_rate'] == (0., 0.1)


@pytest.mark.parametrize('ratio', [50, 70])
def test_ablation__mask_ratio(ratio):
    assert changes(f'ablations/mimco_swin-t_mask-{ratio}', 'mimco_swin-t') == {
        'train_dataloader.dataset.dataset.pipeline.3.mask_ratio': (0.6, ratio / 100)}


def test_ablation__no_mask():
    parent, leaf = read('mimco_swin-t'), read('ablations/mimco_swin-t_no-mask')
    kept = [t for t in plain(parent.train_pipeline) if t['type'] != 'MaskGenerator']
    assert plain(leaf.train_pipeline) == kept and len(kept) == len(parent.train_pipeline) - 1
    assert plain(leaf.train_dataloader.dataset.dataset.pipeline) == kept
    others = {path: values for path, values in changes(
        'ablations/mimco_swin-t_no-mask', 'mimco_swin-t').items() if 'pipeline' not in path}
    assert others == {'find_unused_parameters': (None, True)}


@pytest.mark.parametrize('name, off', [('image-only', 'patch'), ('patch-only', 'image')])
def test_ablation__one_level(name, off):
    changed = changes(f'ablations/mimco_swin-t_{name}', 'mimco_swin-t')
    assert {path.split('.')[1] for path in changed} == {f'{off}_neck', f'{off}_head'}
    assert {values[1] for values in changed.values()} == {None}
    model = read(f'ablations/mimco_swin-t_{name}').model
    assert model[f'{off}_neck'] is None and model[f'{off}_head'] is None


def test_ablation__l1():
    changed = changes('ablations/mimco_swin-t_l1', 'ablations/mimco_swin-t_patch-only')
    assert {path.rsplit('.', 1)[0] for path in changed if 'predictor' not in path
            and 'loss' not in path} == {'model.patch_neck', 'model.patch_head'}
    model = plain(read('ablations/mimco_swin-t_l1').model)
    assert model['patch_neck'] == dict(type='torch.nn.Identity')
    assert model['patch_head'] == dict(type='FeatureRegressionHead', in_channels=768)
    assert model['image_neck'] is None and model['image_head'] is None


def test_ablation__targets_of_the_teacher():
    normed = {'model.target_generator.layer_norm_targets': (None, True)}
    assert changes('ablations/mimco_vit-s_layer-norm-targets', 'mimco_vit-s') == normed
    assert changes('ablations/mimco_vit-s_penultimate', 'mimco_vit-s') == {
        **normed, 'model.target_generator.backbone.out_indices.0': (None, 10)}


def test_ablations__are_all_compared():
    assert {name.split('mimco_')[1] for name in ABLATIONS} == {
        *(f'swin-t_{change}' for change in ('mask-50', 'mask-70', 'no-mask', 'image-only',
                                            'patch-only', 'l1')),
        'vit-s_layer-norm-targets', 'vit-s_penultimate'}


# The files

FILES = sorted(CONFIGS.rglob('*.py'))
EFFICIENCY = {
    'accelerate', 'compile_blocks', 'fsdp', 'num_workers', 'persistent_workers', 'pin_memory',
    'prefetch_factor', 'non_blocking', 'fused', 'AutocastOptimWrapper', 'MergedGroupsConstructor',
    'collate_decoded', 'collate_coded', 'views_by'}


def test_files__are_short_and_start_with_what_they_are():
    lines = {path: path.read_text().splitlines() for path in FILES}
    assert all(len(text) <= 50 and text[0].startswith('# ') for text in lines.values())
    assert sum(map(len, lines.values())) <= 900


def test_files__what_changes_no_result_is_set_in_one():
    for path in FILES:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        found = {node.arg for node in nodes if isinstance(node, ast.keyword)}
        found |= {node.value for node in nodes if isinstance(node, ast.Constant)
                  and isinstance(node.value, str)}
        found |= {target.id for node in nodes if isinstance(node, ast.Assign)
                  for target in node.targets if isinstance(target, ast.Name)}
        if path.parent.name not in ('knn', 'retrieval') and path.name != 'knn.py':  # are no runs
            assert not found & EFFICIENCY or path.name == 'efficiency.py', path
