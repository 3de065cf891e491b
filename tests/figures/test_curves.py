"""The log of a run: how its parts become one, and where its values come out in the picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from mimco_mm.figures.curves import moving_mean, panels_of, plot_curves, plot_runs
from mimco_mm.tables.scalars import epoch_length, read_scalars

from ..tables.support import assert_apart


def write_log(work_dir: Path, start: str, *lines: dict, end: str = '\n') -> Path:
    file = work_dir / start / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('\n'.join(json.dumps(line) for line in lines) + end)
    return work_dir


def train_line(step: int, loss: float, epoch: int = 1, **others: float) -> dict:
    return dict(loss=loss, lr=1e-3, time=0.1, data_time=0., epoch=epoch, iter=step, step=step,
                **others)


# Reading


def test_read__a_resumed_run_is_one_run(tmp_path):
    write_log(tmp_path, '20260101_000000', *(train_line(step, step) for step in (1, 2, 3, 4)))
    write_log(tmp_path, '20260102_000000', train_line(3, 30.), train_line(5, 50.))
    # step 4 was lost with the weights that it was of
    assert [(line['step'], line['loss']) for line in read_scalars(tmp_path)] == [
        (1, 1), (2, 2), (3, 30), (5, 50)]


def test_read__knn_joins_its_step_and_validation_stays_out(tmp_path):
    write_log(tmp_path, '20260101_000000', train_line(10, 1.), {'knn/top1': 30., 'step': 10},
              {'knn/top1': 40., 'step': 15}, {'accuracy/top1': 5., 'time': 0.1, 'step': 1})
    read = read_scalars(tmp_path)
    assert [line['step'] for line in read] == [10, 15]
    assert [line['knn/top1'] for line in read] == [30, 40]
    assert read[0]['loss'] == 1 and 'loss' not in read[1]


def test_read__a_line_that_is_not_finished_is_left_out(tmp_path):
    write_log(tmp_path, '20260101_000000', train_line(1, 1.), train_line(2, 2.), end='\n{"loss": 3')
    assert [line['step'] for line in read_scalars(tmp_path)] == [1, 2]


@pytest.mark.parametrize('line', [
    b'{"loss": 3.0, "st', b'{"loss": 1.0, "step": 2}{"loss": 1.0, "step": 3}', b'\0' * 40,
    b'\xff\xfe{"loss": 1.0}', b'[1, 2]', b'null', b'', b'{"loss": 1.0}',
    b'{"loss": 1.0, "step": null}', b'{"loss": "high", "step": 2}'])
def test_read__a_damaged_line_is_left_out_and_told(tmp_path, line):
    write_log(tmp_path, '20260101_000000', train_line(1, 1.))
    file = tmp_path / '20260101_000000/vis_data/scalars.json'
    whole = file.read_bytes()
    file.write_bytes(whole + line + b'\n' + json.dumps(train_line(3, 3.)).encode() + b'\n')
    damaged: list = []
    assert [line['step'] for line in read_scalars(tmp_path, damaged)] == [1, 3]
    assert damaged == [f'{file}, line 2']
    assert [line['step'] for line in read_scalars(tmp_path)] == [1, 3]


def test_read__not_a_number_is_a_value(tmp_path):
    write_log(tmp_path, '20260101_000000', train_line(1, float('nan')), train_line(2, 2.))
    damaged: list = []
    assert len(read_scalars(tmp_path, damaged)) == 2 and damaged == []


def test_read__a_folder_without_a_run_gives_nothing(tmp_path):
    assert read_scalars(tmp_path) == []


def test_epoch_length__of_a_log_that_has_not_the_last_step_of_an_epoch():
    lines = [train_line(25 * epoch + step, 1., epoch + 1) for epoch in (0, 1, 3) for step in
             (10, 20)]
    assert epoch_length([*lines, {'knn/top1': 1., 'step': 100}]) == 25
    with pytest.raises(ValueError, match='from the second one on'):
        epoch_length(lines[:2])


# Drawing


@pytest.fixture
def runs() -> dict:
    rng = np.random.default_rng(0)
    one = [train_line(step, float(rng.random()), 1 + (step > 50), **{
        'health/patch_positive_logit': step / 10, 'health/patch_negative_logit': -step / 10,
        'health/rankme': 3.}) for step in range(1, 101)]
    two = [train_line(step, 2., 1 + (step > 50), momentum=0.99) for step in range(1, 101)]
    two += [{'knn/top1': 12.5, 'step': 100}]
    return dict(one=one, two=two)


def drawn(figure, panel: str) -> list:
    """(x, y, colour, opacity, style) of the lines with values in a panel."""
    axis = next(axis for axis in figure.axes if axis.get_title().startswith(panel))
    return [(line.get_xdata(), line.get_ydata(), to_hex(line.get_color()), line.get_alpha(),
             line.get_linestyle()) for line in axis.lines if len(line.get_xdata())]


def test_panels__in_the_order_in_which_to_look(runs):
    assert list(panels_of(runs)) == [
        'loss', 'lr', 'momentum', 'health/patch_logits', 'health/rankme', 'knn/top1']
    titles = [axis.get_title() for axis in plot_curves(runs).axes]
    assert len(titles) == 6 and titles[3] == 'health/patch_logits, negative dashed'


def test_curves__faint_values_and_their_moving_mean_in_the_runs_colour(runs):
    figure = plot_curves(runs, window=5)
    faint, bold, *other = drawn(figure, 'loss')
    values = np.array([line['loss'] for line in runs['one']])
    np.testing.assert_array_equal(faint[0], np.arange(1, 101))
    np.testing.assert_array_equal(faint[1], values)
    np.testing.assert_allclose(bold[1], [
        values[max(0, i - 2):i + 3].mean() for i in range(100)])
    assert faint[3] < 0.5 and bold[3] is None and faint[2] == bold[2] == to_hex('C0')
    assert len(other) == 2 and {line[2] for line in other} == {to_hex('C1')}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['one', 'two']


def test_curves__each_run_only_where_it_has_logged(runs):
    figure = plot_curves(runs)
    assert {line[2] for line in drawn(figure, 'health/rankme')} == {to_hex('C0')}
    (steps, values, *_), _ = drawn(figure, 'knn/top1')
    assert (steps.tolist(), values.tolist()) == ([100], [12.5])


def test_curves__what_was_measured_once_is_drawn_once():
    health = {1: (0., 0.5), 3: (0., 0.6), 5: (0.1, 0.7)}  # in every second step
    run = [train_line(step, 1., **{'health/accuracy': health[step - 1 + step % 2][0],
                                   'health/feature_std': health[step - 1 + step % 2][1]})
           for step in range(1, 7)]
    figure = plot_curves(dict(run=run))
    for panel, place in (('health/accuracy', 0), ('health/feature_std', 1)):
        steps, values, *_ = drawn(figure, panel)[0]
        assert dict(zip(steps, values)) == {step: each[place] for step, each in health.items()}
    assert len(drawn(figure, 'loss')[0][0]) == 6


def test_curves__both_logits_stand_in_one_panel(runs):
    lines = drawn(plot_curves(runs), 'health/patch_logits')
    for style, sign in (('-', 1), ('--', -1)):
        faint = next(line for line in lines if line[4] == style and line[3])
        np.testing.assert_allclose(faint[1], sign * np.arange(1, 101) / 10)


def test_curves__over_epochs(runs):
    figure = plot_curves(runs, x='epoch')
    assert drawn(figure, 'lr')[0][0][[0, -1]].tolist() == [1 / 50, 2]
    assert figure._supxlabel.get_text() == 'epoch'
    with pytest.raises(ValueError, match='from the second one on'):
        plot_curves(dict(short=runs['one'][:50]), x='epoch')


@pytest.mark.parametrize('x', ['iteration', 'epoch'])
@pytest.mark.parametrize('count', [1, 2, 4, 7, 100])
def test_curves__ticks_are_whole(count, x):
    run = [train_line(step, 1., 1 + step // 2) for step in range(1, count + 1)]
    if x == 'epoch' and count == 1:
        return  # the length of an epoch does not show
    for axis in plot_curves(dict(run=run), x).axes:
        low, high = axis.get_xlim()
        ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
        assert ticks and all(tick == round(tick) for tick in ticks)


def test_curves__values_that_are_not_finite_are_left_out_and_counted():
    run = [train_line(step, 1. / step, grad_norm=float('nan'), momentum=0.9) for step in (1, 2, 3)]
    run[1]['momentum'] = float('inf')
    figure = plot_curves(dict(run=run), window=3)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ['loss', 'lr', 'momentum, 1 not finite', 'grad_norm, 3 not finite']
    (steps, values, *_), (_, means, *_) = drawn(figure, 'momentum')
    assert (steps.tolist(), values.tolist()) == ([1, 3], [0.9, 0.9])
    np.testing.assert_allclose(means, 0.9)
    empty = figure.axes[3]
    assert not drawn(figure, 'grad_norm')
    assert [text.get_text() for text in empty.texts] == ['no finite value was logged']


def test_curves__many_runs_have_a_colour_each(runs):
    figure = plot_curves({f'run {number}': runs['one'] for number in range(13)})
    colours = [to_hex(line.get_color()) for line in figure.legends[0].legend_handles]
    assert len(set(colours)) == 13


@pytest.mark.parametrize('titles', [
    ['work_dirs/a/' + 'run_' * 30], [f'/data/runs/of/this/week/{n}' * 2 for n in range(5)]])
def test_curves__long_titles_stay_in_the_picture(titles):
    run = [dict(loss=1., epoch=1, step=step) for step in (1, 2)]
    figure = plot_curves({title: run for title in titles})
    assert_apart(figure, [figure.axes[0], *figure.legends, figure._supxlabel,
                          *filter(None, [figure._suptitle])])


def test_curves__one_run_is_named_by_the_title(runs):
    figure = plot_curves(dict(one=runs['one']))
    assert figure._suptitle.get_text() == 'one' and not figure.legends


@pytest.mark.parametrize('window', [1, 3, 7, 99])
def test_moving_mean__is_that_of_the_neighbours_that_there_are(window):
    values, half = np.random.default_rng(0).random(9), min(window, 9) // 2
    np.testing.assert_allclose(moving_mean(values, window), [
        values[max(0, i - half):i + half + 1].mean() for i in range(9)])


def test_runs__losses_go_from_the_first_to_the_end(runs):
    figure = plot_runs(dict(one=runs['one'], two=runs['two']), dict(one=50., two=60.))
    left, right = figure.axes
    for line, title in zip(left.lines, runs):
        losses = [row['loss'] for row in runs[title] if 'loss' in row]
        np.testing.assert_allclose(line.get_xdata()[[0, -1]], [0.01, 1])
        np.testing.assert_allclose(line.get_ydata(), np.array(losses) / losses[0])
    assert [bar.get_height() for bar in right.patches] == [50, 60]
