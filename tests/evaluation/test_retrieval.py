"""The scores of revisited Oxford and Paris, and the features that are ranked."""

import math

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from torch import nn
from torch.utils.data import Dataset

from mimco_mm.datasets import BrokenImageError
from mimco_mm.evaluation import (
    extract_global_features,
    global_feature,
    ranking_scores,
    retrieval_scores,
)
from mimco_mm.evaluation.retrieval import rank
from tests.reference import retrieval as reference

SWIN = dict(
    type='SwinTransformer', img_size=224, window_size=7, pad_small_map=True, drop_path_rate=0.,
    arch=dict(embed_dims=8, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8]))
VIT = dict(
    type='MoCoV3ViT', img_size=32, patch_size=8, out_type='featmap',
    arch=dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=64))
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def build(config: dict) -> nn.Module:
    torch.manual_seed(0)
    network = MODELS.build(config)
    network.init_weights()
    network.eval()
    return network


def entry(easy=(), hard=(), junk=()) -> dict:
    return dict(easy=np.array(easy, dtype=int), hard=list(hard), junk=tuple(junk))


def random_gnd(rng: np.random.Generator, queries: int, images: int) -> list:
    """Lists of random lengths, often empty, disjoint; now and then all images are in one."""
    gnd = []
    for _ in range(queries):
        order = rng.permutation(images)
        ends = np.sort(rng.integers(0, images + 1, 3)) if rng.random() < 0.2 else np.cumsum(
            rng.integers(0, 4, 3))
        gnd.append(entry(order[:ends[0]], order[ends[0]:ends[1]], order[ends[1]:ends[2]]))
    return gnd


# Scores


@pytest.mark.parametrize('seed', range(20))
@pytest.mark.parametrize('values', [3, 10 ** 6])  # 3: most images are tied
def test_scores__equal_plain_loops(seed, values):
    rng = np.random.default_rng(seed)
    queries, images, ks = 12, int(rng.integers(12, 40)), (1, 2, 5, 10, 100)
    similarity = rng.integers(0, values, (queries, images)) / values
    gnd = random_gnd(rng, queries, images)
    wanted = reference.scores(similarity.tolist(), gnd, ks)
    got = ranking_scores(rank(torch.from_numpy(similarity)), gnd, ks)
    assert got.keys() == wanted.keys()
    for level in wanted:
        assert got[level].keys() == wanted[level].keys()
        assert got[level] == pytest.approx(wanted[level], abs=1e-9, nan_ok=True)
    assert 0 < wanted['easy']['queries'] < queries  # some queries had nothing to find


@pytest.mark.parametrize('order, easy, junk, ap, precisions', [
    # positives first
    ([0, 1, 2, 3], [0, 1], [], 1., [1., 1.]),
    # rank 1 alone: (0 / 1 + 1 / 2) / 2
    ([1, 0, 2, 3], [0], [], 1 / 4, [0., 1 / 2]),
    # ranks 0 and 2: (1 + 1) / 2 / 2 + (1 / 2 + 2 / 3) / 2 / 2
    ([0, 2, 1, 3], [0, 1], [], 1 / 2 + 7 / 24, [1., 2 / 3]),
    # junk before and between takes up no rank
    ([3, 0, 2, 1], [0, 1], [2, 3], 1., [1., 1.]),
    # junk after the last positive changes nothing
    ([1, 0, 2, 3], [0], [2, 3], 1 / 4, [0., 1 / 2]),
    # last of four: (0 / 3 + 1 / 4) / 2
    ([1, 2, 3, 0], [0], [], 1 / 8, [0., 1 / 4]),
])
def test_scores__closed_form(order, easy, junk, ap, precisions):
    scores = ranking_scores(torch.tensor([order]), [entry(easy, [], junk)], (1, 10))['easy']
    assert scores == pytest.approx({
        'mAP': 100 * ap, 'mP@1': 100 * precisions[0], 'mP@10': 100 * precisions[1], 'queries': 1})
    similarity = [-order.index(image) for image in range(4)]
    assert reference.ranking(similarity) == order
    assert reference.average_precision(order, easy, junk) == pytest.approx(ap)


