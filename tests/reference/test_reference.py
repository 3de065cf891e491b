"""Closed-form checks of the reference itself."""
import math

import pytest
import torch
import torch.nn.functional as F

from .algorithm1 import (
    PlainQueue,
    cosine_momentum,
    info_nce,
    l2_normalize,
    masked_positions,
    mimco_step,
    two_layer_conv,
)
from .masks import check_mask, coarsen, expand, expected_masked_units
from .moby import ema, moby_loss
from .schedule import warmup_cosine_lr

NAMES = ('w1', 'b1', 'gamma', 'beta', 'w2', 'b2')


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def unit_rows(*shape, seed=0):
    return F.normalize(normal(*shape, seed=seed), dim=1)


def random_head(channels, hidden, out, seed):
    vector = (hidden,)
    shapes = ((hidden, channels, 1, 1), vector, vector, vector, (out, hidden, 1, 1), (out,))
    return {name: normal(*shape, seed=10 * seed + i)
            for i, (name, shape) in enumerate(zip(NAMES, shapes))}


def torch_head(x, head):
    """``two_layer_conv`` by torch's own operators."""
    x = F.batch_norm(F.conv2d(x, head['w1'], head['b1']), None, None, head['gamma'], head['beta'],
                     training=True)
    return F.conv2d(x.relu(), head['w2'], head['b2'])


def constant_head(channels, out):
    """A head that gives ``out`` at every position, whatever it reads."""
    return dict(w1=torch.ones(2, channels), b1=torch.zeros(2), gamma=torch.ones(2),
                beta=torch.zeros(2), w2=torch.zeros(len(out), 2), b2=out)


def sign_head():
    """On one channel: a multiple of (1, 0) above the batch's mean, of (0, 1) below it."""
    return dict(w1=[[1.], [-1.]], b1=[0., 0.], gamma=[1., 1.], beta=[0., 0.],
                w2=[[1., 0.], [0., 1.]], b2=[0., 0.])


def test_l2_normalize():
    assert l2_normalize([3., 4.]).tolist() == pytest.approx([.6, .8])
    assert l2_normalize([0., 0.]).tolist() == [0., 0.]


@pytest.mark.parametrize('temperature', [.07, .2, 1.])
def test_info_nce_with_orthogonal_negatives(temperature):
    basis = torch.eye(6)
    expected = -math.log(math.exp(1 / temperature) / (math.exp(1 / temperature) + 4))
    loss = info_nce(basis[:2], basis[:2], basis[2:], temperature)
    assert loss == pytest.approx(expected, rel=1e-12)


def test_info_nce_with_uniform_logits():
    basis = torch.eye(8)
    assert info_nce(basis[:1], basis[1:2], basis[2:], .2) == pytest.approx(math.log(6 + 1))
    same = [[1., 0.]]
    assert info_nce(same, same, same * 4096, .2) == pytest.approx(math.log(4097))


def test_info_nce_takes_the_negatives_of_its_own_row():
    # Row 0 meets the key e0 in the queue, row 1 does not: unlike the q_j printed in Eq. (1).
    basis = torch.eye(3)
    loss = info_nce(basis[:2], basis[:2], basis[[0, 2]], 1.)
    first = -math.log(math.e / (2 * math.e + 1))
    second = -math.log(math.e / (math.e + 2))
    assert loss == pytest.approx((first + second) / 2)


def test_info_nce_is_cross_entropy():
    q, k, queue = unit_rows(5, 4, seed=1), unit_rows(5, 4, seed=2), unit_rows(7, 4, seed=3)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / .2
    expected = F.cross_entropy(logits, torch.zeros(5, dtype=torch.long))
    assert info_nce(q, k, queue, .2) == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize('size', [(3, 2), (1, 1)])
def test_two_layer_conv_is_torchs(size):
    x, head = 2 * normal(4, 3, *size, seed=4) + 1, random_head(3, 5, 2, seed=5)
    torch.testing.assert_close(two_layer_conv(x, **head), torch_head(x, head))


def test_two_layer_conv_closed_form():
    x = torch.tensor([3., -1.]).reshape(2, 1, 1, 1)  # mean 1, biased variance 4
    out = two_layer_conv(x, **sign_head(), eps=0.)
    assert out.flatten(1).tolist() == [[1., 0.], [0., 1.]]


def test_masked_positions():
    mask = [[[0, 1], [1, 0]], [[1, 0], [0, 0]]]
    assert masked_positions(mask) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    with pytest.raises(ValueError, match='0 or 1'):
        masked_positions([[[.5]]])


