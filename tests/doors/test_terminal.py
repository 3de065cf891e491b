"""What a run shows on a terminal, and what its log keeps."""

from tests import tiny

from .support import checkout, run_on_a_terminal


def test_training__on_a_terminal_shows_a_bar_and_keeps_the_steps_in_the_log(tmp_path):
    data = tiny.write_images(tmp_path / 'images', 8)
    cfg = tiny.config('mimco_swin-t', tmp_path / 'run', data, epochs=2, **{
        'model.target_generator.checkpoint': str(tiny.write_teacher(tmp_path / 'teacher.pth'))})
    cfg.dump(tmp_path / 'tiny.py')
    ended = run_on_a_terminal('tools/dist_train.sh tiny.py 1', checkout(tmp_path))
    assert ended.code == 0, ended.text
    last = [line for line in ended.text.splitlines() if 'Epoch 2/2' in line][-1]
    assert '4/4 ETA 0:00:00 loss ' in last and ' patch ' in last and ' image ' in last
    assert 'Epoch(train)' not in ended.text and 'Saving checkpoint at 2 epochs' in ended.text
    log, = (tmp_path / 'run').glob('*/*.log')
    assert log.read_text().count('Epoch(train)') == 4
