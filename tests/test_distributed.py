"""Two gloo processes on a CPU do what one process does with the same global batch."""

from pathlib import Path

import pytest
import torch

from mimco_mm.options.teachers import set_teacher
from tests import tiny
from tests.two_ranks import losses_of, on_two_ranks

GLOBAL_BATCH, EPOCHS = 8, 3
SEVERAL = ', two teachers'
NAMES = ('mimco_swin-t', 'teachers/moby_swin-t', f'mimco_swin-t{SEVERAL}')


def trained(name: str, root: Path, ranks: int) -> dict:
    """Losses and state at the end of a run, of this process's rank."""
    cfg = tiny.config(name.removesuffix(SEVERAL), root / f'run-{ranks}' / name, root / 'images',
                      batch_size=GLOBAL_BATCH // ranks, epochs=EPOCHS,
                      **{'model.backbone.drop_path_rate': 0.})  # its draws belong to a rank
    if 'mimco' in name:
        files = [str(root / f'{file}.pth') for file in ('teacher', 'other')]
        set_teacher(cfg, files if name.endswith(SEVERAL) else files[0])
    cfg.launcher = 'none' if ranks == 1 else 'pytorch'
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='RecordLosses')]
    runner = tiny.train(cfg)
    model = getattr(runner.model, 'module', runner.model)
    return dict(losses=losses_of(runner), state=model.state_dict())


def all_trained(root: Path) -> dict:
    return {name: trained(name, root, 2) for name in NAMES}


@pytest.fixture(scope='module')
def ranks(tmp_path_factory) -> tuple:
    """A folder with images and teachers, and what each of two ranks has at the end of its runs."""
    root = tiny.write_images(tmp_path_factory.mktemp('ranks') / 'images', 2 * GLOBAL_BATCH).parent
    tiny.write_teacher(root / 'teacher.pth')
    tiny.write_teacher(root / 'other.pth', seed=2)
    return root, on_two_ranks(all_trained, root)


def interleaved(keys: torch.Tensor) -> torch.Tensor:
    """Queue rows as two ranks write them, where one process wrote its batch in sampler order.

    The sampler deals images to the ranks in turn: rank 0 has rows 0, 2, 4, 6 of a batch.
    """
    full = len(keys) // GLOBAL_BATCH * GLOBAL_BATCH
    batches = keys[:full].view(-1, GLOBAL_BATCH, keys.shape[1])
    return torch.cat([batches[:, 0::2], batches[:, 1::2]], 1).flatten(0, 1)


@pytest.mark.parametrize('name', NAMES)
def test_two_processes__equal_one(name, ranks):
    root, both = ranks
    single, (first, second) = trained(name, root, 1), [one[name] for one in both]
    assert len(single['losses']) == len(first['losses']) == 2 * EPOCHS
    for wanted, got in zip(single['losses'], first['losses']):
        assert wanted == pytest.approx(got, rel=2e-5)
    queues = [key for key in single['state'] if key.endswith('.keys')]
    assert len(queues) == (4 if name.endswith(SEVERAL) else 2)
    for key in queues:
        assert torch.equal(first['state'][key], second['state'][key]), 'ranks hold other queues'
        # 6 batches of 8 keys went through a queue of 40: slots 0-7 hold the last batch
        torch.testing.assert_close(first['state'][key], interleaved(single['state'][key]),
                                   rtol=0, atol=2e-4)
    for key, value in first['state'].items():
        assert torch.equal(value, second['state'][key]), f'ranks differ in {key}'
        # BN cancels the biases before it: their gradients are rounding, which AdamW makes steps.
        if 'queues' not in key and not key.endswith(('neck.0.bias', 'module.0.bias',
                                                     'predictor.0.bias', 'backbone.norm1.bias')):
            torch.testing.assert_close(value, single['state'][key], rtol=2e-3, atol=2e-5,
                                       msg=lambda text, key=key: f'{key}: {text}')
