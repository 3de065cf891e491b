"""The compiled ops of mmcv, and mmdet on top of them with a backbone that we pre-train."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

pytestmark = pytest.mark.maintained_only


def test_mmcv_ops__are_compiled_and_right():
    from mmcv.ops import nms, roi_align
    boxes = torch.tensor([[0., 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    _, kept = nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5)
    assert kept.tolist() == [0, 2]
    constant = torch.full((1, 2, 8, 8), 3.)
    pooled = roi_align(constant, torch.tensor([[0., 1, 1, 6, 6]]), (2, 2))
    torch.testing.assert_close(pooled, torch.full((1, 2, 2, 2), 3.))


def test_mask_rcnn__takes_our_swin_as_its_backbone(tmp_path):
    from mmdet.registry import MODELS
    (tmp_path / 'config.py').write_text("_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'")
    model = Config.fromfile(tmp_path / 'config.py').model
    model.backbone = dict(type='mmpretrain.SwinTransformer', arch='tiny', out_indices=(0, 1, 2, 3))
    model.neck.in_channels = [96, 192, 384, 768]
    init_default_scope('mmdet')
    try:
        detector = MODELS.build(model)
        levels = detector.extract_feat(torch.zeros(1, 3, 224, 224))
    finally:
        init_default_scope('mmpretrain')
    assert [tuple(level.shape[1:]) for level in levels] == [
        (256, side, side) for side in (56, 28, 14, 7, 4)]
