"""The report: what was logged, beside the paper's figure; what was not run says so."""

import json

import pytest
from matplotlib.colors import to_hex
from mmengine.config import Config

from mimco_mm.figures.report_plot import plot_report
from mimco_mm.records import RecordError
from mimco_mm.tables import comparable
from mimco_mm.tables.report import as_markdown, lines_of, run_labels
from mimco_mm.tables.results import read_results, read_run
from tests.configs.support import CONFIGS
from tests.tables import suites
from tests.tables.suites import write_log

RUN = dict(checkpoint='work_dirs/a/backbone_epoch_100.pth', sha256='0123456789abcdef' * 4,
           network='swin-t', method='MimCo', epochs=100, effective_epochs=700, seed=0)


@pytest.fixture
def suite(tmp_path):
    (tmp_path / 'run.json').write_text(json.dumps(RUN))
    write_log(tmp_path / 'imagenet', {'loss': 6.9, 'step': 1},
              {'accuracy/top1': 81.9, 'accuracy/top5': 95., 'step': 99},
              {'accuracy/top1': 81.5, 'step': 100})
    write_log(tmp_path / 'coco', {'coco/bbox_mAP': 0.441, 'coco/segm_mAP': 0.4, 'step': 12})
    suites.write_data_record(tmp_path / 'imagenet', suites.IMAGENET, 100, RUN['sha256'])
    suites.write_data_record(tmp_path / 'coco', suites.COCO, 12, RUN['sha256'])
    retrieval = tmp_path / 'retrieval-dino'
    retrieval.mkdir()
    (retrieval / 'results.json').write_text(json.dumps(dict(results=dict(
        roxford5k=dict(images=4993, queries=70, scores=dict(
            easy=dict(mAP=60.), medium=dict(mAP=30.16), hard=dict(mAP=8.))),
        rparis6k=dict(images=135, queries=5, scores=dict(
            easy=dict(mAP=None), medium=dict(mAP=50.), hard=dict(mAP=20.)))))))
    return tmp_path


def rows(suite) -> dict:
    """(benchmark, metric) -> cells of the report's table."""
    text = as_markdown(read_run(suite), read_results(suite))
    cells = [[cell.strip() for cell in line.strip('|').split('|')]
             for line in text.splitlines() if line.startswith('| ') and '---' not in line]
    return {tuple(row[:2]): row[2:] for row in cells[1:]}


def test_report__difference_of_ours_and_the_papers(suite):
    table = rows(suite)
    assert table['ImageNet, fine-tuning (Table 1)', 'top1'][:4] == [
        '81.70', '81.50', '-0.20', '81.90']
    assert table['COCO, Mask R-CNN 1x (Table 2)', 'bbox_mAP'][:3] == ['43.90', '44.10', '+0.20']
    assert table['COCO, Mask R-CNN 1x (Table 2)', 'segm_mAP'][:3] == ['40.10', '40.00', '-0.10']
    retrieval = 'Revisited Oxford and Paris (Table 4), dino'
    assert table[retrieval, 'roxford5k/medium'][:3] == ['30.16', '30.16', '+0.00']
    assert table[retrieval, 'roxford5k/easy'][:3] == ['', '60.00', '']
    assert table[retrieval, 'rparis6k/hard'][:2] == ['21.31', 'not run']  # but a set of that name
    another = table[retrieval, 'rparis6k (another set)/hard']
    assert another[:3] == ['', '20.00 *', ''] and another[5] == "not the benchmark's own images"


def test_report__what_was_not_run_says_so(suite):
    table = rows(suite)
    assert table['ADE20K, UPerNet 160k (Table 3)', 'mIoU'][:3] == ['44.44', 'not run', '']
    assert table['k-NN (not in the paper)', ''][:2] == ['', 'not run']


def test_report__what_failed_says_so_and_where_to_look(suite):
    log = suites.write_state(suite / 'ade20k', 'failed with exit status 1')
    row = rows(suite)['ADE20K, UPerNet 160k (Table 3)', 'mIoU']
    assert row[:3] == ['44.44', 'failed with exit status 1', ''] and row[5] == f'log: `{log}`'
    # a figure that an unfinished run left behind is not its last one
    log = suites.write_state(suite / 'imagenet', 'interrupted')
    row = rows(suite)['ImageNet, fine-tuning (Table 1)', 'top1']
    assert row[1:3] == ['81.50 *', ''] and row[5] == f'interrupted; log: `{log}`'