@pytest.mark.parametrize('new, keys, pointer', [
    ([], [0, 1, 2, 3], 2),
    ([9], [0, 1, 9, 3], 3),
    ([8, 9], [0, 1, 8, 9], 0),
    ([7, 8, 9], [9, 1, 7, 8], 1),
    ([4, 5, 6, 7, 8, 9], [6, 7, 8, 9], 0),
])
def test_queue_wraps_at_any_batch_size(new, keys, pointer):
    queue = PlainQueue(4, 1, [[0], [1], [2], [3]], pointer=2)
    queue.enqueue([[value] for value in new])
    assert queue.tensor().flatten().tolist() == keys
    assert queue.pointer == pointer


def test_step_with_constant_heads():
    # Every q is e0. p3 becomes .75 e0 + .25 e1 if its average precedes the keys.
    basis = torch.eye(4)
    level = dict(p1=constant_head(3, basis[1]), p2=constant_head(4, basis[0]),
                 p3=constant_head(3, basis[0]))
    start = PlainQueue(3, 4, basis[[2, 3, 2]], pointer=2)
    queues = dict(patch=start, image=start.copy())
    mask = [[[1, 0], [0, 0]], [[1, 1], [1, 0]]]
    out = mimco_step(normal(2, 3, 2, 2), normal(2, 3, 2, 2, seed=1), mask,
                     dict(patch=level, image=level), queues, .2, .75)
    cosine = .75 / math.hypot(.75, .25)
    positive = math.exp(cosine / .2)
    expected = -math.log(positive / (positive + 3))  # the old queue: all orthogonal to q
    key = [cosine, .25 / math.hypot(.75, .25), 0., 0.]
    for name in ('patch', 'image'):
        assert out[f'loss_{name}'] == pytest.approx(expected)
        assert out[f'p3_{name}']['b2'].tolist() == [.75, .25, 0., 0.]
        assert out[f'pointer_{name}'] == 1
        rows = out[f'queue_{name}'].tolist()
        assert rows[0] == pytest.approx(key) and rows[2] == pytest.approx(key)
        assert rows[1] == basis[3].tolist()
    assert out['loss'] == pytest.approx(2 * expected)
    assert out['q_patch'].shape == (4, 4) and out['q_image'].shape == (2, 4)
    assert start.pointer == 2 and start.tensor().tolist() == basis[[2, 3, 2]].tolist()


def test_step_by_torch_operators():
    def random_level(seed):
        return {name: random_head(channels, 5, 4, seed + i)
                for i, (name, channels) in enumerate((('p1', 3), ('p2', 4), ('p3', 3)))}

    z, z_k = normal(3, 3, 2, 2, seed=7), normal(3, 3, 2, 2, seed=8)
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1]]).reshape(3, 2, 2)
    weights = dict(patch=random_level(1), image=random_level(4))
    queues = {level: PlainQueue(6, 4, unit_rows(6, 4, seed=i)) for i, level in enumerate(weights)}
    out = mimco_step(z, z_k, mask, weights, queues, .2, .9)

    inputs = dict(patch=(z, z_k), image=(z.mean((2, 3), True), z_k.mean((2, 3), True)))
    chosen = dict(patch=mask.bool(), image=torch.ones(3, 1, 1, dtype=torch.bool))
    for level, (student, teacher) in inputs.items():
        head = weights[level]
        p3 = {name: .9 * head['p3'][name] + .1 * head['p1'][name] for name in NAMES}
        q = torch_head(torch_head(student, head['p1']), head['p2']).permute(0, 2, 3, 1)
        k = torch_head(teacher, p3).permute(0, 2, 3, 1)
        key = F.normalize(k.mean((1, 2)), dim=1)
        q, k = F.normalize(q[chosen[level]], dim=1), F.normalize(k[chosen[level]], dim=1)
        torch.testing.assert_close(out[f'q_{level}'], q)
        torch.testing.assert_close(out[f'k_{level}'], k)
        torch.testing.assert_close(out[f'key_{level}'], key)
        torch.testing.assert_close(out[f'queue_{level}'][:3], key)
        torch.testing.assert_close(out[f'queue_{level}'][3:], queues[level].tensor()[3:])
        logits = torch.cat([(q * k).sum(1, True), q @ queues[level].tensor().T], 1) / .2
        loss = F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long)).item()
        assert out[f'loss_{level}'] == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize('which, first, second', [
    ('all', [3, 1], [1, 3]), ('masked', [1, 0], [1, 1])])
