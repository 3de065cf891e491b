"""Batches on their way to the device: mmpretrain's values, in as few copies as needed."""

from collections import Counter

import pytest
import torch
from mmpretrain.models.utils import SelfSupDataPreprocessor
from mmpretrain.structures import DataSample
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mimco_mm.models import DecodingDataPreprocessor, MimCoDataPreprocessor
from mimco_mm.models.utils import mean_key

NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


class Copies(TorchDispatchMode):
    """Counts what is copied from the host to the device, by whether the host waits for it."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        result = func(*args, **kwargs)
        if getattr(result, 'device', None) == torch.device('meta') and any(
                tensor.device.type == 'cpu' for tensor in tensors):
            waits = func is not torch.ops.aten._to_copy.default or not kwargs.get('non_blocking')
            self.counts['waits' if waits else 'sent'] += 1
        return result


def masked(count: int) -> list:
    return [DataSample(mask=torch.rand(2, 2) < 0.5, metainfo=dict(img_path=f'{row}.jpg'))
            for row in range(count)]


@pytest.mark.parametrize('to_rgb', [True, False])
@pytest.mark.parametrize('norm', [{}, NORM])
def test_values__are_those_of_mmpretrain(norm, to_rgb):
    views = [torch.randint(256, (2, 3, 4, 4), dtype=torch.uint8) for _ in range(2)]
    for inputs in (views, views[0]):
        data = dict(inputs=inputs, data_samples=masked(2))
        wanted, got = (kind(to_rgb=to_rgb, **norm)(data)['inputs']
                       for kind in (SelfSupDataPreprocessor, MimCoDataPreprocessor))
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)


@pytest.mark.parametrize('kind, send_samples, sent', [
    (MimCoDataPreprocessor, False, 2), (MimCoDataPreprocessor, True, 3),
    (DecodingDataPreprocessor, False, 2), (DecodingDataPreprocessor, True, 3)])
def test_copies__are_few_and_not_waited_for(kind, send_samples, sent):
    preprocessor = kind(send_samples, to_rgb=True, non_blocking=True, **NORM).to('meta')
    samples = masked(5)
    inputs = [torch.zeros(5, 3, 4, 4) for _ in range(2)]
    if kind is DecodingDataPreprocessor:
        inputs = dict(pixels=torch.zeros(5, 4, 4, 3, dtype=torch.uint8))
    with Copies() as copies:
        data = preprocessor(dict(inputs=inputs, data_samples=samples))
    assert copies.counts == dict(sent=sent)
    assert {sample.mask.is_meta for sample in data['data_samples']} == {send_samples}
    assert not any(sample.mask.is_meta for sample in samples)  # the batch stays as it was
    assert [sample.img_path for sample in data['data_samples']] == [f'{i}.jpg' for i in range(5)]


def test_sent_samples__have_their_own_masks_and_labels():
    samples = masked(3)
    for label, sample in enumerate(samples):
        sample.set_gt_label(label)
    sent = MimCoDataPreprocessor(send_samples=True).sent(samples)
    for ours, theirs in zip(samples, sent):
        assert ours is not theirs
        assert torch.equal(ours.mask, theirs.mask) and torch.equal(ours.gt_label, theirs.gt_label)


@pytest.mark.parametrize('masked', [False, True])
def test_mean_key__is_not_rounded_to_bfloat16(masked):
    k = torch.randn(2, 3, 8, 8).bfloat16()
    mask = torch.rand(2, 8, 8) < 0.6 if masked else None
    key = mean_key(k, mask)
    assert key.dtype == torch.float32
    wanted = mean_key(k.double(), mask)
    torch.testing.assert_close(key.double(), wanted, rtol=1e-5, atol=1e-6)
