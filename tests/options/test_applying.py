"""Short options beside --cfg-options, which may refine one, and not undo it."""

import pytest

from mimco_mm.errors import ConfigError
from mimco_mm.options import apply_all, load_config


@pytest.mark.parametrize('shortcuts, option, key', [
    (dict(batch_size=4), 'train_dataloader.batch_size=6', 'train_dataloader.batch_size'),
    (dict(seed=1), 'randomness.seed=2', 'randomness.seed'),
    (dict(lr=1e-3), 'optim_wrapper.optimizer.lr=2e-3', 'optim_wrapper.optimizer.lr'),
    (dict(data='a'), 'train_dataloader.dataset.dataset.data_root=b',
     'train_dataloader.dataset.dataset.data_root'),
])
def test_short_option__of_which_nothing_is_left_is_refused(shortcuts, option, key):
    name, = shortcuts
    with pytest.raises(ConfigError) as error:
        apply_all(load_config('mimco_swin-t'), shortcuts, [option])
    told = str(error.value)
    assert f'--{name.replace("_", "-")} would change nothing' in told and f'`{key}`' in told


def test_short_option__is_refined():
    cfg = load_config('imagenet/swin-t')
    apply_all(cfg, dict(workers=4, epochs=50), ['val_dataloader.num_workers=1',
                                                'param_scheduler.0.end=3'])
    assert cfg.train_dataloader.num_workers == 4 and cfg.val_dataloader.num_workers == 1
    assert cfg.train_cfg.max_epochs == 50 and cfg.param_scheduler[0].end == 3
    apply_all(cfg, dict(epochs=50), ['train_cfg.max_epochs=40'])  # was 50: --epochs wrote nothing
    assert cfg.train_cfg.max_epochs == 40
