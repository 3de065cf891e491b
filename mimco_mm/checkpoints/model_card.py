"""The model card of an export: ``README.md`` as the Hugging Face hub reads it."""

import re
from itertools import zip_longest
from typing import List, Optional

import yaml

from ..names import printable
from ..version import __version__
from .architecture import SwinArchitecture, network_name
from .config_text import public
from .errors import CheckpointError
from .exporting import Export
from .provenance import Provenance, provenance
from .target import WRITTEN_BY, Target

LICENSE = re.compile(r'[a-z0-9]+([.+-][a-z0-9]+)*')
UNKNOWN = 'not recorded in the checkpoint'
NOT_MEASURED = 'not measured'
MIMCO = '''\
@inproceedings{zhou2022mimco,
  title={MimCo: Masked Image Modeling Pre-training with Contrastive Teacher},
  author={Zhou, Qiang and Yu, Chaohui and Luo, Hao and Wang, Zhibin and Li, Hao},
  booktitle={Proceedings of the 30th ACM International Conference on Multimedia},
  year={2022}
}
'''


def check_license(name: str) -> None:
    """Raise CheckpointError for what is no identifier of a licence as the hub has them."""
    if not LICENSE.fullmatch(name):
        raise CheckpointError(f'--license {printable(name)}: expected an identifier of the '
                              'Hugging Face hub, in small letters: apache-2.0, mit, '
                              'cc-by-nc-4.0, other, ...')


def unknown_to(export: Export, license: Optional[str], measured: str) -> List[str]:
    """What the card of an export cannot say, and the option that does."""
    about = provenance(export.meta, export.source.release)
    needs_teacher = about.method == 'MimCo'
    known = {'method': about.method, 'teacher': about.teachers or not needs_teacher,
             'data': about.data, 'epochs': about.epochs, 'config': about.config,
             'licence (--license)': license, 'results (--results)': measured}
    return [name for name, value in known.items() if not value]


def model_card(export: Export, target: Target, checkpoint: str, license: Optional[str] = None,
               measured: str = '') -> str:
    """The card's text.

    Args:
        export: what is written beside it.
        target: the library that it is for.
        checkpoint: path or URL of what was exported.
        license: an identifier of the hub.
        measured: results in Markdown.

    Raises:
        CheckpointError: no such identifier, see ``check_license``.
    """
    if license is not None:
        check_license(license)
    about, a = provenance(export.meta, export.source.release), export.architecture
    family = 'Swin Transformer' if isinstance(a, SwinArchitecture) else 'ViT'
    name = network_name(a)
    head = dict(
        library_name=target.hub_library, license=license or 'unknown',
        pipeline_tag='image-feature-extraction',
        tags=[target.hub_library, family.split()[0].lower(), *(
            ['self-supervised-learning', re.sub(r'\W+', '-', about.method.lower())]
            if about.paper else [])])
    how = f', pre-trained by {about.method} without labels' if about.paper else ''
    parts = [
        f'---\n{yaml.safe_dump(head, sort_keys=False)}---\n',
        f'# {name or family}{f" by {about.method}" if about.paper else ""}\n',
        f'A {family} without a head{how}: it gives features. {WRITTEN_BY} {__version__} '
        f'from {code(public(checkpoint))} (sha256 {code(export.sha256)}).\n',
        '\n'.join(facts(about, export)) + '\n- licence: ' + (
            code(license) if license else 'not stated') + '\n',
        f'## How to load it\n\n{fenced(target.hub_usage(a), "python")}',
        f'## Measured results\n\n{measured or NOT_MEASURED}\n',
        '## Config\n\n' + (f'<details>\n\n{fenced(about.config, "python")}\n</details>\n'
                           if about.config else f'{UNKNOWN}\n'),
    ]
    if about.method == 'MimCo':
        parts.append(f'## Citation\n\n{fenced(MIMCO, "bibtex")}')
    return '\n'.join(parts)


def facts(about: Provenance, export: Export) -> List[str]:
    """One line for each thing that there is to know of a run."""
    paper = f', [arXiv {about.paper}](https://arxiv.org/abs/{about.paper})' if about.paper else ''
    teachers = '; '.join(
        ', '.join(text for text in (name and code(name), sha256 and f'sha256 {code(sha256)}')
                  if text)
        for name, sha256 in zip_longest(about.teachers, about.teachers_sha256))
    data = [code(about.data)] if about.data else []
    data += [f'{about.images} images'] if about.images is not None else []
    epochs = [] if about.epochs is None else [
        f'{about.epochs}' + (f' of {about.planned}' if about.planned is not None else '')]
    epochs += [f'{name} {value}' for name, value in (('batch', about.batch), ('seed', about.seed))
               if value is not None]
    side = export.architecture.image_size
    return [
        f'- method: {code(about.method) + paper if about.method else UNKNOWN}',
        f'- teacher: {teachers or UNKNOWN}',
        f'- data: {", ".join(data) or UNKNOWN}',
        f'- epochs: {", ".join(epochs) or UNKNOWN}',
        f'- network: {code(export.architecture)}',
        f'- images: RGB, {side} px, normalised as for ImageNet; the files beside this one say how',
    ]


def code(text: object) -> str:
    """Text of strangers in a line of Markdown, as it is."""
    return '`' + printable(text).replace('`', "'") + '`'


def fenced(text: str, language: str) -> str:
    """A block of code, whatever is in it."""
    fence = '`' * max(3, 1 + max(map(len, re.findall('`+', text)), default=0))
    return f'{fence}{language}\n{text.rstrip()}\n{fence}\n'
