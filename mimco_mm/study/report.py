"""Tables of the small study, from the results of its jobs."""

from statistics import mean, stdev
from typing import List, Sequence

from .comparisons import COMPARISONS, Outcome, gap
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
    """Tables of the scores for each network, of the paper's orders, and of the pairs of these."""
    networks = list(dict.fromkeys(r['network'] for r in results))
    out = []
    if size not in SIZES.values():
        numbers = ', '.join(f'{field}={number}' for field, number in size._asdict().items())
        out += [f'A trial ({numbers}): its scores say nothing of the methods.', '']
    for network in networks:
        out += [f'### {NAMES[network]}', '',
                '| method | epochs | effective epochs | seeds | '
                + ' | '.join(METRICS.values()) + ' |',
                '|---' * (4 + len(METRICS)) + '|']
        for row in ROWS:
            found = {metric: scores(results, row.name, network, metric) for metric in METRICS}
            if found['knn']:
                cells = ' | '.join(cell(values) for values in found.values())
                out.append(f'| {row.title} | {row.whole_epochs(size)} | '
                           f'{round(row.effective_epochs * size.epochs)} | '
                           f'{len(found["knn"])} | {cells} |')
        out.append('')
    if not outcomes:
        out += ['### The order of the tables', '',
                'Nothing can be compared yet: a comparison needs both methods, of two seeds or '
                'more.']
        return '\n'.join(out) + '\n'
    return '\n'.join([*out, *order_table(outcomes, networks), '', *gap_table(results, networks)]
                     ) + '\n'


def order_table(outcomes: Sequence[Outcome], networks: Sequence[str]) -> List[str]:
    """What became of the paper's orders: what is decided, by the score that was named for it."""
    out = ['### The order of the tables', '',
           '| table | better in the paper | than | paper | measured by | '
           + ' | '.join(f'{NAMES[network]}: difference, p, verdict' for network in networks) + ' |',
           '|---' * (5 + len(networks)) + '|']
    for comparison in dict.fromkeys(outcome.comparison for outcome in outcomes):
        ours = {o.network: f'{o.gap.difference:+.1f} ± {o.gap.margin:.1f}, {o.p:.2g}, {o.verdict}'
                for o in outcomes if o.comparison is comparison}
        out.append(f'| {comparison.table} | {TITLES[comparison.better]} | '
                   f'{TITLES[comparison.worse]} | {comparison.paper} (paper) | '
                   f'{METRICS[comparison.metric]} | '
                   + ' | '.join(ours.get(network, '') for network in networks) + ' |')
    return out


def gap_table(results: Sequence[dict], networks: Sequence[str]) -> List[str]:
    """The same pairs by all scores, without verdicts."""
    columns = [(network, metric) for network in networks for metric in METRICS]
    out = ['### The same pairs by every score', '',
           '| | ' + ' | '.join(f'{NAMES[network]}, {METRICS[metric]}'
                               for network, metric in columns) + ' |',
           '|---' * (1 + len(columns)) + '|']
    for better, worse in dict.fromkeys((c.better, c.worse) for c in COMPARISONS):
        found = [gap(results, network, better, worse, metric) for network, metric in columns]
        if any(found):
            cells = [f'{one.difference:+.1f} ± {one.margin:.1f}' if one else '' for one in found]
            out.append(f'| {TITLES[better]} - {TITLES[worse]} | ' + ' | '.join(cells) + ' |')
    return out


def cell(values: Sequence[float]) -> str:
    """'43.1 ± 0.4' of the seeds' mean and standard deviation; without the latter for one seed."""
    return f'{mean(values):.1f}' + (f' ± {stdev(values):.1f}' if len(values) > 1 else '')
