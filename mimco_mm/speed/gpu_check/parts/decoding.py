"""JPEGs decoded by nvJPEG beside libjpeg-turbo, and files that neither takes."""

import time
from pathlib import Path
from typing import Iterator, List, Tuple

import torch
from torchvision.io import read_file

from ....errors import DataError
from ....models.decoding_preprocessor import DecodingDataPreprocessor, decode_on_host
from ..made_files import jpegs
from ..rows import Row, Setting, figure, judged, skipped

TURNS = 5
MEAN, MOST = 1., 24.  # of 255: nvJPEG's transform and its upsampling of colours are its own


def run(setting: Setting) -> Iterator[Row]:
    """Pixels, images a second, and a file cut short among whole ones."""
    files = jpegs(setting.folder / 'images', 2 * setting.batch_size)[:256]
    contents = [read_file(str(file)) for file in files]
    decoder = DecodingDataPreprocessor(mean=[0.], std=[1.]).to(setting.device)
    host = [decode_on_host(content, str(file)) for content, file in zip(contents, files)]
    device = decoder.decode(contents, list(map(str, files)))
    if setting.rehearsal:
        yield skipped('nvJPEG', 'it is of GPUs')
    else:
        yield pixels(host, device)
        yield judged('images that nvJPEG refuses', not decoder.refused,
                     f'{decoder.refused} of {len(files)} whole ones')
        yield speed(decoder, contents, files)
    yield cut_short(decoder, contents, files, device)


def pixels(host: List[torch.Tensor], device: List[torch.Tensor]) -> Row:
    gaps = [(one.float() - other.cpu().float()).abs() for one, other in zip(host, device)]
    mean = sum(gap.mean().item() for gap in gaps) / len(gaps)
    most = max(gap.max().item() for gap in gaps)
    return judged('pixels', mean <= MEAN and most <= MOST,
                  f'{mean:.2f} of 255 apart on average, {most:.0f} at most', mean=mean, most=most)


def speed(decoder: DecodingDataPreprocessor, contents: List[torch.Tensor],
          files: List[Path]) -> Row:
    names, rates = list(map(str, files)), []
    for _ in range(TURNS):
        torch.cuda.synchronize()
        started = time.perf_counter()
        decoder.decode(contents, names)
        torch.cuda.synchronize()
        rates.append(len(files) / (time.perf_counter() - started))
    started = time.perf_counter()
    for content, name in zip(contents, names):
        decode_on_host(content, name)
    host = len(files) / (time.perf_counter() - started)
    return figure('images a second', f'{max(rates):.0f} by nvJPEG at best, {host:.0f} by one core',
                  device=rates, host=host)


def cut_short(decoder: DecodingDataPreprocessor, contents: List[torch.Tensor], files: List[Path],
              whole: List[torch.Tensor]) -> Row:
    """The others must be decoded as before, and the bad one told by its name if it is refused."""
    bad = [content.clone() for content in contents[:4]]
    bad[1] = bad[1][:len(bad[1]) // 2]
    outcome, same = outcome_of(decoder, bad, files, whole)
    return judged('a file cut short, past the workers', same, outcome)


def outcome_of(decoder: DecodingDataPreprocessor, bad: List[torch.Tensor], files: List[Path],
               whole: List[torch.Tensor]) -> Tuple[str, bool]:
    try:
        images = decoder.decode(bad, list(map(str, files[:4])))
    except DataError as error:
        others = decoder.decode([bad[0], *bad[2:]], [str(files[row]) for row in (0, 2, 3)])
        same = all(map(torch.equal, others, [whole[row] for row in (0, 2, 3)]))
        return f'refused: {str(error).split(". ")[0]}', same and str(files[1]) in str(error)
    same = all(torch.equal(images[row], whole[row]) for row in (0, 2, 3))
    return f'decoded as far as it goes; the others {"the same" if same else "changed"}', same