def test_scores__levels_differ_in_what_is_found_and_what_is_junk():
    # easy 0, hard 1, junk 2; the ranking is hard, junk, nothing, easy
    scores = ranking_scores(torch.tensor([[1, 2, 3, 0]]), [entry([0], [1], [2])])
    assert scores['easy']['mAP'] == pytest.approx(100 / 4)   # rank 1 of [3, 0]
    assert scores['hard']['mAP'] == pytest.approx(100)       # rank 0 of [1, 3]
    # ranks 0 and 2 of [1, 3, 0]
    assert scores['medium']['mAP'] == pytest.approx(100 * (1 / 2 + 7 / 24))


def test_scores__without_any_positive_are_nan_and_count_no_query():
    scores = ranking_scores(torch.tensor([[0, 1], [1, 0]]), [entry(junk=[0]), entry([1])])
    assert scores['easy'] == {'mAP': 100., 'mP@1': 100., 'mP@5': 100., 'mP@10': 100., 'queries': 1}
    assert scores['hard']['queries'] == 0
    assert all(math.isnan(value) for key, value in scores['hard'].items() if key != 'queries')


def test_rank__ties_keep_the_order_of_the_database():
    similarity = torch.zeros(2, 5000)  # long enough for sorts that are not stable
    similarity[:, 4000] = 1
    expected = [4000, *(i for i in range(5000) if i != 4000)]
    assert rank(similarity).tolist() == [expected] * 2


def test_retrieval_scores__rank_by_the_angle_not_by_length():
    database = torch.tensor([[100., 100.], [1., 0.], [0., 1.]])  # 45, 90 and 0 degrees away
    queries = torch.tensor([[0., 3.], [0., 0.1]])
    scores = retrieval_scores(queries, database, [entry([2]), entry([], [0])])
    assert scores['easy']['mAP'] == 100 and scores['hard']['mAP'] == 25


def test_retrieval_scores__refuse_features_that_are_not_finite():
    database = torch.tensor([[1., 0.], [math.nan, 0.]])
    with pytest.raises(ValueError, match='1 of 2 features of the database are not finite'):
        retrieval_scores(torch.ones(1, 2), database, [entry([0])])


def test_scores__another_number_of_queries_is_an_error():
    with pytest.raises(ValueError, match='ground truth of 1 queries, got 2'):
        ranking_scores(torch.tensor([[0, 1]]), [entry([0]), entry([1])])


# Features


@pytest.mark.parametrize('height, width', [(224, 168), (512, 384), (256, 192), (37, 224), (50, 9)])
def test_feature__swin_takes_any_size(height, width):
    swin = build(SWIN)
    image = torch.randn(1, 3, height, width)
    with torch.no_grad():
        feature, (output, ) = global_feature(swin, image), swin(image)
    assert output.shape == (1, 64, math.ceil(height / 32), math.ceil(width / 32))
    plain = torch.stack([output[0, :, y, x] for y in range(output.shape[2])
                         for x in range(output.shape[3])]).mean(0)
    torch.testing.assert_close(feature, plain)
    assert feature.isfinite().all() and feature.std() > 0


def test_feature__at_224_px_differs_from_pre_training_in_the_last_shift_alone():
    """Classification Swin does not shift the windows of a 7 x 7 map; padded windows do."""
    image = torch.randn(1, 3, 224, 224)
    trained = build({**SWIN, 'pad_small_map': False, 'out_indices': (2, 3)})
    padded = build({**SWIN, 'out_indices': (2, 3)})
    unshifted = build({**SWIN, 'out_indices': (2, 3), 'stage_cfgs': [
        {}, {}, {}, dict(block_cfgs=dict(attn_cfgs=dict(shift_size=0)))]})
    with torch.no_grad():
        trained, padded, unshifted = (network(image) for network in (trained, padded, unshifted))
    assert torch.equal(trained[0], padded[0]) and torch.equal(trained[1], unshifted[1])
    assert not torch.allclose(trained[1], padded[1], atol=1e-3)


