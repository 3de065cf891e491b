"""Figure 3 of the paper: t-SNE of the features of some classes, for one checkpoint or several.

Under each panel stands what the picture illustrates, measured on the features themselves:
leave-one-out k-NN accuracy and silhouette. Settings, numbers and points go into a JSON file of the
picture's name. Networks are built from the checkpoints alone, of any format that is known.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from command_line import Parser, run_tool


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument('checkpoints', nargs='+', metavar='[TITLE=]CHECKPOINT',
                        help='path or URL, and what its panel is called')
    parser.add_argument('--data', type=Path, default=Path('data/imagenet/val'), metavar='FOLDER',
                        help='folder of CLASS folders with images (default: %(default)s)')
    parser.add_argument('--classes', nargs='+', metavar='CLASS',
                        help='their folders (default: random ones)')
    parser.add_argument('--num-classes', type=int, default=10, metavar='N',
                        help='how many random ones (default: %(default)s, as in the paper)')
    parser.add_argument('--images-per-class', type=int, default=50, metavar='N',
                        help='random ones of each class at most (default: %(default)s)')
    parser.add_argument('--names', type=Path, metavar='FILE',
                        help='lines FOLDER NAME for the legend, e.g. LOC_synset_mapping.txt')
    parser.add_argument('--img-size', type=int, metavar='PX',
                        help='side of the images (default: of each network, e.g. 224)')
    parser.add_argument('--k', type=int,
                        help='neighbours of the k-NN accuracy (default: 20, or as many as the '
                             'smallest class has other images)')
    parser.add_argument('--perplexity', type=float,
                        help='of t-SNE (default: 30, or a third of the images)')
    parser.add_argument('--seed', type=int, default=0,
                        help='of classes, images and t-SNE (default: %(default)s)')
    parser.add_argument('--heads', nargs='+', default=[], metavar='TITLE=N',
                        help='attention heads of ViTs whose files do not tell')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--num-workers', type=int, default=4, help='processes that decode images')
    parser.add_argument('--out', type=Path, metavar='FILE',
                        default=Path('work_dirs/figures/tsne.png'),
                        help='picture, PNG, SVG or PDF by its suffix (default: %(default)s)')
    args = parser.parse_args(argv)
    for name in ('num_classes', 'images_per_class', 'k', 'perplexity', 'batch_size'):
        value = getattr(args, name)
        if value is not None and value <= 0:
            parser.error(f'--{name.replace("_", "-")} expects a number above 0, got {value:g}')
    return args


def embed_all(args: argparse.Namespace, backbones: dict, images: dict, broken: dict) -> tuple:
    """Title -> embedding, and title -> labels of the images that could be read."""
    import numpy as np

    from mimco_mm.datasets import image_loader
    from mimco_mm.evaluation import feature_maps
    from mimco_mm.evaluation.features import pooled
    from mimco_mm.figures import embed
    paths = [path for found in images.values() for path in found]
    truth = np.repeat(np.arange(len(images)), [len(found) for found in images.values()])
    embeddings, labels = {}, {}
    for title, backbone in backbones.items():
        print(f'{title}: features of {len(paths)} images of {backbone.img_size} px')
        loader = image_loader(paths, backbone.img_size, args.batch_size, args.num_workers)
        batches = [(rows, pooled(maps[title]).cpu()) for rows, maps in feature_maps(
            {title: backbone.network}, loader, broken)]
        rows, features = (np.concatenate(part) for part in zip(*batches)) if batches else (
            np.empty(0, int), np.empty((0, 1)))
        labels[title] = truth[rows]
        embeddings[title] = embed(features, labels[title], args.k, args.perplexity, args.seed)
    return embeddings, labels


def run(args: argparse.Namespace) -> None:
    import numpy as np

    from mimco_mm.datasets import sample_classes
    from mimco_mm.evaluation import load_titled_backbones
    from mimco_mm.figures import (
        check_counts,
        fit_to_counts,
        picture_file,
        plot_tsne,
        read_class_names,
    )
    from mimco_mm.records import skipped, write_record
    started = time.time()
    out = picture_file(args.out)
    names = read_class_names(args.names) if args.names else {}
    images = sample_classes(args.data, args.classes, args.num_classes, args.images_per_class,
                            args.seed)
    counts = [len(paths) for paths in images.values()]
    args.k, args.perplexity = fit_to_counts(counts, args.k, args.perplexity)
    print(f'{sum(counts)} images of {len(counts)} classes, {min(counts)} to {max(counts)} of each: '
          f'k {args.k}, perplexity {args.perplexity:g}')
    if args.k >= min(counts):
        print(f'k {args.k} is more than the {min(counts) - 1} other images of the smallest class: '
              'the others that vote are of other classes')
    # before the networks are loaded, and again for the images that could be read
    check_counts(np.repeat(np.arange(len(counts)), counts), args.k, args.perplexity)
    backbones = load_titled_backbones(args.checkpoints, args.heads, args.img_size)
    for title, backbone in backbones.items():
        print(f'{title}: {backbone.report}')
    broken: dict[str, str] = {}
    embeddings, labels = embed_all(args, backbones, images, broken)
    print(skipped(broken))
    plot_tsne(embeddings, labels, [names.get(name, name) for name in images], args.k).savefig(
        out, dpi=200)
    record = write_record(
        out,
        settings=vars(args),
        classes={name: dict(name=names.get(name, name), images=paths)
                 for name, paths in images.items()},
        broken=broken,
        models={title: dict(
            checkpoint=dataclasses.asdict(backbones[title].report),
            img_size=backbones[title].img_size,
            knn_accuracy=embedding.knn,
            silhouette=embedding.silhouette,
            points=embedding.points.tolist(),
            labels=labels[title].tolist()) for title, embedding in embeddings.items()},
        seconds=round(time.time() - started, 1))
    width = max(map(len, embeddings))
    print(f'{"":{width}}{f"{args.k}-NN, %":>12}{"silhouette":>12}')
    for title, embedding in embeddings.items():
        print(f'{title:{width}}{embedding.knn:12.2f}{embedding.silhouette:12.3f}')
    print(f'The picture is {out}, its numbers and settings are in {record}')


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    from mimco_mm.checkpoints import CheckpointError
    from mimco_mm.datasets import LabelError
    try:
        run(args)
    except (CheckpointError, LabelError, OSError, ValueError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    run_tool(main)
