"""What tools/transfers/run.sh leaves behind, written by hand."""

import json
from pathlib import Path

IMAGENET = dict(train=dict(folder='data/imagenet', images=1281167, classes=1000),
                val=dict(folder='data/imagenet', images=50000, classes=1000))
COCO = dict(train=dict(folder='data/coco', images=117266, classes=80),
            val=dict(folder='data/coco', images=5000, classes=80))


def write_log(folder: Path, *lines: dict) -> None:
    """The scalars of a run."""
    file = folder / '20260101_000000' / 'vis_data' / '20260101_000000.json'
    file.parent.mkdir(parents=True)
    file.with_name('scalars.json').write_text('\n'.join(json.dumps(line) for line in lines))


def write_data_record(folder: Path, data: dict, length: int, sha256: str,
                      unit: str = 'epochs') -> None:
    """As DataRecordHook does it."""
    (folder / 'data_record.json').write_text(json.dumps(dict(
        start_sha256=sha256, schedule=dict(unit=unit, length=length), data=data)))


def write_state(folder: Path, state: str, **options: str) -> Path:
    """As run.sh does it; returns the log's place."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / 'output.log'
    (folder / 'record.json').write_text(json.dumps(dict(
        identity=dict(options=options), state=state, log=str(log))))
    return log
