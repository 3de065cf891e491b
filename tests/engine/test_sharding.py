"""FSDP on two gloo processes: the run that DDP makes, with half the state on each rank."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper
from mmpretrain.registry import RUNNERS
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from mimco_mm.checkpoints import read_checkpoint
from mimco_mm.engine import sharding
from mimco_mm.options.teachers import set_teacher
from mimco_mm.watch.stopping import TrainingStopped
from tests import tiny
from tests.leaves import leaves
from tests.two_ranks import losses_of, on_two_ranks

needs_fsdp = pytest.mark.skipif(sharding.fully_shard is None, reason='needs torch 2.6')
# Work dir -> (config, fsdp, work dir whose first epoch it goes on from)
RUNS = dict(
    ddp=('mimco_swin-t', False, None),
    fsdp=('mimco_swin-t', True, None),
    fsdp_after_fsdp=('mimco_swin-t', True, 'fsdp'),
    fsdp_after_ddp=('mimco_swin-t', True, 'ddp'),
    ddp_after_fsdp=('mimco_swin-t', False, 'fsdp'),
    moby_ddp=('teachers/moby_swin-t', False, None),
    moby_fsdp=('teachers/moby_swin-t', True, None),
    parts_ddp=('mimco_swin-t', False, None),
    parts_fsdp=('mimco_swin-t', True, None),
    several_ddp=('mimco_swin-t', False, None),
    several_fsdp=('mimco_swin-t', True, None))
# BN cancels the biases before it: their gradients are rounding, which AdamW makes steps. They are
# in BN's running means.
ROUNDING = ('neck.0.bias', 'module.0.bias', 'predictor.0.bias', 'norm1.bias', 'neck.3.bias',
            'running_mean')


def config(root: Path, run: str) -> Config:
    name, fsdp, before = RUNS[run]
    epochs = 2 if 'mimco' in name and not run.startswith(('parts', 'several')) else 1
    cfg = tiny.config(name, root / run, root / 'images', batch_size=4, epochs=epochs, fsdp=fsdp, **{
        'optim_wrapper.optimizer.lr': 1.0,  # large steps, so that any difference grows
        'optim_wrapper.clip_grad.max_norm': 0.5,  # below all norms
        'model.base_momentum': 0.5,  # p3 moves far
        'model.backbone.drop_path_rate': 0.1,
        'custom_hooks.6.interval': 1})
    if run.startswith('parts'):
        cfg.train_dataloader.batch_size = 2
        cfg.optim_wrapper.accumulative_counts = 2
    if run in ('ddp', 'fsdp'):
        cfg.custom_hooks[7].update(data_root=str(root / 'labelled'), bank='bank', interval=1, k=3,
                                   queries='queries', img_size=32, num_workers=0)
    if 'mimco' in name:
        cfg.model.target_generator.checkpoint = str(root / 'teacher.pth')
    if run.startswith('several'):
        set_teacher(cfg, [str(root / 'teacher.pth'), str(root / 'other.pth')])
        cfg.model.teachers.other.update(weight=0.5, adapter=dict(
            type='ChannelAdapter', in_channels=16, out_channels=16))
    if before is not None:
        cfg.resume, cfg.load_from = True, str(root / before / 'epoch_1.pth')
    cfg.launcher = 'pytorch'
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='RecordLosses')]
    return cfg


def state_bytes(runner) -> dict:
    """What this rank holds of parameters and of the optimizer's state."""
    def held(tensors) -> int:
        return sum(getattr(t, '_local_tensor', t).nbytes for t in tensors if t.dim())

    states = runner.optim_wrapper.optimizer.state.values()
    return dict(parameters=held(runner.model.parameters()),
                state=held(value for state in states for value in state.values()))


def watch_reductions(runner) -> list:
    """A list that gets the iteration of each bucket of gradients that DDP reduces."""
    iterations = []

    def hook(group, bucket):
        iterations.append(runner.iter)
        return allreduce_hook(group, bucket)

    if isinstance(runner.model, DistributedDataParallel):
        runner.model.register_comm_hook(None, hook)
    return iterations


