"""The commands that draw what runs do and reach: preview, curves and Figure 2."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from mimco_mm.engine.training_images import build_preprocessor, first_batch
from mimco_mm.figures.inspection import load_run, patch_similarity
from mimco_mm.figures.preview import in_words, mean_similarity
from tests import tiny
from tests.tables import suites
from tests.tools.modules import call, refusal

CURVES, EFFICIENCY, PREVIEW = (f'figures/{name}.py' for name in ('curves', 'efficiency', 'preview'))


@pytest.fixture
def make(tmp_path):
    """A function that gives a tiny run's config, and its file."""
    tiny.write_images(tmp_path / 'images', 8)
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')

    def config(name):
        cfg = tiny.config(name, tmp_path / 'run', tmp_path / 'images', epochs=2)
        if 'mimco' in name:
            cfg.model.target_generator.checkpoint = str(teacher)
        file = tmp_path / f'{Path(name).name}.py'
        cfg.dump(str(file))
        return cfg, file

    return config


# Preview and curves, of one run


def test_run__is_previewed_and_its_curves_drawn(make, tmp_path):
    cfg, file = make('mimco_swin-t')
    tiny.train(cfg)
    work_dir = tmp_path / 'run'
    checkpoint = work_dir / 'epoch_2.pth'
    content = checkpoint.read_bytes()
    for out in ('a.png', 'b.png'):
        printed = call(PREVIEW, file, '--checkpoint', checkpoint, '--out', tmp_path / 'new' / out,
                       '--count', 3)
    assert content == checkpoint.read_bytes()
    pictures = [Image.open(tmp_path / 'new' / out) for out in ('a.png', 'b.png')]
    assert pictures[0].tobytes() == pictures[1].tobytes() and min(pictures[0].size) > 400
    inputs, samples = first_batch(cfg, build_preprocessor(cfg), 3, seed=0)
    similarity = patch_similarity(load_run(cfg, str(checkpoint)), inputs, samples).numpy()
    means = mean_similarity(similarity, torch.stack([s.mask for s in samples]).bool().numpy())
    assert f'mean of 3 images: {in_words(means)}' in printed

    assert 'run: 4 logged steps, 1 to 4' in call(CURVES, work_dir, '--x', 'epoch')
    assert min(Image.open(work_dir / 'curves.png').size) > 800

    said = refusal(PREVIEW, file, '--checkpoint', work_dir / 'backbone_epoch_2.pth')
    assert 'holds no whole model' in said


def test_pictures__land_under_work_dirs(make, tmp_path, monkeypatch):
    """From a folder of the user's own, which gets nothing else."""
    _, file = make('teachers/moby_swin-t')
    folder = tmp_path / 'elsewhere'
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, said in (('preview', call(PREVIEW, file, '--count', 2)),
                       ('efficiency', call(EFFICIENCY))):
        assert f'The picture is work_dirs/figures/{name}.png\n' in said
        assert (folder / 'work_dirs' / 'figures' / f'{name}.png').is_file()
    assert [path.name for path in folder.iterdir()] == ['work_dirs']


def test_preview__names_broken_images_and_shows_others(make, tmp_path):
    _, file = make('teachers/moby_swin-t')
    (tmp_path / 'images' / 'train' / '03.png').write_bytes(b'no image')
    said = call(PREVIEW, file, '--out', tmp_path / 'views.svg')
    assert 'skipped ' in said and '03.png, which cannot be read' in said
    svg = (tmp_path / 'views.svg').read_text()
    assert svg.count('<image') == 2 * 8


def test_preview__wrong_use_is_explained(make, tmp_path):
    _, mimco = make('mimco_swin-t')
    _, moby = make('teachers/moby_swin-t')
    (tmp_path / 'empty.py').write_text('a = 1\n')
    for arguments, message in (
            ([tmp_path / 'nothing.py'], 'There is no config file'),
            ([tmp_path / 'empty.py'], 'has no `model` and `train_dataloader`'),
            ([mimco, '--count', 0], 'a number from 1 up, got 0'),
            ([mimco, '--out', 'a.gif'], '.png, .svg, .pdf by its suffix, got --out a.gif'),
            ([mimco, '--checkpoint', tmp_path / 'nothing.pth'], 'No such checkpoint file'),
            ([moby, '--checkpoint', tmp_path / 'x.pth'], 'of a checkpoint of MoBY there is'),
            ([mimco, '--cfg-options', 'train_dataloader.dataset.dataset.data_root=/nowhere'],
             'The training images cannot be listed')):
        assert message in refusal(PREVIEW, *arguments)


