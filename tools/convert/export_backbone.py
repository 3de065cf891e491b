"""Write the backbone of a checkpoint as another library wants it.

Reads any format that the frozen teacher reads: runs of this project, official MoBY, MoCo v3,
SimMIM, Swin, DINO, iBOT and EsViT files, mmpretrain, timm and transformers. A folder, for timm or
transformers, has a model card, and can be handed on by `hf upload OWNER/NAME FOLDER`.
"""

import argparse
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, count, run_tool

LIBRARIES = ('mmpretrain', 'mmdet', 'mmseg', 'timm', 'transformers', 'official', 'official-swin',
             'official-simmim', 'official-moby', 'official-deit', 'official-mae',
             'official-moco-v3', 'official-dino', 'official-ibot')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('checkpoint', help='path or URL')
    parser.add_argument('out', type=Path,
                        help='what to write: a .pth file (mmpretrain, mmdet, mmseg, official; the '
                             'ending is added where there is none), a '
                             '.safetensors file (timm), or a folder (timm, transformers)')
    parser.add_argument('--to', required=True, choices=LIBRARIES, metavar='LIBRARY',
                        help=f'{", ".join(LIBRARIES)}: the library, or the code of its authors; '
                             '`official` is that of Swin-Transformer for Swin, of DeiT for ViT')
    parser.add_argument('--heads', type=count,
                        help='attention heads of a ViT, where the file does not tell')
    parser.add_argument('--license', metavar='ID',
                        help='of the weights, for the model card of a folder, as the Hugging Face '
                             'hub names it: apache-2.0, cc-by-nc-4.0, ... (default: unknown)')
    parser.add_argument('--results', type=Path, metavar='DIR',
                        help='work dir of tools/transfers/run.sh, for the model card (default: '
                             'the one that it has chosen for this checkpoint, if it is there)')
    parser.add_argument('--dry-run', action='store_true',
                        help='show what would go where, and write nothing')
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')
    return parser.parse_args(argv)


def table(moves: list) -> str:
    """What went where; tensors that differ in their indices only share a line."""
    rows = Counter()
    for move in moves:
        rows[' + '.join(map(starred, move.sources)), starred(move.target), move.how] += 1
    lines = [('in the file', 'in the export', '', 'tensors'),
             *((*names, str(count)) for names, count in rows.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return '\n'.join('  '.join([*(cell.ljust(width) for cell, width in zip(line, widths)),
                                line[3]]) for line in lines)


def starred(name: str) -> str:
    """A tensor's name, whatever its indices."""
    return re.sub(r'\b\d+\b', '*', name)


def export(args: argparse.Namespace) -> None:
    from mimco_mm.checkpoints import TARGETS, prepare_export
    target = TARGETS[args.to]
    check_options(args, target)
    prepared = prepare_export(args.checkpoint, args.to, args.heads)
    architecture = prepared.architecture
    print(f'{args.checkpoint} (sha256 {prepared.sha256[:12]}): {prepared.source.release}, '
          f'{prepared.source.naming.name}\n{architecture}\n\n{table(prepared.moves)}')
    if prepared.left_out:
        counts = Counter(map(starred, prepared.left_out))
        print('left out:', ', '.join(name + f' ({count})' * (count > 1)
                                     for name, count in counts.items()))
    card, unknown = card_of(args, target, prepared) if target.is_folder(args.out) else (None, '')
    if not args.dry_run:
        target.save(args.out, prepared.state, architecture, card)
    written = ('Nothing written (--dry-run). It would be loaded by:' if args.dry_run else
               f'Written to {args.out}. To load it:')
    print('', *filter(None, [target.caution(architecture), unknown]), written,
          f'  {target.usage(args.out, architecture)}', sep='\n')


def check_options(args: argparse.Namespace, target: Any) -> None:
    """Refuse what cannot be written, or would not be, before anything is read."""
    from mimco_mm.checkpoints import check_license
    target.check_ending(args.out)
    try:
        check_place(args, target.is_folder(args.out))
        if target.is_folder(args.out):
            target.check_folder(args.out)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise SystemExit(f'error: {args.out} cannot be written ({error.strerror})') from error
    given = [f'--{name}' for name in ('license', 'results') if getattr(args, name) is not None]
    if given and not target.is_folder(args.out):
        raise SystemExit(f'error: {" and ".join(given)}: for the model card of a folder, and '
                         f'{args.out} will be a file. Give --to transformers, or --to timm and a '
                         'name without an ending')
    if args.license is not None:
        check_license(args.license)


def card_of(args: argparse.Namespace, target: Any, prepared: Any) -> tuple[str, str]:
    """The model card, and a line on what it cannot say."""
    from mimco_mm.checkpoints import model_card, unknown_to
    from mimco_mm.tables import measured, results_folder
    folder = args.results or results_folder(args.checkpoint, prepared.sha256)
    is_wanted = args.results is not None or (folder / 'run.json').is_file()
    results = measured(folder, prepared.sha256) if is_wanted else ''
    card = model_card(prepared, target, args.checkpoint, args.license, results)
    unknown = unknown_to(prepared, args.license, results)
    return card, unknown and f'The model card, README.md, does not know {", ".join(unknown)}.'


def check_place(args: argparse.Namespace, is_folder: bool) -> None:
    is_source = args.out.is_file() and args.out.resolve() == Path(args.checkpoint).resolve()
    if is_source and args.out.suffix != '.safetensors':  # which holds weights alone
        raise SystemExit(f'error: {args.out} is what is exported, and may hold a whole run: give '
                         'another name')
    if args.out.exists() and not args.overwrite and not args.dry_run:
        raise SystemExit(f'error: {args.out} is there already: give another name, or --overwrite')
    if os.path.exists(args.out) and os.path.isdir(args.out) != is_folder:
        kind = 'a folder' if is_folder else 'a file'
        raise SystemExit(f'error: --to {args.to} writes {kind}, which {args.out} is not')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    is_new = not args.out.suffix and not os.path.isdir(args.out)
    if is_new and args.to not in ('timm', 'transformers'):
        args.out = args.out.with_name(f'{args.out.name}.pth')
    export(args)


if __name__ == '__main__':
    run_tool(main)