def spoil(module, inputs, output) -> None:
    output.register_hook(lambda gradient: gradient * float('nan'))


def all_trained(root: Path) -> dict:
    ends = {}
    for run in (run for run in RUNS if sharding.fully_shard or 'fsdp' not in run):
        runner = RUNNERS.build(config(root, run))
        reduced = watch_reductions(runner)
        runner.train()
        hub = runner.message_hub
        ends[run] = dict(
            losses=losses_of(runner),
            health={key: float(hub.get_scalar(key).current()) for key in hub.log_scalars
                    if 'health' in key or 'grad_norm' in key},
            bytes=state_bytes(runner), reduced=reduced,
            buffers={key: value.clone() for key, value in runner.model.named_buffers()})
    if sharding.fully_shard:
        ends['nan'] = nan_message(root)
    return ends


def nan_message(root: Path) -> str:
    """What the guard says of gradients that turn NaN in rank 1's second predictor."""
    cfg = config(root, 'fsdp')
    cfg.work_dir = str(root / 'nan')
    runner = RUNNERS.build(cfg)
    if runner.rank == 1:
        runner.model.image_head.predictor[3].register_forward_hook(spoil)
    with pytest.raises(TrainingStopped) as error:
        runner.train()
    return str(error.value)


@pytest.fixture(scope='module')
def ends(tmp_path_factory):
    root = tmp_path_factory.mktemp('fsdp')
    tiny.write_images(root / 'images', 16)
    tiny.write_teacher(root / 'teacher.pth')
    tiny.write_teacher(root / 'other.pth', seed=2)
    for part in ('bank', 'queries'):
        for label in 'ab':
            tiny.write_images(root / 'labelled' / part / label, 5)
    return root, on_two_ranks(all_trained, root)


@needs_fsdp
@pytest.mark.parametrize('name', ['', 'moby_', 'parts_', 'several_'])
def test_fsdp__trains_and_saves_what_ddp_does(ends, name):
    root, (first, second) = ends
    wanted, got = first[f'{name}ddp'], first[f'{name}fsdp']
    for a, b in zip(wanted['losses'], got['losses']):
        assert a == pytest.approx(b, rel=1e-5)
    assert len(got['losses']) == (2 if name in ('moby_', 'several_') else 4)
    assert wanted['health'].keys() == got['health'].keys()
    assert wanted['health']['train/grad_norm'] > 0.5, 'nothing was clipped'
    assert wanted['health'] == pytest.approx(got['health'], rel=1e-3)
    folders = [root / f'{name}{run}' for run in ('ddp', 'fsdp')]
    checkpoints = [read_checkpoint((path / 'last_checkpoint').read_text()) for path in folders]
    for part, tolerance in (('state_dict', 1e-4), ('optimizer', 1e-3)):
        a, b = (dict(leaves(checkpoint[part])) for checkpoint in checkpoints)
        assert a.keys() == b.keys()
        for key, value in a.items():
            if not isinstance(value, torch.Tensor):
                assert value == pytest.approx(b[key]), key
            elif part == 'optimizer' or not key.endswith(ROUNDING):
                torch.testing.assert_close(value, b[key], rtol=tolerance, atol=1e-4,
                                           msg=lambda text, key=key: f'{key}: {text}')
    files = [read_checkpoint(next(path.glob('backbone_*.pth'))) for path in folders]
    assert files[0]['state_dict'].keys() == files[1]['state_dict'].keys()
    assert files[0]['meta']['algorithm'] == files[1]['meta']['algorithm']


@needs_fsdp
def test_fsdp__each_rank_holds_half_of_what_ddp_holds(ends):
    _, ranks = ends
    for kind in ('parameters', 'state'):
        whole = ranks[0]['ddp']['bytes'][kind]
        parts = [rank['fsdp']['bytes'][kind] for rank in ranks]
        assert sum(parts) == whole and max(parts) < 0.51 * whole


