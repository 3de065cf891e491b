import pytest
import torch

from mimco_mm.checkpoints import read_checkpoint
from tests import tiny


def config(tmp_path, batch_size: int = 4, teacher: str = 'teacher.pth', **overrides):
    overrides['model.target_generator.checkpoint'] = str(tmp_path / teacher)
    return tiny.config('mimco_swin-t', tmp_path / 'run', tmp_path / 'images', epochs=2,
                       batch_size=batch_size, **overrides)


@pytest.fixture
def finished(tmp_path):
    """The work dir of a run of 2 epochs; returns its parent folder."""
    tiny.write_images(tmp_path / 'images', 8)
    tiny.write_teacher(tmp_path / 'teacher.pth')
    tiny.train(config(tmp_path))
    return tmp_path


@pytest.mark.parametrize('change, message', [
    (dict(batch_size=8), "'effective_batch': 4.*'effective_batch': 8"),
    ({'optim_wrapper.accumulative_counts': 2}, "'effective_batch': 4.*'effective_batch': 8"),
    (dict(teacher='other.pth'), "'teacher_sha256': .*'teacher_sha256': "),
])
def test_resume__of_another_run_is_refused(finished, change, message):
    torch.manual_seed(5)
    other = torch.load(finished / 'teacher.pth', weights_only=True)
    other['state_dict']['backbone.norm1.bias'] += 1
    torch.save(other, finished / 'other.pth')
    cfg = config(finished, **change)
    cfg.resume = True
    with pytest.raises(ValueError, match=f'(?s)belongs to a run with.*{message}'):
        tiny.train(cfg)


def test_load_from__takes_the_weights_of_any_run(finished):
    cfg = config(finished, batch_size=8)
    cfg.load_from = str(finished / 'run' / 'epoch_2.pth')
    cfg.work_dir = str(finished / 'next')
    assert tiny.train(cfg).iter == 2


def test_checkpoint__holds_the_runs_identity(finished):
    meta = read_checkpoint(finished / 'run' / 'epoch_2.pth')['meta']
    assert meta['run_identity'].pop('teacher_sha256') is not None
    assert meta['run_identity'] == dict(
        effective_batch=4, iterations_an_epoch=2, start_sha256=None)
