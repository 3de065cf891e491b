"""Tables of the small study, from the results of its jobs."""

from statistics import mean, stdev
from typing import List, Sequence

from .comparisons import Outcome, gap
from .plan import METRICS, ROWS, SIZES, Size

NAMES = dict(swin='Swin', vit='ViT')
TITLES = {row.name: row.title for row in ROWS}


def of_rows(results: Sequence[dict], size: Size) -> List[dict]:
    """The results of runs of the size's own length, in order."""
    own = {row.name: row.whole_epochs(size) for row in ROWS}
    return sorted((r for r in results if r['epochs'] == own[r['row']]),
                  key=lambda r: (r['network'], r['row'], r['seed']))


def scores(results: Sequence[dict], row: str, network: str, metric: str) -> List[float]:
    """The metric of each seed, in percent."""
    return [r[metric] for r in results if (r['row'], r['network']) == (row, network)]


def as_markdown(results: Sequence[dict], outcomes: Sequence[Outcome], size: Size) -> str:
    """For each network a table of the scores, and one of the paper's orders."""
    out = []
    if size not in SIZES.values():
        numbers = ', '.join(f'{field}={number}' for field, number in size._asdict().items())
        out += [f'A trial ({numbers}): its scores say nothing of the methods.', '']
    for network in dict.fromkeys(r['network'] for r in results):
        own = [outcome for outcome in outcomes if outcome.network == network]
        out += [f'### {NAMES[network]}', '', *score_table(results, network, size), '',
                *(order_table(results, own) if own else [
                    'Nothing can be compared yet: a comparison needs both methods, of two seeds or '
                    'more.']), '']
    return '\n'.join(out)


def score_table(results: Sequence[dict], network: str, size: Size) -> List[str]:
    """Mean and standard deviation of the seeds, of each method that is done."""
    out = ['| method | epochs | effective epochs | seeds | ' + ' | '.join(METRICS.values()) + ' |',
           '|---' * (4 + len(METRICS)) + '|']
    for row in ROWS:
        found = {metric: scores(results, row.name, network, metric) for metric in METRICS}
        if found['knn']:
            cells = ' | '.join(cell(values) for values in found.values())
            out.append(f'| {row.title} | {row.whole_epochs(size)} | '
                       f'{round(row.effective_epochs * size.epochs)} | {len(found["knn"])} | '
                       f'{cells} |')
    return out


def order_table(results: Sequence[dict], outcomes: Sequence[Outcome]) -> List[str]:
    """What became of the paper's orders on one network: the score that decides is in bold."""
    out = ['| table | better in the paper | than | paper | ' + ' | '.join(METRICS.values())
           + ' | p | verdict |', '|---' * (6 + len(METRICS)) + '|']
    for outcome in outcomes:
        table, better, worse, paper, decisive = outcome.comparison
        gaps = {metric: gap(results, outcome.network, better, worse, metric) for metric in METRICS}
        cells = {metric: f'{one.difference:+.1f} ± {one.margin:.1f}'
                 for metric, one in gaps.items()}
        cells[decisive] = f'**{cells[decisive]}**'
        out.append(f'| {table} | {TITLES[better]} | {TITLES[worse]} | {paper} (paper) | '
                   + ' | '.join(cells.values()) + f' | {outcome.p:.2g} | {outcome.verdict} |')
    return out


def cell(values: Sequence[float]) -> str:
    """'43.1 ± 0.4' of the seeds' mean and standard deviation; without the latter for one seed."""
    return f'{mean(values):.1f}' + (f' ± {stdev(values):.1f}' if len(values) > 1 else '')
