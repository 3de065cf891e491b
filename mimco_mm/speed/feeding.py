"""How fast a pipeline makes batches of files, and how well, beside mmpretrain's transforms."""

import statistics
from typing import Any, Dict, List, Sequence, Tuple

import torch

# mmpretrain's transforms in place of ours, and what names their backend.
STOCK = dict(
    LoadCodedImage=('LoadImageFromFile', 'imdecode_backend'),
    LoadRGBImage=('LoadImageFromFile', 'imdecode_backend'),
    CodedResizedCrop=('RandomResizedCrop', 'backend'),
    AntialiasedResizedCrop=('RandomResizedCrop', 'backend'),
    CodedFlip=('RandomFlip', None),
    MaskGenerator=('SimMIMMaskGenerator', None),
    PackCodedInputs=('PackInputs', None),
    PackPlanes=('PackInputs', None))


def with_stock_transforms(config: Any, backend: str) -> Any:
    """A pipeline's config, views included, with mmpretrain's own transforms in place of ours.

    Args:
        config: a transform's config, or a list of them.
        backend: that decodes and resizes, 'pillow' or 'cv2'.
    """
    if isinstance(config, (list, tuple)):
        return [with_stock_transforms(item, backend) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: with_stock_transforms(value, backend) for key, value in config.items()}
    config['type'], key = STOCK.get(config['type'], (config['type'], None))
    return {**config, key: backend} if key else config


def psnr(images: torch.Tensor, reference: torch.Tensor) -> Tuple[float, float]:
    """Decibels between images (N, ...) of uint8: of all, and of the worst; infinite where equal."""
    squares = (images.float() - reference.float()).square().flatten(1).mean(1)
    return _decibels(squares.mean()), _decibels(squares.max())


def _decibels(square: torch.Tensor) -> float:
    return float(10 * torch.log10(255**2 / square))


def feeding_table(seconds: Dict[str, Sequence[float]], references: Dict[str, str], decoding: str,
                  quality: Dict[str, Tuple[float, float]]) -> List[Dict[str, Any]]:
    """Rows of medians and ratios.

    Args:
        seconds: row -> seconds an image in each round; rounds took turns over all rows.
        references: row -> the row that its speed is compared with.
        decoding: the row of decoding alone.
        quality: row -> ``psnr``.

    Returns:
        Dicts of ``row``, ``images_per_s`` with its ``slowest`` and ``fastest`` round, ``ms`` an
        image, ``decodings``: time in units of decoding alone, and, where there is a reference,
        ``speedup`` over it; ``psnr`` and ``worst_psnr`` in dB. Ratios are medians over the rounds.
    """
    rows = []
    for name, times in seconds.items():
        row = dict(row=name, images_per_s=1 / statistics.median(times), slowest=1 / max(times),
                   fastest=1 / min(times), ms=1e3 * statistics.median(times),
                   decodings=_ratio(times, seconds[decoding]))
        if name in references:
            row['speedup'] = _ratio(seconds[references[name]], times)
        if name in quality:
            row['psnr'], row['worst_psnr'] = quality[name]
        rows.append(row)
    return rows


def _ratio(times: Sequence[float], others: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(times, others))


def feeding_markdown(rows: Sequence[Dict[str, Any]]) -> str:
    """The rows of ``feeding_table`` as a Markdown table."""
    lines = ['| | images/s a core (range) | ms an image | of decoding | speed-up | '
             'PSNR (worst), dB |', '|---|---|---|---|---|---|']
    for row in rows:
        speedup = f'{row["speedup"]:.2f}' if 'speedup' in row else ''
        quality = f'{row["psnr"]:.1f} ({row["worst_psnr"]:.1f})' if 'psnr' in row else ''
        lines.append(f'| {row["row"]} | {row["images_per_s"]:.0f} ({row["slowest"]:.0f} to '
                     f'{row["fastest"]:.0f}) | {row["ms"]:.3f} | {row["decodings"]:.2f} | '
                     f'{speedup} | {quality} |')
    return '\n'.join(lines)
