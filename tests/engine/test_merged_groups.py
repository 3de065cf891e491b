"""Parameters of the same settings share a group; each keeps the rate and decay that it had."""

import torch
from mmengine.optim import build_optim_wrapper
from mmpretrain.registry import MODELS
from torch import nn

from mimco_mm.engine.optim.merged_groups import merge_groups

from ..tiny import BACKBONE

WRAPPER = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=0.5, weight_decay=0.25),
    paramwise_cfg=dict(
        flat_decay_mult=0.0,
        custom_keys={'mask_token': dict(decay_mult=0.0), 'norm1.weight': dict(lr_mult=0.1)}))


def settings(model: nn.Module, **kwargs) -> dict:
    """Parameter -> learning rate and weight decay, and how many groups there are."""
    optimizer = build_optim_wrapper(model, dict(**WRAPPER, **kwargs)).optimizer
    names = {parameter: name for name, parameter in model.named_parameters()}
    return len(optimizer.param_groups), {
        names[parameter]: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups for parameter in group['params']}


def test_constructor__groups_are_few_and_settings_stay():
    model = MODELS.build(dict(type='MaskedSwinTransformer', **BACKBONE))
    single, wanted = settings(model)
    merged, got = settings(model, constructor='mmpretrain.MergedGroupsConstructor')
    assert got == wanted and set(got) == {name for name, _ in model.named_parameters()}
    assert single == len(wanted)
    assert merged == 4  # matrices, vectors, and one for each of the two keys


def test_merge_groups__keeps_order():
    a, b, c, d = (torch.zeros(1) for _ in range(4))
    assert merge_groups([dict(params=[a], lr=1), dict(params=[b]), dict(params=[c], lr=1),
                         dict(params=[d])]) == [dict(params=[a, c], lr=1), dict(params=[b, d])]
