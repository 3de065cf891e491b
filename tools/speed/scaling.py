"""What a second process costs a training step of MimCo, and what the processes send each other.

Two gloo processes of one thread each train on noise, on the CPU. They take turns at three kinds of
step: one process alone; both apart, without a word to each other (what it costs to share the
machine); both together. What is sent is counted where it is handed over.
"""

import argparse
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import ROOT, Parser, count, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('config', nargs='?', default=ROOT / 'configs/pretrain/mimco_swin-t.py',
                        help='config of MimCo (default: configs/pretrain/mimco_swin-t.py)')
    parser.add_argument('--batch-size', type=count, default=2, help='images a process (default: 2)')
    parser.add_argument('--repeats', type=count, default=5, help='steps of each kind (default: 5)')
    return parser.parse_args(argv)


def random_batch(cfg, count: int) -> dict:
    """Images and masks of the sizes that the config's pipeline, or its preprocessor, makes."""
    import torch
    from mmpretrain.structures import DataSample
    masks = cfg.data_preprocessor.get('mask') or next(
        part for part in cfg.train_pipeline if 'mask_patch_size' in part)
    size, side = masks.input_size, masks.input_size // masks.mask_patch_size
    mask = torch.arange(side * side).view(side, side) < masks.mask_ratio * side * side
    return dict(inputs=torch.randint(256, (count, 3, size, size), dtype=torch.uint8),
                data_samples=[DataSample(mask=mask) for _ in range(count)])


def trainers(cfg, batch: dict) -> dict:
    """Kind of step -> (function that makes it, model)."""
    from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
    from mmengine.optim import build_optim_wrapper
    from mmpretrain.registry import MODELS

    from mimco_mm.models.utils import convert_sync_batchnorm, key_queue

    def trainer(together: bool) -> tuple:
        model = MODELS.build(cfg.model)
        model.init_weights()
        if together:
            model = MMDistributedDataParallel(convert_sync_batchnorm(model),
                                              broadcast_buffers=False)
        else:
            model = revert_sync_batchnorm(model)
        optim_wrapper = build_optim_wrapper(model.train(), cfg.optim_wrapper.copy())
        def step() -> None:
            alone = mock.patch.object(key_queue, 'all_gather', lambda keys: [keys])
            with nullcontext() if together else alone:
                model.train_step(batch, optim_wrapper)

        return step, model

    apart = trainer(together=False)
    return dict(alone=apart, apart=apart, together=trainer(together=True))


def count_sent(step, model) -> dict[str, tuple[int, int]]:
    """Kind of message -> [calls, bytes from this rank] of one step."""
    import torch.distributed as dist

    from mimco_mm.models.utils import equal_sync_batch_norm, key_queue
    sent: dict[str, tuple[int, int]] = {}

    def noting(kind: str, send):
        def noted(tensor, **kwargs):
            calls, count = sent.get(kind, (0, 0))
            sent[kind] = (calls + 1, count + tensor.nbytes)
            return send(tensor, **kwargs)
        return noted

    def noted(kind: str, module, name: str):
        return mock.patch.object(module, name, noting(kind, getattr(module, name)))

    reduce_gradients = noting('gradients', dist.all_reduce)
    model.register_comm_hook(None, lambda state, bucket: reduce_gradients(
        bucket.buffer().div_(dist.get_world_size()), async_op=True).get_future().then(
            lambda future: future.value()[0]))
    with noted('keys', key_queue, 'all_gather'), \
            noted('BN', equal_sync_batch_norm, 'all_gather'), \
            noted('BN', equal_sync_batch_norm, 'all_reduce'):
        step()
    return sent


def worker(rank: int, args: argparse.Namespace, folder: str) -> None:
    import torch
    import torch.distributed as dist
    torch.set_num_threads(1)
    dist.init_process_group('gloo', f'file://{folder}/group', rank=rank, world_size=2)
    from mmengine.config import Config
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS

    from mimco_mm.engine.training_images import build_preprocessor
    from mimco_mm.evaluation import leave_processes
    MMLogger.get_instance('scaling', log_level='ERROR')
    MessageHub.get_current_instance().update_info_dict(dict(iter=0, max_iters=1000))
    cfg = Config.fromfile(args.config)
    init_default_scope('mmpretrain')
    teacher = MODELS.build(cfg.model.target_generator.backbone).state_dict()
    file = cfg.model.target_generator.checkpoint = f'{folder}/teacher-{rank}.pth'
    torch.save({f'backbone.{key}': value for key, value in teacher.items()}, file)
    cfg.model.data_preprocessor = build_preprocessor(cfg)
    kinds = trainers(cfg, random_batch(cfg, args.batch_size))
    seconds: dict[str, list[float]] = {mode: [] for mode in kinds}
    for _ in range(args.repeats + 1):
        for mode, (step, _) in kinds.items():
            dist.barrier()
            start = time.perf_counter()
            if mode != 'alone' or rank == 0:
                step()
            seconds[mode].append(time.perf_counter() - start)
    sent = count_sent(*kinds['together'])
    if rank == 0:
        report(args, {mode: times[1:] for mode, times in seconds.items()}, sent)  # 0 warms up
    dist.barrier()
    leave_processes()


def report(args: argparse.Namespace, seconds: dict, sent: dict) -> None:
    middle = {mode: median(times) for mode, times in seconds.items()}
    print(f'{Path(args.config).stem}, {args.batch_size} images a process; median (least to most)')
    for mode, times in seconds.items():
        rate = args.batch_size * (1 if mode == 'alone' else 2) / middle[mode]
        print(f'  {mode}: {middle[mode]:.3f} s a step ({min(times):.3f} to {max(times):.3f}), '
              f'{rate:.2f} images/s')
    print(f'  efficiency {middle["alone"] / middle["together"]:.0%}, of which the machine '
          f'{middle["alone"] / middle["apart"]:.0%}; communication '
          f'{1 - middle["apart"] / middle["together"]:.0%} of a step together')
    for kind, (calls, size) in sent.items():
        print(f'  {kind}: {calls} calls, {size} bytes from each rank')


def main() -> None:
    args = parse_args()
    import torch.multiprocessing as mp
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, (args, folder), 2)


if __name__ == '__main__':
    run_tool(main)