def test_curves__wrong_use_is_explained(tmp_path):
    said = refusal(CURVES, tmp_path)
    assert 'holds no scalars' in said and f'{tmp_path}/*/vis_data/scalars.json' in said
    file = tmp_path / '2026' / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('{"loss": 1.0, "epoch": 1, "step": 1}\n')
    assert 'can be drawn over epochs' in refusal(CURVES, tmp_path, '--x', 'epoch')
    assert 'from 1 up, got 0' in refusal(CURVES, tmp_path, '--smooth', 0)


def test_curves__damaged_lines_are_left_out_and_counted(tmp_path, capsys):
    file = tmp_path / 'run' / '2026' / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('{"loss": 1.0, "epoch": 1, "step": 1}\n{"loss": 0.9, "ep\n' + '\0\n' * 4
                    + '{"loss": 0.5, "epoch": 1, "step": 3}\n')
    assert 'run: 2 logged steps, 1 to 3' in call(CURVES, tmp_path / 'run')
    err = capsys.readouterr().err
    assert '5 damaged lines of the log are left out' in err
    assert f'{file}, line 2; {file}, line 3; {file}, line 4 and 2 more' in err
    assert (tmp_path / 'run' / 'curves.png').is_file()


def test_curves__runs_of_one_name_are_told_apart_by_their_paths(tmp_path):
    for parent in ('one', 'two'):
        file = tmp_path / parent / 'run' / '2026' / 'vis_data' / 'scalars.json'
        file.parent.mkdir(parents=True)
        file.write_text('{"loss": 1.0, "epoch": 1, "step": 1}\n')
    said = call(CURVES, *(tmp_path / parent / 'run' for parent in ('one', 'two')), '--out',
                tmp_path / 'c.png')
    assert f'{tmp_path}/one/run: 1 logged steps' in said and f'{tmp_path}/two/run: ' in said


# Figure 2


def suite(folder: Path, **run: object) -> Path:
    (folder / 'imagenet' / '2026' / 'vis_data').mkdir(parents=True)
    (folder / 'run.json').write_text(json.dumps(dict(
        checkpoint='x.pth', sha256='0' * 64, network='vit-s', method='MimCo', epochs=100,
        effective_epochs=700, seed=0, **run)))
    (folder / 'imagenet' / '2026' / 'vis_data' / 'scalars.json').write_text(
        json.dumps({'accuracy/top1': 82.25, 'step': 300}))
    suites.write_data_record(folder / 'imagenet', suites.IMAGENET, 300, '0' * 64)
    return folder


def test_efficiency__draws_what_it_can_and_counts_the_rest(tmp_path):
    good = suite(tmp_path / 'good')
    bare = tmp_path / 'bare'
    bare.mkdir()
    (bare / 'run.json').write_text((good / 'run.json').read_text())
    out = tmp_path / 'figure2.svg'
    said = call(EFFICIENCY, good, bare, '--out', out)
    assert f'skipped {bare}: it has no result on ImageNet' in said
    assert '1 of 2 work dirs skipped' in said and '82.25' in said and out.is_file()
    said = call(EFFICIENCY, good, '--network', 'swin-b', '--out', out)
    assert "only the paper's are drawn" in said and '84.30' in said and '82.25' not in said
    said = call(EFFICIENCY, '--network', 'all', '--out', tmp_path / 'all.png')
    assert said.count('paper\n') == 27


def test_efficiency__wrong_use_is_explained(tmp_path):
    assert 'holds no run.json' in refusal(EFFICIENCY, tmp_path)
    assert 'by its suffix' in refusal(EFFICIENCY, '--out', tmp_path / 'a.txt')
