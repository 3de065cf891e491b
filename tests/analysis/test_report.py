"""The report: what was logged, beside the paper's figure; what was not run says so."""

import json
from pathlib import Path

import pytest

from mimco_mm.analysis import as_markdown, lines_of, plot_report, read_results, read_run

RUN = dict(checkpoint='work_dirs/a/backbone_epoch_100.pth', sha256='0123456789abcdef' * 4,
           network='swin-t', method='MimCo', epochs=100, effective_epochs=700, seed=0)


def write_log(folder: Path, *lines: dict) -> None:
    file = folder / '20260101_000000' / 'vis_data' / '20260101_000000.json'
    file.parent.mkdir(parents=True)
    file.with_name('scalars.json').write_text('\n'.join(json.dumps(line) for line in lines))


@pytest.fixture
def suite(tmp_path):
    (tmp_path / 'run.json').write_text(json.dumps(RUN))
    write_log(tmp_path / 'imagenet', {'loss': 6.9, 'step': 1},
              {'accuracy/top1': 81.9, 'accuracy/top5': 95., 'step': 99},
              {'accuracy/top1': 81.5, 'step': 100})
    write_log(tmp_path / 'coco', {'coco/bbox_mAP': 0.441, 'coco/segm_mAP': 0.4, 'step': 12})
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
    text = as_markdown(read_run(suite), lines_of(read_run(suite), read_results(suite)))
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
    assert table[retrieval, 'rparis6k (another set)/hard'][:3] == ['', '20.00', '']


def test_report__what_was_not_run_says_so(suite):
    table = rows(suite)
    assert table['ADE20K, UPerNet 160k (Table 3)', 'mIoU'][:3] == ['44.44', 'not run', '']
    assert table['k-NN (not in the paper)', ''][:2] == ['', 'not run']


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


def test_read_run__another_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no run.json.*tools/benchmarks/run.sh'):
        read_run(tmp_path)
