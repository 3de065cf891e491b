"""What a run goes on from, in every state that a kill, a copy or a crash leaves its folder in."""

import shutil
from pathlib import Path

import pytest
import torch

from mimco_mm.checkpoints import CheckpointError, find_resumable


def write(file: Path, epoch: int, iteration: int, **changes) -> Path:
    content = dict(state_dict=dict(weight=torch.ones(3000)), optimizer={}, message_hub={},
                   meta=dict(epoch=epoch, iter=iteration))
    torch.save({key: value for key, value in {**content, **changes}.items() if value is not None},
               file)
    return file


@pytest.fixture
def run(tmp_path) -> Path:
    """A work dir with ten epochs of 4 iterations, and what else lies in one."""
    folder = tmp_path / 'run'
    folder.mkdir()
    for epoch in (1, 9, 10):
        write(folder / f'epoch_{epoch}.pth', epoch, 4 * epoch)
    write(folder / 'backbone_epoch_10.pth', 10, 40, optimizer=None)
    write(folder / 'best_knn_epoch_99.pth', 99, 396, optimizer=None)
    (folder / 'epoch_11.pth.1@here.partial').write_bytes(b'PK')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_10.pth'))
    return folder


DAMAGES = {
    'truncated': lambda file: file.write_bytes(file.read_bytes()[:5000]),
    'empty': lambda file: file.write_bytes(b''),
    'zeroed': lambda file: file.write_bytes(bytes(file.stat().st_size)),
    'zeroed at the end': lambda file: file.write_bytes(file.read_bytes()[:6000] + bytes(8000)),
    'a page': lambda file: file.write_text('<html>quota</html>'),
    'of something else': lambda file: torch.save(torch.ones(3), file),
}


@pytest.mark.parametrize('damage', DAMAGES)
def test_newest__that_can_be_read_is_taken_and_the_other_named(run, damage):
    assert find_resumable(run)[:3] == (run / 'epoch_10.pth', 10, 40)
    DAMAGES[damage](run / 'epoch_10.pth')
    found = find_resumable(run)
    assert found.file == run / 'epoch_9.pth' and len(found.skipped) == 1
    assert found.skipped[0].startswith('epoch_10.pth: ')
    for file in run.glob('epoch_*.pth'):
        DAMAGES[damage](file)
    with pytest.raises(CheckpointError) as told:
        find_resumable(run)
    lines = str(told.value).splitlines()
    assert lines[0] == f'{run} holds checkpoints, and none that a run can go on from:'
    assert [line.split(':')[0].strip() for line in lines[1:-1]] == [
        'epoch_10.pth', 'epoch_9.pth', 'epoch_1.pth']
    assert 'remove them' in lines[-1]


@pytest.mark.parametrize('note', [None, '', '\0\0\0', '/elsewhere/epoch_1.pth', 'epoch_1.pth'])
def test_newest__whatever_last_checkpoint_says(run, note):
    if note is None:
        (run / 'last_checkpoint').unlink()
    else:
        (run / 'last_checkpoint').write_text(note)
    assert find_resumable(run).file == run / 'epoch_10.pth'


def test_newest__by_iteration_inside_not_by_name_or_time(run):
    write(run / 'iter_5.pth', 12, 49)
    assert find_resumable(run)[:3] == (run / 'iter_5.pth', 12, 49)
    write(run / 'iter_40.pth', 9, 40)  # younger, and as far as the whole epoch
    (run / 'iter_5.pth').unlink()
    assert find_resumable(run).file == run / 'epoch_10.pth'


def test_newest__a_name_that_is_not_what_is_inside_is_not_believed(run):
    write(run / 'epoch_50.pth', 2, 8)
    write(run / 'epoch_copy.pth', 3, 12)
    assert find_resumable(run).file == run / 'epoch_10.pth'
    for file in run.glob('epoch_1*.pth'):
        file.unlink()
    (run / 'epoch_9.pth').rename(run / 'epoch_009.pth')
    assert find_resumable(run)[:3] == (run / 'epoch_009.pth', 9, 36)


def test_newest__of_many_is_found_by_reading_few(run):
    for epoch in range(2, 9):
        (run / f'epoch_{epoch}.pth').write_bytes(b'not read')
    assert find_resumable(run)[:3] == (run / 'epoch_10.pth', 10, 40)
    assert not find_resumable(run).skipped


def test_copied_and_moved_runs__go_on_from_their_own(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / 'copy'))
    assert find_resumable(copy).file == copy / 'epoch_10.pth'
    run.rename(tmp_path / 'gone')
    assert find_resumable(copy).file == copy / 'epoch_10.pth'


def test_note__is_followed_where_no_checkpoint_is_left(run, tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    (elsewhere / 'last_checkpoint').write_text(str(run / 'epoch_9.pth'))
    assert find_resumable(elsewhere).file == run / 'epoch_9.pth'
    (run / 'epoch_9.pth').unlink()
    with pytest.raises(CheckpointError, match='last_checkpoint names .*epoch_9.pth.*not there'):
        find_resumable(elsewhere)


def test_nothing__is_no_error(tmp_path):
    assert find_resumable(tmp_path) is None and find_resumable(tmp_path / 'not there') is None
    (tmp_path / 'nan_iter_3.pth').touch()
    assert find_resumable(tmp_path) is None


def test_several_folders__of_one_run(run, tmp_path):
    assert find_resumable(tmp_path / 'work', run).file == run / 'epoch_10.pth'


@pytest.mark.parametrize('changes, told', [
    (dict(state_dict={'backbone.a': torch.ones(1)}, optimizer=None), 'is a backbone alone, for'),
    (dict(optimizer=None), 'has no optimizer: a run goes on from epoch_N.pth'),
    (dict(meta=dict(epoch='3')), 'does not say after which epoch'),
    (dict(meta=[]), 'does not say after which epoch')])
def test_file__that_no_run_goes_on_from(tmp_path, changes, told):
    file = write(tmp_path / 'some.pth', 1, 4, **changes)
    with pytest.raises(CheckpointError, match=told):
        find_resumable(file)
