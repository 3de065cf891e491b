"""The project in Python: the calls that the commands make, by their names."""

import re
import signal
import subprocess
import sys
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, Optional, Sequence, Union

from mmengine.dist import get_world_size
from torch import nn

from .embedding import EmbedRequest, Features, embed_images, read_features
from .errors import ConfigError, UserError
from .evaluation import load_described_backbone
from .launching import Request, train
from .options import CONFIGS, SHORTCUTS
from .processes import SIGNALS, Interrupted, end_with_parent

PathLike = Union[str, Path]
ARGUMENTS = {*SHORTCUTS, 'amp', 'cfg_options', 'gpus', 'out', 'resume'}  # of ``pretrain``
# what the command's parser reads from texts
KINDS = (
    (Integral, 'a whole number', 'accumulate batch_size epochs gpus seed workers'),
    (Real, 'a number', 'lr mask_ratio timeout'),
    (bool, 'True or False', 'resume'),
    ((str, Path), 'a text or a path', 'amp data knn model out'),
    ((list, tuple), 'a list of texts', 'cfg_options'),
)


def pretrain(out: PathLike, data: PathLike, model: PathLike = 'swin-t', *, gpus: int = 1,
             resume: bool = False, cfg_options: Sequence[str] = (), **options: Any) -> Path:
    """Pre-train a student by MimCo, as ``tools/train.py`` does.

    Args:
        out: folder of logs and checkpoints.
        data: images, see --data of ``tools/train.py``.
        model: 'swin-t', 'swin-b', 'vit-s' or 'vit-b'; or the name of any other pre-training config,
            e.g. 'baselines/simmim_swin-t'.
        gpus: processes; with more than one they are started as by ``tools/dist_train.sh``.
        resume: go on from the latest checkpoint in ``out``, if there is one.
        cfg_options: further keys of the config, KEY=VALUE.
        **options: by the names of the command's options: ``teacher``, ``epochs``, ``batch_size``,
            ``accumulate``, ``lr``, ``mask_ratio``, ``workers``, ``seed``, ``knn``,
            ``timeout``; and ``amp``, 'bf16', 'fp16' or 'off'. ``teacher`` may be a list of several.

    Returns:
        The file of the student's backbone; see ``load_student``.

    Raises:
        UserError: what the caller can mend, by a message that names the option.
        KeyboardInterrupt: after the step was finished and saved; ``resume=True`` goes on.
    """
    check_kinds(dict(options, out=out, data=data, model=model, gpus=gpus, resume=resume,
                     cfg_options=cfg_options))
    model, out = str(model), Path(out).expanduser()
    named = [path.stem.removeprefix('mimco_') for path in CONFIGS.glob('pretrain/mimco_*.py')]
    if '/' not in model and model not in named and not Path(model).is_file():
        raise ConfigError(f'pretrain() knows no model {model!r}; it knows '
                          f'{", ".join(sorted(named))}, and any other pre-training config by its '
                          "path, such as 'baselines/simmim_swin-t'.")
    config = f'mimco_{model}' if model in named else model
    amp = options.pop('amp', None)
    unknown = options.keys() - SHORTCUTS.keys()
    if unknown:
        raise ConfigError(f'pretrain() takes no {", ".join(sorted(unknown))}; it takes '
                          f'{", ".join(SHORTCUTS)} and amp.')
    shortcuts = {name: as_text(value) for name, value in dict(options, data=data).items()}
    if gpus == 1:
        try:
            train(Request(config, str(out), 'auto' if resume else None, amp, shortcuts=shortcuts,
                          cfg_options=cfg_options))
        except UserError as error:
            raise type(error)(in_python(str(error))) from error
    else:
        given = {**shortcuts, 'amp': amp, 'gpus': gpus, 'work_dir': out}
        command = [sys.executable, str(CONFIGS.parent / 'tools' / 'train.py'), config,
                   *(f'--{name.replace("_", "-")}={one}' for name, value in given.items()
                     for one in (value if isinstance(value, (list, tuple)) else [value])
                     if one is not None), *(['--resume'] if resume else []),
                   *(['--cfg-options', *cfg_options] if cfg_options else [])]
        code = run_in_order(command)
        if code - 128 in SIGNALS:
            raise Interrupted(code - 128, 'Interrupted by a signal, as stands above.')
        if code:
            raise ConfigError('The training ended with an error, which stands above.')
    return max(out.glob('backbone_*_*.pth'), key=lambda file: int(file.stem.rpartition('_')[2]))