def test_patch_queue_key(which, first, second):
    # Image 0 holds three +1 and one -1, image 1 the reverse; p3 turns +1 to (s, 0), -1 to (0, s).
    z_k = torch.tensor([[1., 1., 1., -1.], [1., -1., -1., -1.]]).reshape(2, 1, 2, 2)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 0, 0]]).reshape(2, 2, 2)
    level = dict(p1=sign_head(), p2=constant_head(2, [1., 0.]), p3=sign_head())
    queues = dict(patch=PlainQueue(2, 2, torch.eye(2)), image=PlainQueue(2, 2, torch.eye(2)))
    out = mimco_step(normal(2, 1, 2, 2), z_k, mask, dict(patch=level, image=level), queues, .2, 1.,
                     patch_queue_key=which)
    torch.testing.assert_close(out['k_patch'], torch.eye(2).double()[[0, 0, 0, 1]])
    expected = torch.stack([l2_normalize(first), l2_normalize(second)])
    torch.testing.assert_close(out['queue_patch'], expected)
    torch.testing.assert_close(out['queue_image'], torch.eye(2).double())  # image means +-1/2


def test_step_without_mask_and_with_one_level():
    level = {name: random_head(channels, 5, 4, seed)
             for name, channels, seed in (('p1', 3, 1), ('p2', 4, 2), ('p3', 3, 3))}
    z, z_k = normal(2, 3, 2, 2, seed=7), normal(2, 3, 2, 2, seed=8)
    queue = dict(patch=PlainQueue(6, 4, unit_rows(6, 4)))
    arguments = (dict(patch=level), queue, .2, .99)
    bare = mimco_step(z, z_k, None, *arguments, patch_queue_key='masked')
    full = mimco_step(z, z_k, torch.ones(2, 2, 2), *arguments)
    assert bare['loss'] == bare['loss_patch'] == full['loss_patch']
    assert torch.equal(bare['queue_patch'], full['queue_patch'])
    assert bare['q_patch'].shape == (8, 4) and 'loss_image' not in bare


def test_cosine_momentum():
    assert cosine_momentum(0, 100) == pytest.approx(.99)
    assert cosine_momentum(50, 100) == pytest.approx(.995)
    assert cosine_momentum(100, 100) == 1.


def test_moby_loss_is_the_sum_of_both_directions():
    q1, q2, k1, k2 = (unit_rows(3, 4, seed=seed) for seed in range(4))
    queue1, queue2 = unit_rows(5, 4, seed=5), unit_rows(5, 4, seed=6)
    expected = info_nce(q1, k2, queue2, .2) + info_nce(q2, k1, queue1, .2)
    assert moby_loss(q1, q2, k1, k2, queue1, queue2, .2) == pytest.approx(expected, rel=1e-12)
    same = [[1., 0.]]
    assert moby_loss(*[same] * 4, *[same * 9] * 2, .2) == pytest.approx(2 * math.log(10))


def test_ema():
    assert ema([[1., 2.]], [[5., 6.]], .75).tolist() == [[2., 3.]]
    assert ema(dict(a=[1.]), dict(a=[3.]), .5)['a'].tolist() == [2.]


def test_warmup_cosine_lr():
    def lr(step):
        return warmup_cosine_lr(step, 10, 100, base=4e-3, start=4e-6, end=4e-5)

    assert lr(0) == 4e-6
    assert lr(5) == pytest.approx((4e-6 + 4e-3) / 2)
    # The cosine has been running since step 0: (1 + cos(pi / 10)) / 2 of the way, not 1.
    assert lr(10) == pytest.approx(4e-5 + (4e-3 - 4e-5) * (1 + math.cos(math.pi / 10)) / 2)
    assert lr(50) == pytest.approx((4e-3 + 4e-5) / 2)
    assert lr(100) == lr(101) == 4e-5


@pytest.mark.parametrize('image, unit, ratio, units', [
    (224, 32, .5, 25), (224, 32, .6, 30), (224, 32, .7, 35), (192, 32, .6, 22), (224, 32, 1., 49)])
def test_expected_masked_units(image, unit, ratio, units):
    assert expected_masked_units(image, unit, ratio) == units


def test_check_mask():
    units = (torch.arange(49) < 30).reshape(7, 7)
    fine = expand(units, 2)
    assert sum(map(sum, fine)) == 120  # of 196 ViT tokens
    assert coarsen(fine, 2) == units.double().tolist()
    check_mask(fine, 224, 32, 16, .6)
    with pytest.raises(ValueError, match='masked units'):
        check_mask(fine, 224, 32, 16, .5)
    fine[0][0] = 0.
    with pytest.raises(ValueError, match='partly masked'):
        check_mask(fine, 224, 32, 16, .6)
    with pytest.raises(ValueError, match='14x14'):
        check_mask(units, 224, 32, 16, .6)
