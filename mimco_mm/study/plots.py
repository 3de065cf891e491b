"""Plots of the small study, from the results of its jobs."""

from statistics import mean, stdev
from typing import Dict, List, Sequence, Tuple

from matplotlib.figure import Figure

from .comparisons import VERDICTS, Outcome
from .plan import LENGTH_ROWS, LONG_SIMMIM, METRICS, ROWS, TEACHER, Size
from .report import NAMES, TITLES, scores

COLOURS = dict(zip(VERDICTS, ('tab:green', 'tab:red', 'tab:grey')))


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
                for values, value in zip(points, (outcome.gap.difference, outcome.gap.margin,
                                                  comparisons.index(outcome.comparison))):
                    values.append(value)
        for verdict, (x, margins, y) in drawn.items():
            axis.errorbar(x, y, xerr=margins, fmt='o', color=COLOURS[verdict], capsize=3)
        axis.axvline(0, color='black', linewidth=0.8)
        axis.set_title(NAMES[network], fontsize=10)
        axis.set_xlabel('difference in points; right of 0: as in the paper', fontsize=9)
        axis.grid(axis='x', alpha=0.3)
    axes[0].set_yticks(range(len(comparisons)), [
        f'Table {c.table}: {TITLES[c.better]} > {TITLES[c.worse]} ({METRICS[c.metric]})'
        for c in comparisons], fontsize=8)
    axes[0].invert_yaxis()
    handles = [axes[0].plot([], [], 'o', color=colour, label=verdict)[0]
               for verdict, colour in COLOURS.items()]
    figure.legend(handles=handles, loc='outside lower center', ncols=3, fontsize=9)
    return figure


def plot_lengths(results: Sequence[dict], size: Size) -> Figure:
    """A line of each row's mean over the epochs of stage 2, its seeds as dots.

    The teacher, and SimMIM of as many effective epochs as MimCo of the size's own length has, are
    level lines; bands are a standard deviation of the seeds.

    Args:
        results: of the jobs of ``length_jobs``, maybe among others.
        size: theirs.
    """
    networks = list(dict.fromkeys(r['network'] for r in results))
    figure = Figure(figsize=(11, 0.8 + 3.4 * len(networks)), layout='constrained')
    axes = figure.subplots(len(networks), len(METRICS), squeeze=False)
    for network, line in zip(networks, axes):
        for (metric, title), axis in zip(METRICS.items(), line):
            for name in LENGTH_ROWS:
                found: Dict[int, List[float]] = {}
                for r in results:
                    if (r['row'], r['network']) == (name, network):
                        found.setdefault(r['epochs'], []).append(r[metric])
                lengths = sorted(found)
                colour = axis.plot(lengths, [mean(found[length]) for length in lengths], '-',
                                   label=TITLES[name])[0].get_color()
                for length in lengths:
                    axis.plot([length] * len(found[length]), found[length], '.', color=colour)
            for row, colour in ((TEACHER, 'black'), (LONG_SIMMIM, 'tab:grey')):
                values = scores(results, row.name, network, metric)
                if values:
                    label = f'{row.title} ({row.whole_epochs(size)} epochs)'
                    spread = stdev(values) if len(values) > 1 else 0
                    axis.axhline(mean(values), color=colour, linestyle='--', label=label)
                    axis.axhspan(mean(values) - spread, mean(values) + spread, color=colour,
                                 alpha=0.12, linewidth=0)
            axis.set_xscale('log')
            ticks = sorted({r['epochs'] for r in results if r['row'] in LENGTH_ROWS})
            axis.set_xticks(ticks, [str(tick) for tick in ticks])
            axis.minorticks_off()
            axis.grid(alpha=0.3)
            axis.set_title(f'{NAMES[network]}: {title}', fontsize=10)
            axis.set_xlabel('epochs of stage 2', fontsize=9)
            axis.set_ylabel('top-1, %', fontsize=9)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=3, fontsize=9)
    return figure