def check_kinds(arguments: Dict[str, Any]) -> None:
    """Refuse what is not of its argument's kind; None is a default."""
    for kind, words, names in KINDS:
        for name in names.split():
            value = arguments.get(name)
            if value is not None and (not isinstance(value, kind)
                                      or isinstance(value, bool) and kind is not bool):
                raise ConfigError(f'{name}= expects {words}, got {value!r}.')


def as_text(value: Any) -> Any:
    """A path, or each of several, as the text that the command gets."""
    if isinstance(value, (list, tuple)):
        return [as_text(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def in_python(message: str) -> str:
    """A message that names options of the command, with the arguments of ``pretrain``."""

    def argument(match: re.Match) -> str:
        name = match[1].replace('-', '_')
        name = dict(work_dir='out').get(name, name)
        if name not in ARGUMENTS:
            return match[0]
        return 'resume=True' if name == 'resume' else f'{name}={match[2] or ""}'

    return re.sub(r'--([a-z]+(?:-[a-z]+)*)(?: ([A-Z]+\b|\d+\b))?', argument, message)


def run_in_order(command: Sequence[str]) -> int:
    """Run a command that an interrupt ends in order, with its step saved; returns its exit code."""
    with subprocess.Popen(command, preexec_fn=end_with_parent(signal.SIGTERM)) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise


def load_student(file: PathLike) -> nn.Module:
    """The pre-trained backbone of a file, in eval mode, on the GPU where there is one.

    Args:
        file: ``backbone_epoch_N.pth`` or ``epoch_N.pth`` of a run, or any checkpoint of
            docs/checkpoints.md.

    Returns:
        A network whose last output is the map (B, C, h, w) of normalised images (B, 3, H, W).

    Raises:
        CheckpointError: no Swin or ViT that is known.
    """
    return load_described_backbone(str(file))[0]


def embed(checkpoint: PathLike, images: PathLike, out: Optional[PathLike] = None,
          **options: Any) -> Features:
    """The features of images by a frozen network, as ``tools/embed.py`` writes them.

    Args:
        checkpoint: path, URL or name; see ``load_embedder``.
        images: a folder at any depth, a tar, ``tar://FOLDER`` or ``lmdb://FOLDER``.
        out: file of features, .parquet, .npy or .csv, with which an interrupted call goes on, and
            a later one reads what is there. By default they are kept in memory alone.
        **options: by the names of the command's options: ``patches``, ``img_size``, ``heads``,
            ``batch_size``, ``num_workers``.

    Returns:
        ``files``, ``classes``, ``features`` (N, C), ``patches`` (N, C, h, w) or None, ``about``.
        Images that cannot be read are left out, and stand in ``about['broken']``.

    Raises:
        UserError: what the caller can mend.
    """
    known = set(EmbedRequest._fields) - {'checkpoint', 'images', 'out'}
    if options.keys() - known:
        raise ConfigError(f'embed() takes no {", ".join(sorted(options.keys() - known))}; it takes '
                          f'{", ".join(sorted(known))}.')
    if out is None and get_world_size() > 1:
        raise ConfigError('embed() in several processes needs out=FILE, which they share.')
    with TemporaryDirectory() as folder:
        file = Path(out or Path(folder, 'features.npy'))
        embed_images(EmbedRequest(str(checkpoint), str(images), file, **options),
                     kept=out is not None)
        return read_features(file)