@pytest.mark.parametrize('change, length, reason', [
    (dict(train=dict(images=20, classes=10), val=dict(images=50000, classes=1000)), 100,
     'train has 20 images, not 1281167; train has 10 classes, not 1000'),
    (dict(val=dict(folder='x', images=49999, classes=1000)), 100,
     'val has 49999 images, not 50000'),
    ({}, 1, '1 epochs, not 100'), ({}, 300, '300 epochs, not 100')])
def test_report__a_toy_does_not_stand_beside_the_paper(suite, change, length, reason):
    suites.write_data_record(suite / 'imagenet', {**suites.IMAGENET, **change}, length,
                             RUN['sha256'])
    row = rows(suite)['ImageNet, fine-tuning (Table 1)', 'top1']
    assert row[:3] == ['81.70', '81.50 *', ''] and row[5] == reason


def test_report__a_stopped_schedule_and_unknown_data_do_not_either(suite):
    write_log(suite / 'ade20k', {'mIoU': 40., 'step': 16000})
    ade20k = 'ADE20K, UPerNet 160k (Table 3)', 'mIoU'
    assert rows(suite)[ade20k][1:3] == ['40.00 *', '']
    assert 'its data were not recorded' in rows(suite)[ade20k][5]
    suites.write_data_record(suite / 'ade20k', dict(train=dict(images=20210, classes=150),
                                                    val=dict(images=2000, classes=150)),
                             160000, RUN['sha256'], 'iterations')
    assert rows(suite)[ade20k][5] == 'after 16000 of 160000 iterations'


def test_report__figures_of_another_checkpoint_are_not_shown(suite):
    suites.write_data_record(suite / 'imagenet', suites.IMAGENET, 100, 'f' * 64)
    row = rows(suite)['ImageNet, fine-tuning (Table 1)', 'top1']
    assert row[:3] == ['81.70', 'of another checkpoint, sha256 ffffffffffff', '']
    knn = suite / 'knn'
    knn.mkdir()
    (knn / 'results.json').write_text(json.dumps(dict(
        checkpoint_sha256='e' * 64, results=dict(k10_top1=53.21))))
    assert '53.21' not in as_markdown(read_run(suite), read_results(suite))


def test_report__says_what_each_figure_was_measured_on(suite):
    suites.write_state(suite / 'imagenet', 'finished', **{'optim_wrapper.optimizer.lr': '5e-4'})
    assert ('- ImageNet, fine-tuning (Table 1): train: `data/imagenet`, 1281167 images, 1000 '
            'classes; val: `data/imagenet`, 50000 images, 1000 classes; 100 epochs; options '
            '`optim_wrapper.optimizer.lr=5e-4`') in as_markdown(
                read_run(suite), read_results(suite)).splitlines()


@pytest.mark.parametrize('benchmark, pattern', [
    ('imagenet', 'imagenet/{}.py'), ('linear', 'linear/{}.py'),
    ('coco', 'coco/mask-rcnn_{}_1x.py'), ('ade20k', 'ade20k/upernet_{}_160k.py')])
def test_lengths__are_the_configs(benchmark, pattern):
    files = [(network, CONFIGS / 'benchmarks' / pattern.format(network))
             for network in ('swin-t', 'swin-b', 'vit-s', 'vit-b')]
    for network, file in files:
        if file.is_file():
            if benchmark in ('coco', 'ade20k'):
                pytest.importorskip(dict(coco='mmdet', ade20k='mmseg')[benchmark])
            cfg = Config.fromfile(file).train_cfg
            assert comparable.length_of(benchmark, network) == cfg.get(
                'max_epochs', cfg.get('max_iters'))


