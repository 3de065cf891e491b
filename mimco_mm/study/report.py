"""Tables and plots of the small study, from the results of its jobs."""

from statistics import mean, stdev
from typing import Dict, List, Sequence, Tuple

from matplotlib.figure import Figure

from .comparisons import Outcome
from .plan import METRICS, ROWS, Size

NAMES = dict(swin='Swin', vit='ViT')
TITLES = {row.name: row.title for row in ROWS}
VERDICTS = {'same order': 'tab:green', 'other order': 'tab:red', 'undecided': 'tab:grey'}


def scores(results: Sequence[dict], row: str, network: str, metric: str) -> List[float]:
    """The metric of each seed, in percent."""
    return [r[metric] for r in results if (r['row'], r['network']) == (row, network)]


def as_markdown(results: Sequence[dict], outcomes: Sequence[Outcome], size: Size) -> str:
    """A table of the scores for each network, and one of the paper's orders."""
    networks = list(dict.fromkeys(r['network'] for r in results))
    out = []
    for network in networks:
        out += [f'### {NAMES[network]}', '',
                '| method | epochs | effective epochs | ' + ' | '.join(METRICS.values()) + ' |',
                '|---' * (3 + len(METRICS)) + '|']
        for row in ROWS:
            found = {metric: scores(results, row.name, network, metric) for metric in METRICS}
            if found['knn']:
                cells = ' | '.join(cell(values) for values in found.values())
                out.append(f'| {row.title} | {int(row.epochs * size.epochs)} | '
                           f'{int(row.effective_epochs * size.epochs)} | {cells} |')
        out.append('')
    out += ['### The order of the tables', '',
            '| table | better in the paper | than | paper | measured by | '
            + ' | '.join(f'{NAMES[network]}: difference, verdict' for network in networks) + ' |',
            '|---' * (5 + len(networks)) + '|']
    for comparison in dict.fromkeys(outcome.comparison for outcome in outcomes):
        ours = {o.network: f'{o.difference:+.1f} ± {o.margin:.1f}, {o.verdict}'
                for o in outcomes if o.comparison is comparison}
        out.append(f'| {comparison.table} | {TITLES[comparison.better]} | '
                   f'{TITLES[comparison.worse]} | {comparison.paper} (paper) | '
                   f'{METRICS[comparison.metric]} | '
                   + ' | '.join(ours.get(network, '') for network in networks) + ' |')
    return '\n'.join(out) + '\n'


def cell(values: Sequence[float]) -> str:
    """'43.1 ± 0.4' of the seeds' mean and standard deviation; without the latter for one seed."""
    return f'{mean(values):.1f}' + (f' ± {stdev(values):.1f}' if len(values) > 1 else '')


def plot_scores(results: Sequence[dict]) -> Figure:
    """A panel for each network and metric: the mean of each method as a mark, its seeds as dots."""
    networks = list(dict.fromkeys(r['network'] for r in results))
    rows = [row for row in ROWS if any(r['row'] == row.name for r in results)]
    figure = Figure(figsize=(11, 0.6 + 3.2 * len(networks)), layout='constrained')
    axes = figure.subplots(len(networks), len(METRICS), squeeze=False, sharey=True)
    for network, line in zip(networks, axes):
        for (metric, title), axis in zip(METRICS.items(), line):
            found = [scores(results, row.name, network, metric) for row in rows]
            for place, (row, values) in enumerate(zip(rows, found)):
                colour = 'tab:blue' if row.name == 'mimco' else 'dimgrey'
                axis.plot(values, [place] * len(values), '.', color=colour, alpha=0.6)
                axis.plot([mean(values)] if values else [], [place] if values else [], '|',
                          color=colour, markersize=16, markeredgewidth=2.5)
            axis.grid(alpha=0.3)
            axis.set_title(f'{NAMES[network]}: {title}', fontsize=10)
            axis.set_xlabel('top-1, %', fontsize=9)
        line[0].set_yticks(range(len(rows)), [row.title for row in rows], fontsize=9)
    axes[0, 0].invert_yaxis()  # of all panels
    return figure


def plot_order(outcomes: Sequence[Outcome]) -> Figure:
    """The paper's comparisons: our difference and its 95 % interval, on the paper's side or not."""
    networks = list(dict.fromkeys(outcome.network for outcome in outcomes))
    comparisons = list(dict.fromkeys(outcome.comparison for outcome in outcomes))
    figure = Figure(figsize=(10, 1.6 + 0.36 * len(comparisons)), layout='constrained')
    axes = figure.subplots(1, len(networks), squeeze=False, sharex=True, sharey=True)[0]
    for network, axis in zip(networks, axes):
        drawn: Dict[str, Tuple[List[float], ...]] = {}
        for outcome in outcomes:
            if outcome.network == network:
                points = drawn.setdefault(outcome.verdict, ([], [], []))
                for values, value in zip(points, (outcome.difference, outcome.margin,
                                                  comparisons.index(outcome.comparison))):
                    values.append(value)
        for verdict, (x, margins, y) in drawn.items():
            axis.errorbar(x, y, xerr=margins, fmt='o', color=VERDICTS[verdict], capsize=3)
        axis.axvline(0, color='black', linewidth=0.8)
        axis.set_title(NAMES[network], fontsize=10)
        axis.set_xlabel('difference in points; right of 0: as in the paper', fontsize=9)
        axis.grid(axis='x', alpha=0.3)
    axes[0].set_yticks(range(len(comparisons)), [
        f'Table {c.table}: {TITLES[c.better]} > {TITLES[c.worse]} ({METRICS[c.metric]})'
        for c in comparisons], fontsize=8)
    axes[0].invert_yaxis()
    handles = [axes[0].plot([], [], 'o', color=colour, label=verdict)[0]
               for verdict, colour in VERDICTS.items()]
    figure.legend(handles=handles, loc='outside lower center', ncols=3, fontsize=9)
    return figure
