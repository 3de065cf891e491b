"""Figure 2: the paper's points stand where Table 1 has them, own ones where they were measured."""

import json

import pytest
from matplotlib.colors import to_hex

from mimco_mm.figures import own_points, paper_points, plot_efficiency, points_table
from mimco_mm.tables.results import read_results, read_run
from tests.tables import suites

from ..tables.support import assert_apart

ALL = ['swin-t', 'swin-b', 'vit-s', 'vit-b']

RUN = dict(checkpoint='backbone_epoch_100.pth', sha256='0' * 64, network='vit-s', method='MimCo',
           epochs=100, effective_epochs=700, seed=0)


@pytest.fixture
def suite(tmp_path):
    """A function that writes a suite's work dir; returns what is read from it."""

    def write(top1=82.3, length=300, start=RUN['sha256'], **changed):
        (tmp_path / 'run.json').write_text(json.dumps({**RUN, **changed}))
        if top1 is not None:
            file = tmp_path / 'imagenet' / '2026' / 'vis_data' / 'scalars.json'
            file.parent.mkdir(parents=True)
            file.write_text(''.join(json.dumps({'accuracy/top1': value, 'step': step}) + '\n'
                                    for step, value in enumerate((top1 + 1, top1), 299)))
            suites.write_data_record(tmp_path / 'imagenet', suites.IMAGENET, length, start)
        return read_run(tmp_path), read_results(tmp_path)

    return write


def looks(figure) -> set:
    """(marker, colour) of all methods in the legend."""
    return {(handle.get_marker(), to_hex(handle.get_color()))
            for handle in figure.legends[0].legend_handles}


def lines(axis) -> dict:
    """Label -> line, of all that have one."""
    return {line.get_label(): line for line in axis.lines}


@pytest.mark.parametrize('network, supervised, mimco', [
    ('swin-t', 81.2, [81.7, 81.9]), ('swin-b', 83.5, [84.0, 84.3]),
    ('vit-s', 79.9, [82.5, 82.7]), ('vit-b', 81.8, [83.7, 83.9])])
def test_paper__points_are_those_of_table_1(network, supervised, mimco):
    axis, = plot_efficiency(paper_points([network])).axes
    found = lines(axis)
    assert list(found['MimCo, paper'].get_xdata()) == [700, 900]
    assert list(found['MimCo, paper'].get_ydata()) == mimco
    assert found['MimCo, paper'].get_linestyle() == '-'
    assert found['MimCo, paper'].get_markerfacecolor() == 'none'
    assert set(found['Sup., paper'].get_ydata()) == {supervised}
    low, high = axis.get_xlim()
    for point in paper_points([network]):
        assert low <= (point.effective_epochs or 0) < high


def test_paper__vit_s_has_the_methods_of_figure_2():
    axis, = plot_efficiency(paper_points(['vit-s'])).axes
    points = {label: (list(line.get_xdata()), list(line.get_ydata()))
              for label, line in lines(axis).items() if label != 'Sup., paper'}
    assert points == {
        'BEiT, paper': ([800], [81.4]), 'DINO, paper': ([3200], [82.0]),
        'iBOT, paper': ([3200], [82.3]), 'MoCo v3, paper': ([600], [81.4]),
        'MimCo, paper': ([700, 900], [82.5, 82.7])}


def test_own__is_filled_beside_the_hollow_ones_of_the_paper(suite):
    own = own_points(*suite(), ['vit-s'])
    assert [point[:5] for point in own] == [('vit-s', 'MimCo', 100, 700, 82.3)]
    figure = plot_efficiency([*paper_points(['vit-s']), *own])
    found = lines(figure.axes[0])
    line = found['MimCo, own']
    assert (line.get_xdata(), line.get_ydata()) == ([700], [82.3])
    assert line.get_linestyle() == 'None' and line.get_markerfacecolor() != 'none'
    assert to_hex(line.get_markerfacecolor()) == to_hex(found['MimCo, paper'].get_color())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == 'Sup., paper' and labels[-1] == 'MimCo, own' and len(labels) == 7


def test_own__methods_of_the_users_are_drawn_too(suite):
    own = own_points(*suite(method='Mine', effective_epochs=50), ['vit-s'])
    own += [own[0]._replace(method=f'Other {number}') for number in range(11)]
    figure = plot_efficiency([*paper_points(ALL), *own])
    found = lines(figure.axes[ALL.index('vit-s')])
    assert found['Mine, own'].get_xdata() == [50]
    assert len(looks(figure)) == 9 + 12  # of Table 1, of one's own


def test_each_method__has_a_marker_and_colour_of_its_own():
    figure = plot_efficiency(paper_points(ALL))
    drawn = looks(figure)
    assert len(drawn) == 8 + 1 and len({colour for _, colour in drawn}) == 9  # and of labels alone
    assert len({marker for marker, _ in drawn}) == 9


def test_points_at_one_place__are_told_apart_by_their_sizes():
    places = {}
    for axis in plot_efficiency(paper_points(ALL)).axes:
        for label, line in lines(axis).items():
            if not label.startswith('Sup.'):
                for place in zip(line.get_xdata(), line.get_ydata()):
                    places.setdefault((axis.get_title(), *place), []).append(line.get_markersize())
    assert places['ViT-B/16', 1600, 83.6] == [8, 13]  # DINO and MAE
    assert all(len(set(sizes)) == len(sizes) for sizes in places.values())


def test_legend__of_a_long_name_leaves_room_for_the_panel(suite):
    name = 'The method that we tried last, with another schedule'
    own = own_points(*suite(method=name), ['vit-s'])
    figure = plot_efficiency([*paper_points(['vit-s']), *own])
    assert_apart(figure, [figure.axes[0], figure.legends[0]])
    assert figure.axes[0].get_window_extent().width > 0.45 * figure.bbox.width


@pytest.mark.parametrize('changed, message', [
    (dict(network='swin-t'), 'it is of swin-t, not of vit-s'),
    (dict(effective_epochs=None), 'its effective epochs are not known'),
    (dict(top1=None), 'no result on ImageNet; --suite imagenet'),
    (dict(length=301), "cannot stand beside the paper's: 301 epochs, not 300"),
    (dict(start='1' * 64), 'another checkpoint than its run.json'),
])
def test_own__what_cannot_be_drawn_says_why(suite, changed, message):
    with pytest.raises(ValueError, match=message):
        own_points(*suite(**changed), ['vit-s'])


def test_all_networks__have_a_panel_each(suite):
    own = own_points(*suite(), ['swin-t', 'vit-s'])
    figure = plot_efficiency([*paper_points(['swin-t', 'swin-b', 'vit-s', 'vit-b']), *own])
    assert [axis.get_title() for axis in figure.axes] == ['Swin-T', 'Swin-B', 'ViT-S/16',
                                                          'ViT-B/16']
    assert ['MimCo, own' in lines(axis) for axis in figure.axes] == [False, False, True, False]


def test_table__has_a_row_for_each_point(suite):
    own = own_points(*suite(), ['vit-s'])
    rows = [line.split() for line in points_table([*paper_points(['vit-s']), *own]).splitlines()]
    assert len(rows) == 1 + 7 + 1
    assert ['vit-s', 'Sup.', '-', '-', '79.90', 'paper'] in rows
    assert ['vit-s', 'MimCo', '300', '900', '82.70', 'paper'] in rows
    assert rows[-1][:5] == ['vit-s', 'MimCo', '100', '700', '82.30']
    assert rows[-1][5].endswith('scalars.json')
