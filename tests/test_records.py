"""What stands beside a result: it is used again where it is of the same, and refused elsewhere."""

import os

import pytest

from mimco_mm.records import RecordError, folder_identity, stored_record, write_json

MEND = 'Choose another.'


def test_record__is_used_again_for_the_same_alone(tmp_path):
    file = tmp_path / 'run' / 'record.json'
    identity = dict(start='a', options={'lr': (1, 2)})
    assert stored_record(file, identity, MEND) is None  # no folder
    file.parent.mkdir()
    assert stored_record(file, identity, MEND) is None  # an empty one
    write_json(file, dict(identity=identity, state='finished'))
    assert stored_record(file, identity, MEND)['state'] == 'finished'
    with pytest.raises(RecordError) as told:
        stored_record(file, dict(start='b', options={'wd': 0}), MEND)
    assert str(told.value) == (
        f"{file.parent} holds results of something else: start was 'a', now is 'b'; options.lr "
        'was [1, 2], now is None; options.wd was None, now is 0. Choose another.')


@pytest.mark.parametrize('content, message', [
    (None, 'holds files, and no record.json.*Choose another'),
    ('{"finished": true}', 'of an older version.*Choose another'), ('{"iden', 'is damaged')])
def test_record__that_does_not_tell_is_refused(tmp_path, content, message):
    (tmp_path / 'weights.pth').touch()
    if content is not None:
        (tmp_path / 'record.json').write_text(content)
    with pytest.raises(RecordError, match=message):
        stored_record(tmp_path / 'record.json', {}, MEND)


def test_folder__is_told_by_names_and_sizes(tmp_path):
    part = tmp_path / 'train' / 'cat'
    part.mkdir(parents=True)
    (part / '1.png').write_bytes(b'one')
    (part / os.fsdecode(b'\xff.png')).write_bytes(b'two')
    before = folder_identity(tmp_path)
    assert before['files'] == 2
    (part / '.hidden.png').touch()
    (part / 'loop').symlink_to(tmp_path / 'train')
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / '1.png').touch()
    assert folder_identity(tmp_path) == before
    (part / '1.png').write_bytes(b'another')
    assert folder_identity(tmp_path) != before