@pytest.mark.parametrize('out_type', ['featmap', 'cls_token'])
def test_feature__vit_gives_the_patches_mean_or_the_class_token(out_type):
    vit, image = build({**VIT, 'out_type': out_type}), torch.randn(1, 3, 48, 64)
    raw = build({**VIT, 'out_type': 'raw'})
    raw.load_state_dict(vit.state_dict())
    with torch.no_grad():
        (tokens, ) = raw(image)
        expected = tokens[0, 0] if out_type == 'cls_token' else tokens[0, 1:].mean(0)
        assert tokens.shape == (1, 1 + 6 * 8, 32)
        torch.testing.assert_close(global_feature(vit, image), expected)
        with pytest.raises(ValueError, match="`model.backbone.out_type` to 'featmap' or"):
            global_feature(raw, image)


class Corner(nn.Module):
    """A 'backbone' whose feature is the image's size and its first pixel."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return (torch.tensor([[*x.shape[2:], *x[0, :2, 0, 0].tolist()]]), )


def test_feature__scales_are_dinos():
    image = torch.arange(3 * 8 * 20.).view(1, 3, 8, 20)
    raw = []
    for scale, (height, width) in [(1, (8, 20)), (2 ** -.5, (5, 14)), (.5, (4, 10))]:
        # half-pixel centres: the first output pixel lies at 0.5 / scale - 0.5 of the input
        at = max(0., 0.5 / scale - 0.5)
        first = [float(image[0, c, 0, 0] + at * (20 + 1)) for c in range(2)]
        raw.append([height, width, *first])
    total = np.sum(raw, axis=0) / 3
    feature = global_feature(Corner(), image, [1, 2 ** -.5, .5])
    np.testing.assert_allclose(feature.numpy(), total / np.linalg.norm(total), rtol=1e-5)
    # a single scale leaves the length as it is
    assert global_feature(Corner(), image).tolist() == [8., 20., 0., 160.]


class Images(Dataset):

    def __init__(self, images, broken=None, truncated=()):
        self.images, self.broken, self.truncated = images, broken, truncated

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        if index == self.broken:
            raise BrokenImageError(f'{index}.jpg cannot be decoded')
        return dict(image=self.images[index], path=f'{index}.jpg',
                    truncated=index in self.truncated)


def random_images() -> list:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(256, (3, 20 + 5 * i, 60 - 7 * i), dtype=torch.uint8, generator=generator)
            for i in range(5)]


@pytest.mark.parametrize('num_workers', [0, 2])
def test_extract__is_image_by_image_and_normalised(num_workers):
    vit, images = build(VIT), random_images()
    vit.train()
    features, truncated = extract_global_features(
        vit, Images(images, truncated=(3, 1)), MEAN, STD, num_workers=num_workers)
    assert truncated == ['1.jpg', '3.jpg'] and not vit.training
    assert features.shape == (5, 32) and not features.requires_grad
    for image, feature in zip(images, features):
        normalised = torch.stack([(image[c].float() / 255 - mean) / std for c, (mean, std) in
                                  enumerate(zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))])
        expected = vit(normalised[None])[-1].mean((2, 3))[0]
        torch.testing.assert_close(feature, expected.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('num_workers', [0, 1])
def test_extract__broken_image_is_an_error_of_one_line(num_workers):
    with pytest.raises(BrokenImageError) as error:
        extract_global_features(build(VIT), Images(random_images(), broken=2), MEAN, STD,
                                num_workers=num_workers)
    assert str(error.value) == '2.jpg cannot be decoded'
