"""What may stand at each place of a run's config: the arguments of what is built from it."""

from typing import Any, Callable, Dict, Optional, Tuple

from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner, TestLoop, ValLoop
from mmengine.runner.utils import set_random_seed
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader

from ..origins import is_own
from .signatures import ANY, UNKNOWN, Argument, Arguments, arguments_of, registered

Path = Tuple[str, ...]
Takes = Callable[[ConfigDict, Path, Optional[str]], Arguments]
FLAG = Argument(bool, optional=False)
DATALOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
HOOKS = ('default_hooks', 'custom_hooks')
LOOPS = dict(val_cfg=ValLoop, test_cfg=TestLoop)
# Keys of a config that its runner reads beside its own arguments: mmengine's, mmpretrain's, ours
RUN = dict(
    runner_type=Argument(str), custom_imports=ANY, model_wrapper_cfg=ANY,
    find_unused_parameters=FLAG, compile=ANY, activation_checkpointing=ANY,
    efficient_conv_bn_eval=ANY, tta_model=ANY, tta_pipeline=ANY,
    accelerate=FLAG, compile_blocks=FLAG, fsdp=FLAG, rank_timeout=Argument(float, False),
    views_by=Argument(str, False))
# Groups of settings that are no class's arguments
GROUPS: Dict[Path, Arguments] = {
    ('auto_scale_lr', ): Arguments(
        dict(base_batch_size=Argument(int, False), enable=FLAG), False),
    ('randomness', ): Arguments(
        {name: argument for name, argument in arguments_of(set_random_seed).named.items()}, False),
    ('env_cfg', ): Arguments(
        dict(cudnn_benchmark=FLAG, mp_cfg=ANY, dist_cfg=ANY, resource_limit=Argument(int)), False),
    ('env_cfg', 'mp_cfg'): Arguments(
        dict(mp_start_method=Argument(str), opencv_num_threads=Argument(int)), False),
    # mmengine's init_dist, and what it hands on to torch's init_process_group
    ('env_cfg', 'dist_cfg'): Arguments(
        dict(backend=Argument(str), init_backend=Argument(str), timeout=Argument(float),
             port=Argument(int)), False),
    ('custom_imports', ): Arguments(
        dict(imports=ANY, allow_failed_imports=FLAG), False),
}
# What a class takes by way of its keyword arguments, for another function
PASSED_ON = {'CheckpointHook': Runner.save_checkpoint}
# Arguments whose annotation is narrower than what is taken
WIDER = {'AmpOptimWrapper': dict(loss_scale=Argument(object))}
# Of mmengine's constructor and of those that decay by layers
PARAMWISE = dict.fromkeys((
    'lr_mult', 'decay_mult', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult',
    'flat_decay_mult', 'dwconv_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate',
    'custom_keys', 'layer_decay_rate', 'num_layers', 'decay_rate', 'decay_type'), ANY)
WRAPPER = 'MMDistributedDataParallel'  # of several processes, unless a config names one
NO_PARTS = ('clip_grad', 'nms', 'roi_layer')  # dicts whose `type` is a name of no registry
OPAQUE = ('Albu', 'Albumentations')  # parts whose inside is of a library without registries



def run_arguments() -> Arguments:
    """Top-level keys of a run's config that reach what runs."""
    own = {name: argument for name, argument in arguments_of(Runner).named.items()
           if name != 'cfg'}
    return Arguments({**own, **RUN}, False)


def takes(node: ConfigDict, path: Path, scope: Optional[str]) -> Arguments:
    """What may stand in a dict of a run's config.

    Args:
        node: the dict.
        path: its keys and list indices from the root.
        scope: the config's ``default_scope``.
    """
    if not path:
        return run_arguments()
    if path in GROUPS:
        return GROUPS[path]
    if path[0] in DATALOADERS and len(path) == 1:
        return _more(arguments_of(DataLoader), 'num_batch_per_epoch')
    if path == ('train_cfg', ) and 'type' not in node:
        loop = EpochBasedTrainLoop if node.get('by_epoch', True) else IterBasedTrainLoop
        return _less(_more(arguments_of(loop), 'by_epoch'), 'runner', 'dataloader')
    if len(path) == 1 and path[0] in LOOPS and 'type' not in node:
        return _less(_more(arguments_of(LOOPS[path[0]])), 'runner', 'dataloader', 'evaluator')
    if path == ('optim_wrapper', 'clip_grad'):
        return _less(_more(arguments_of(clip_grad_norm_), 'type', 'clip_value'), 'parameters')
    if path == ('optim_wrapper', 'paramwise_cfg'):
        return Arguments(PARAMWISE, True)  # see ``constructors.check_paramwise``
    if path == ('model_wrapper_cfg', ) and 'type' not in node:
        return of_type(ConfigDict(type=WRAPPER), scope)
    if path == ('optim_wrapper', ):
        known = of_type(node, scope, default=OptimWrapper)
        return _more(known, 'constructor', 'paramwise_cfg', 'optimizer')
    if path[0] == 'param_scheduler' and 'type' in node:
        return _more(of_type(node, scope), 'convert_to_iter_based')
    if path[0] in HOOKS and 'type' in node:  # mmengine's registration takes it out
        return _more(of_type(node, scope), 'priority')
    if 'policies' in path and 'type' in node:
        return _more(of_type(node, scope), 'magnitude_key')
    if path[-1] == 'norm_cfg' and 'type' in node:
        return _more(of_type(node, scope), 'requires_grad')
    if isinstance(node.get('type'), str) or callable(node.get('type')):
        return of_type(node, node.get('_scope_', scope))
    return UNKNOWN


def is_part(node: ConfigDict, path: Path) -> bool:
    """Whether a dict describes what is built from a registry, by the name of its class."""
    return isinstance(node.get('type'), str) and path[-1] not in NO_PARTS


def is_users(name: str, scope: Optional[str]) -> bool:
    """Whether a class that a config names is of no library."""
    return any(is_own(target) for target in registered(name, scope))


def of_type(node: ConfigDict, scope: Optional[str],
             default: Optional[Callable] = None) -> Arguments:
    """Arguments of all that the dict's ``type`` may name; UNKNOWN where there is none such."""
    kind: Any = node.get('type', default)
    targets = registered(kind, scope) if isinstance(kind, str) else [kind]
    each = [arguments_of(target) for target in targets]
    name = str(kind).rpartition('.')[2]
    if name in PASSED_ON:
        return Arguments({**each[0].named, **arguments_of(PASSED_ON[name]).named}, False)
    if name in WIDER:
        return Arguments({**each[0].named, **WIDER[name]}, each[0].open)
    if not each:
        return UNKNOWN
    named = {name: argument for one in reversed(each) for name, argument in one.named.items()}
    if len(each) > 1:  # which one is meant is not known here
        named = dict.fromkeys(named, ANY)
    return Arguments(named, any(one.open for one in each))


def _more(arguments: Arguments, *names: str) -> Arguments:
    return Arguments({**arguments.named, **dict.fromkeys(names, ANY)}, arguments.open)


def _less(arguments: Arguments, *names: str) -> Arguments:
    return Arguments({name: argument for name, argument in arguments.named.items()
                      if name not in names}, arguments.open)
