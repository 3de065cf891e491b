"""The project in Python: what is not of an argument's kind is told before anything is read."""

from functools import partial
from pathlib import Path

import pytest

import mimco_mm
from mimco_mm.api import in_python
from mimco_mm.errors import UserError
from tests import tiny


@pytest.mark.parametrize('arguments, told', [
    (dict(batch_size='4'), "batch_size= expects a whole number, got '4'"),
    (dict(epochs=True), 'epochs= expects a whole number, got True'),
    (dict(lr='1e-3'), "lr= expects a number, got '1e-3'"),
    (dict(resume='run'), "resume= expects True or False, got 'run'"),
    (dict(model=Path('swin-x')), "pretrain() knows no model 'swin-x'"),
    (dict(amp='bfloat16'), 'amp= expects bf16, fp16, off, got bfloat16'),
    (dict(amp=False), 'amp= expects a text or a path, got False'),
    (dict(teacher=Path('none.pth'), batch_size=2), 'No such checkpoint file: none.pth'),
])
def test_pretrain__of_another_kind_is_refused(tmp_path, arguments, told):
    images = tiny.write_images(tmp_path / 'images', 2)
    with pytest.raises(UserError) as error:
        mimco_mm.pretrain(tmp_path / 'out', images, **arguments)
    assert told in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_pretrain__out_may_be_of_the_home_and_the_last_backbone_is_returned(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    teacher = tiny.write_teacher(tmp_path / 'teacher.pth')
    cfg = tiny.config('mimco_swin-t', tmp_path / 'none', tmp_path / 'images', epochs=1, **{
        'model.target_generator.checkpoint': str(teacher)})
    cfg.pop('work_dir')
    cfg.dump(tmp_path / 'mine.py')
    call = partial(mimco_mm.pretrain, '~/run', tiny.write_images(tmp_path / 'images', 4),
                   tmp_path / 'mine.py', teacher=teacher, workers=0, resume=True)
    first, last = (tmp_path / 'run' / f'backbone_epoch_{epoch}.pth' for epoch in (1, 2))
    assert call(epochs=1) == first and call(epochs=2) == last
    first.touch()  # the newest, as in a copy that keeps no times
    assert call(epochs=2) == last


def test_in_python__options_are_told_as_arguments():
    told = in_python('Add --resume, or take --work-dir FOLDER and --batch-size 4; --knn, --help.')
    assert told == 'Add resume=True, or take out=FOLDER and batch_size=4; knn=, --help.'
