"""A job's results are used again where configs and teacher are the same ones."""

import json
from pathlib import Path

import pytest

from mimco_mm.records import RecordError, write_json
from mimco_mm.study import ROWS, SIZES, TEACHER, Job, run_job
from mimco_mm.study.running import job_identity

CONFIGS = Path(__file__).parents[2] / 'configs' / 'study'
MIMCO = Job(next(row for row in ROWS if row.name == 'mimco'), 'vit', 0)
SIZE = SIZES['reduced']


@pytest.fixture
def done(tmp_path):
    """The work dir of a study whose teacher and student are finished."""
    for job in (MIMCO._replace(row=TEACHER), MIMCO):
        folder = tmp_path / job.name
        folder.mkdir()
        write_json(folder / 'record.json', dict(
            identity=job_identity(job, SIZE, CONFIGS, tmp_path), backbone_sha256=job.name))
        write_json(folder / 'results.json', dict(row=job.row.name))
    return tmp_path


def test_job__that_is_finished_is_read(done):
    assert run_job(MIMCO, SIZE, CONFIGS, done) == dict(row='mimco')


def test_job__of_another_teacher_is_refused(done):
    write_json(done / 'vit_moby_seed-0' / 'record.json', dict(identity={}, backbone_sha256='new'))
    with pytest.raises(RecordError, match="teacher_sha256 was 'vit_moby_seed-0', now is 'new'.*"
                                          'Remove .*vit_mimco_seed-0'):
        run_job(MIMCO, SIZE, CONFIGS, done)


@pytest.mark.parametrize('change', [
    dict(configs={'finetune_vit-micro': 'edited', 'mimco_vit-micro': 'edited'}),
    dict(size=SIZES['full']._asdict())])
def test_job__of_other_configs_or_size_is_refused(done, change):
    file = done / MIMCO.name / 'record.json'
    record = json.loads(file.read_text())
    record['identity'].update(change)
    write_json(file, record)
    with pytest.raises(RecordError, match=f'{next(iter(change))}.* was .*, now is'):
        run_job(MIMCO, SIZE, CONFIGS, done)


def test_job__of_an_older_version_is_refused(done):
    (done / MIMCO.name / 'record.json').unlink()
    with pytest.raises(RecordError, match='no record.json that says what they are of'):
        run_job(MIMCO, SIZE, CONFIGS, done)
