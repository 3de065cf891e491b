"""A batch of one image: trains where it can, and is refused by name where a batch norm cannot."""

from functools import partial
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from mimco_mm.engine.batch_statistics import guard_batch_norms
from mimco_mm.models.utils import EqualSyncBatchNorm, convert_sync_batchnorm
from tests import tiny

PATCHES_ALONE = {'model.image_neck': None, 'model.image_head': None}


def one_image_a_batch(name: str, tmp_path: Path, **overrides):
    data = tiny.write_images(tmp_path / 'images', 2)
    if name.startswith('mimco'):
        teacher = tiny.write_teacher(tmp_path / 'teacher.pth')
        overrides['model.target_generator.checkpoint'] = str(teacher)
    return tiny.config(name, tmp_path / 'run', data, batch_size=1, epochs=2, **overrides)


@pytest.mark.parametrize('name, norm', [
    ('mimco_swin-t', 'image_neck.1'), ('teachers/moby_swin-t', 'neck.1'),
    ('baselines/simmim-moby_swin-t', 'neck.1')])
def test_batch_of_one__is_refused_by_norms_of_pooled_maps(tmp_path, name, norm):
    with pytest.raises(ValueError, match=rf'`{norm}` of the model .* 1 image .*Take '
                                         r'--batch-size 2 or more \(`train_dataloader.batch_siz'):
        tiny.train(one_image_a_batch(name, tmp_path))


@pytest.mark.parametrize('name, overrides', [
    ('mimco_swin-t', PATCHES_ALONE), ('baselines/simmim_swin-t', {})])
def test_batch_of_one__trains_where_norms_see_maps_or_are_none(tmp_path, name, overrides):
    assert tiny.train(one_image_a_batch(name, tmp_path, **overrides)).iter == 4


@pytest.mark.parametrize('norm, shape, refused', [
    (nn.BatchNorm1d, (1, 3), True), (nn.BatchNorm2d, (1, 3, 1, 1), True),
    (nn.BatchNorm1d, (2, 3), False), (nn.BatchNorm2d, (1, 3, 2, 1), False),
    (nn.SyncBatchNorm, (1, 3, 1, 1), True), (nn.InstanceNorm2d, (1, 3, 2, 2), False)])
def test_guard__refuses_what_torch_would(norm, shape, refused):
    model = nn.Sequential(norm(shape[1]))
    guard_batch_norms(model)
    if refused:
        with pytest.raises(ValueError, match='`0` of the model is a batch norm'):
            model(torch.ones(shape))
    else:
        model(torch.ones(shape))
    model.eval()(torch.ones(shape))


@pytest.mark.parametrize('ranks', [1, 2])
def test_guard__synchronised_norms_see_the_images_of_all_ranks(tmp_path, ranks):
    arguments = ranks, str(tmp_path / 'store')
    if ranks == 1:
        one_rank(0, *arguments)
    else:  # torch.multiprocessing needs a function that it can import
        torch.multiprocessing.spawn(one_rank, arguments, nprocs=ranks)


def one_rank(rank: int, ranks: int, store: str) -> None:
    dist.init_process_group('gloo', rank=rank, world_size=ranks, init_method=f'file://{store}')
    model = convert_sync_batchnorm(nn.Sequential(nn.SyncBatchNorm(3)))
    guard_batch_norms(model)
    x = torch.full((1, 3, 1, 1), float(rank))
    if ranks > 1:
        for dtype in (torch.float64, torch.float32):
            check_equal_to_one_batch(rank, ranks, dtype)
        assert model(x).mean().item() == pytest.approx(2 * rank - 1, abs=1e-3)
    else:
        with pytest.raises(ValueError, match='train_dataloader.batch_size'):
            model(x)
    dist.destroy_process_group()


def check_equal_to_one_batch(rank: int, ranks: int, dtype: torch.dtype) -> None:
    """What a norm makes of this rank's images is what torch's makes of the images of all."""
    torch.manual_seed(0)
    whole = nn.BatchNorm2d(3, momentum=0.3).to(dtype)
    nn.init.normal_(whole.weight)
    ours = nn.SyncBatchNorm(3, momentum=0.3).to(dtype)
    ours.load_state_dict(whole.state_dict())
    ours = convert_sync_batchnorm(ours)
    assert type(ours) is EqualSyncBatchNorm
    x = (torch.randn(4 * ranks, 3, 2, 5, dtype=dtype) + 7).requires_grad_()
    mine = x.detach()[4 * rank:4 * rank + 4].requires_grad_()
    weights = torch.randn(x.shape, dtype=dtype)
    wanted, got = whole(x), ours(mine)
    (wanted * weights).sum().backward()
    (got * weights[4 * rank:4 * rank + 4]).sum().backward()
    for parameter in ours.parameters():
        dist.all_reduce(parameter.grad)
    close = partial(torch.testing.assert_close,
                    **dict(rtol=1e-12, atol=1e-12) if dtype is torch.float64 else {})
    close(got, wanted[4 * rank:4 * rank + 4])
    close(mine.grad, x.grad[4 * rank:4 * rank + 4])
    close([p.grad for p in ours.parameters()], [p.grad for p in whole.parameters()])
    close(ours.state_dict(), whole.state_dict())
