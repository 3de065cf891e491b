"""Write the backbone of a checkpoint as another library wants it.

Reads any format that the frozen teacher reads: runs of this project, official MoBY, MoCo v3,
SimMIM, Swin, DINO, iBOT and EsViT files, mmpretrain, timm and transformers.
"""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'mimco_mm').is_dir():  # in a checkout, mimco_mm need not be installed
    sys.path.insert(0, str(ROOT))

LIBRARIES = ('mmpretrain', 'mmdet', 'mmseg', 'timm', 'official', 'transformers')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='path or URL')
    parser.add_argument('out', type=Path,
                        help='what to write: a .pth file (mmpretrain, mmdet, mmseg, official), a '
                             '.safetensors file (timm), or a folder (transformers)')
    parser.add_argument('--to', required=True, choices=LIBRARIES, help='the library')
    parser.add_argument('--heads', type=int,
                        help='attention heads of a ViT, where the file does not tell')
    parser.add_argument('--dry-run', action='store_true',
                        help='show what would go where, and write nothing')
    parser.add_argument('--overwrite', action='store_true', help='replace what is there')
    return parser.parse_args(argv)


def table(moves: list) -> str:
    """What went where; tensors that differ in their indices only share a line."""
    rows = Counter()
    for move in moves:
        sources = ' + '.join(re.sub(r'\b\d+\b', '*', source) for source in move.sources)
        rows[sources, re.sub(r'\b\d+\b', '*', move.target), move.how] += 1
    lines = [('in the file', 'in the export', '', 'tensors'),
             *((*names, str(count)) for names, count in rows.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return '\n'.join('  '.join([*(cell.ljust(width) for cell, width in zip(line, widths)),
                                line[3]]) for line in lines)


def usage(library: str, architecture, out: Path) -> str:
    """How the library loads what was written."""
    from mimco_mm.checkpoints import timm_call
    if library == 'timm':
        return timm_call(architecture, str(out))
    if library == 'transformers':
        return f'transformers.AutoModel.from_pretrained({str(out)!r}, add_pooling_layer=False)'
    if library == 'official':
        return f'--pretrained {out}'
    checkpoint = f"type='Pretrained', checkpoint={str(out)!r}"
    if library == 'mmseg' and isinstance(architecture.heads, int):  # a ViT, mmseg's own
        a = architecture
        return (f"backbone=dict(type='VisionTransformer', img_size={a.image_size}, "
                f'patch_size={a.patch}, embed_dims={a.width}, num_layers={a.depth}, '
                f'num_heads={a.heads}, mlp_ratio={a.hidden // a.width}, patch_bias=True, '
                f"final_norm=True, norm_cfg=dict(type='LN', eps=1e-6), "
                f'init_cfg=dict({checkpoint}))')
    return f"init_cfg=dict({checkpoint}, prefix='backbone.')"


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if args.out.exists() and not args.overwrite and not args.dry_run:
        raise SystemExit(f'error: {args.out} is there already: give another name, or --overwrite')
    if args.out.exists() and args.out.is_dir() != (args.to == 'transformers'):
        kind = 'a folder' if args.to == 'transformers' else 'a file'
        raise SystemExit(f'error: --to {args.to} writes {kind}, which {args.out} is not')
    from mimco_mm.checkpoints import TARGETS, CheckpointError, prepare_export
    try:
        export = prepare_export(args.checkpoint, args.to, args.heads)
        print(f'{args.checkpoint} (sha256 {export.sha256[:12]}): {export.source.release}, '
              f'{export.source.naming.name}\n{export.architecture}\n\n{table(export.moves)}')
        if export.left_out:
            print(f'left out: {", ".join(export.left_out)}')
        if not args.dry_run:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            TARGETS[args.to].save(args.out, export.state, export.architecture)
    except CheckpointError as error:
        raise SystemExit(f'error: {error}') from error
    written = 'Nothing written (--dry-run)' if args.dry_run else f'Written to {args.out}'
    print(f'\n{written}. To load it:\n  {usage(args.to, export.architecture, args.out)}')


if __name__ == '__main__':
    main()
