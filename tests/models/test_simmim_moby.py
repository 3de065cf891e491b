"""SimMIM + MoBY: both methods' losses as each has them alone, on one encoder."""

import pytest
import torch
from mmengine.logging import MessageHub
from mmpretrain.structures import DataSample

from mimco_mm.models import MoBY, SimMIMMoBY

BACKBONE = dict(
    type='MaskedSwinTransformer', arch=dict(embed_dims=8, depths=[1, 1], num_heads=[1, 2]),
    img_size=16, patch_size=2, window_size=2, out_indices=(1, ), drop_path_rate=0.)


def neck(in_channels: int) -> dict:
    return dict(type='MimCoNeck', in_channels=in_channels, hid_channels=16, out_channels=6,
                norm_cfg=dict(type='BN'))


MOBY = dict(
    backbone=BACKBONE, neck=neck(16),
    head=dict(type='QueueContrastiveHead', predictor=neck(6), feat_dim=6, queue_len=12,
              num_queues=2, loss=dict(type='InfoNCELoss', temperature=0.2)))
# stride 4 on 16 px: maps of 4 x 4; mask units of 8 px
PIXELS = dict(
    decoder=dict(type='SimMIMLinearDecoder', in_channels=16, encoder_stride=4),
    pixel_head=dict(type='SimMIMHead', patch_size=8,
                    loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3)))


@pytest.fixture
def step():
    """The views, and samples that carry their masks, (2, 2) units each."""
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 3)
    hub.update_info('max_iters', 10)
    torch.manual_seed(1)
    views = list(torch.randn(3, 4, 3, 16, 16))
    masks = torch.tensor([[[1, 0], [0, 1]], [[1, 1], [0, 0]], [[0, 1], [1, 0]], [[1, 0], [1, 0]]])
    return views, [DataSample().set_mask(mask) for mask in masks], masks


def build(**options) -> SimMIMMoBY:
    torch.manual_seed(0)
    model = SimMIMMoBY(**MOBY, **PIXELS, **options)
    model.init_weights()
    model.train()
    return model


def test_loss__contrastive_part_is_mobys(step):
    views, samples, _ = step
    model = build()
    moby = MoBY(**MOBY)
    moby.load_state_dict({key: value for key, value in model.state_dict().items()
                          if not key.startswith('decoder.')})
    moby.train()
    ours, theirs = model.loss(views, samples), moby.loss(views[:2], samples)
    assert set(ours) == {*theirs, 'loss_pixel'}
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value)
    for queue, other in zip(model.head.queues, moby.head.queues):
        assert torch.equal(queue.keys, other.keys) and int(queue.pointer) == 4


def test_loss__pixel_part_is_the_mean_error_of_the_masked_pixels_of_the_third_view(step):
    views, samples, masks = step
    model = build(pixel_loss_weight=0.5)
    loss = model.loss(views, samples)['loss_pixel']
    with torch.no_grad():
        restored = model.decoder(model.backbone(views[2], masks.bool())[-1])
    errors = [(restored - views[2])[image, :, 8 * row:8 * row + 8, 8 * column:8 * column + 8].abs()
              for image, row, column in masks.nonzero().tolist()]
    assert loss.item() == pytest.approx(0.5 * torch.stack(errors).mean().item(), rel=1e-5)


def test_loss__trains_the_encoder_by_both_and_the_key_branch_by_neither(step):
    views, samples, _ = step
    model = build()
    sum(model.loss(views, samples).values()).backward()
    without = [name for name, p in model.named_parameters()
               if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)]
    # a bias before BN shifts nothing
    assert [name for name in without if '0.bias' not in name] == []
    assert model.backbone.mask_token.grad.abs().sum() > 0
    assert all(not p.requires_grad for name, p in model.named_parameters()
               if name.startswith('key_'))


def test_loss__without_masks_is_an_error_that_names_the_pipeline(step):
    with pytest.raises(ValueError, match='MaskGenerator'):
        build().loss(step[0], [DataSample()] * 4)