def test_report__other_methods_are_not_compared_with_mimcos_row(suite):
    run = dict(RUN, method='MoBY', epochs=300)
    lines = {(line.title, line.metric): line for line in lines_of(run, read_results(suite))}
    assert lines['ImageNet, fine-tuning (Table 1)', 'top1'].paper == 81.4
    run = dict(RUN, epochs=50)  # the paper has no such row
    assert {line.paper for line in lines_of(run, read_results(suite))} == {None}


def test_report__a_resumed_runs_log_counts_once(suite):
    later = suite / 'imagenet' / '20260102_000000' / 'vis_data'
    later.mkdir(parents=True)
    (later / 'scalars.json').write_text(json.dumps({'accuracy/top1': 81.6, 'step': 100}))
    result = read_results(suite)[0]
    assert result.values == dict(top1=81.6) and result.best == dict(top1=81.9)


def test_plot__has_a_panel_for_each_benchmark_with_figures(suite):
    figure = plot_report([('ours', lines_of(read_run(suite), read_results(suite)))])
    titles = [axis.get_title() for axis in figure.axes]
    assert len(titles) == 4 and not any('k-NN' in title for title in titles)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([81.7, 81.5])
    # one metric's bars stay bars, and what was not run says so where its bar would stand
    left, right = figure.axes[0].get_xlim()
    assert sum(bar.get_width() for bar in figure.axes[0].patches) < 0.4 * (right - left)
    assert [text.get_text().strip() for text in figure.axes[2].texts] == ['44.4', 'not run']


@pytest.mark.parametrize('method', ['MimCo', 'no such row in the paper'])
def test_plot__every_run_has_a_colour_and_a_label(suite, method):
    run = dict(RUN, method=method)
    labels = run_labels([run] * 3, [suite / 'a', suite / 'b', suite / 'c'])
    assert labels == [f'{method} swin-t, 100 epochs ({name})' for name in 'abc']
    assert run_labels([RUN] * 2, [suite / 'a' / 'x', suite / 'b' / 'x'])[1].endswith('b/x)')
    figure = plot_report([(label, lines_of(run, read_results(suite))) for label in labels])
    legend = figure.legends[0]
    entries = [text.get_text() for text in legend.get_texts()]
    assert entries[:-1] == ['paper'] * (method == 'MimCo') + labels  # the last is the hatching
    assert len({to_hex(patch.get_facecolor()) for patch in legend.get_patches()}) == len(entries)
    drawn = [to_hex(bar.get_facecolor()) for bar in figure.axes[0].patches]
    assert len(set(drawn)) == len(drawn) == 3 + (method == 'MimCo')


def test_plot__what_cannot_be_compared_is_hatched(suite):
    suites.write_data_record(suite / 'imagenet', suites.IMAGENET, 1, RUN['sha256'])
    figure = plot_report([('ours', lines_of(RUN, read_results(suite)))])
    assert [bool(bar.get_hatch()) for bar in figure.axes[0].patches] == [False, True]
    assert figure.axes[0].get_ylim()[0] == 0
    assert not any(bar.get_hatch() for bar in figure.axes[1].patches)
    assert 'cannot stand beside' in figure.legends[0].get_texts()[-1].get_text()


def test_plot__nothing_measured_is_no_white_page(tmp_path):
    suites.write_state(tmp_path / 'knn', 'failed with exit status 1')
    run = dict(RUN, method='Mine')
    figure = plot_report([('Mine', lines_of(run, read_results(tmp_path)))])
    text = figure.texts[0].get_text()
    assert 'Nothing was measured' in text
    assert 'k-NN (not in the paper): failed with exit status 1' in text


def test_read_run__another_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no run.json.*tools/transfers/run.sh'):
        read_run(tmp_path)


@pytest.mark.parametrize('content', ['[]', '{}', '{"sha256": 1}', '{'])
def test_run__of_another_shape_is_told(suite, content):
    (suite / 'run.json').write_text(content)
    with pytest.raises(RecordError, match='run.json'):
        read_run(suite)


@pytest.mark.parametrize('content', ['[]', '{}', '{"results": {"roxford5k": 1}}'])
def test_results__of_another_shape_are_told(suite, content):
    (suite / 'retrieval-dino' / 'results.json').write_text(content)
    with pytest.raises(RecordError, match='retrieval-dino'):
        read_results(suite)