def test_ddp__reduces_gradients_in_the_last_iteration_of_a_step(ends):
    _, (first, _) = ends
    assert set(first['ddp']['reduced']) == {0, 1, 2, 3}
    assert set(first['parts_ddp']['reduced']) == {1, 3}


@needs_fsdp
def test_fsdp__queues_and_statistics_are_the_same_on_all_ranks(ends):
    _, (first, second) = ends
    buffers = first['fsdp']['buffers']
    assert any('queues' in key for key in buffers)
    for key, value in buffers.items():
        assert torch.equal(value, second['fsdp']['buffers'][key]), key


@needs_fsdp
@pytest.mark.parametrize('resumed, unbroken, exact', [
    ('fsdp_after_fsdp', 'fsdp', True), ('fsdp_after_ddp', 'ddp', False),
    ('ddp_after_fsdp', 'ddp', False)])
def test_resume__under_fsdp_or_not_goes_on_as_before(ends, resumed, unbroken, exact):
    root, (first, _) = ends
    for a, b in zip(first[unbroken]['losses'][2:], first[resumed]['losses']):
        assert a == pytest.approx(b, rel=0 if exact else 1e-5)
    a, b = (dict(leaves(read_checkpoint(root / run / 'epoch_2.pth'))) for run in
            (unbroken, resumed))
    compared = [key for key in a if key.startswith(('/state_dict', '/optimizer/state'))]
    assert len(compared) > 100
    for key in compared:
        if exact:
            assert torch.equal(torch.as_tensor(a[key]), torch.as_tensor(b[key])), key
        elif not key.endswith(ROUNDING):
            torch.testing.assert_close(a[key], b[key], rtol=1e-3, atol=1e-4)


@needs_fsdp
def test_knn__is_that_of_one_process(ends):
    root, _ = ends
    logs = {run: next((root / run).glob('*/*.log')).read_text() for run in ('ddp', 'fsdp')}
    found = {run: [line.split(': ')[-1] for line in log.splitlines() if 'k-NN accuracy' in line]
             for run, log in logs.items()}
    assert len(found['fsdp']) == 2 and found['fsdp'] == found['ddp']


@needs_fsdp
def test_nan__stops_both_ranks_and_is_traced(ends):
    _, (first, second) = ends
    assert 'the gradient norm is nan' in first['nan']
    assert 'First bad tensor: gradient of image_head.predictor' in first['nan']
    assert 'stopped together with rank 0' in second['nan']


class TestRefusals:

    def test_one_process(self):
        with pytest.raises(ValueError, match='(?s)one alone.*dist_train.sh CONFIG GPUS'):
            sharding.check_shardable(nn.Linear(1, 1))

    def test_old_torch(self, monkeypatch):
        monkeypatch.setattr(sharding, 'get_world_size', lambda: 2)
        monkeypatch.setattr(sharding, 'fully_shard', None)
        with pytest.raises(ValueError, match='(?s)torch 2.6 or later.*accumulative_counts'):
            sharding.check_shardable(nn.Linear(1, 1))

    @needs_fsdp
    @pytest.mark.parametrize('model', [nn.Linear(1, 1),
                                       ExponentialMovingAverage(nn.Linear(1, 1))])
    def test_other_models(self, monkeypatch, model):
        monkeypatch.setattr(sharding, 'get_world_size', lambda: 2)
        with pytest.raises(ValueError, match=f'for pre-training .* got {type(model).__name__}'):
            sharding.check_shardable(model)

    def test_loss_scaling(self, monkeypatch):
        model = nn.Linear(1, 1)
        wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), 1.))
        monkeypatch.setattr(sharding, 'AmpOptimWrapper', OptimWrapper)
        with pytest.raises(ValueError, match='--amp bf16'):
            sharding.shard(model, wrapper)
