"""The README's commands as it prints them, made small by documented options alone.

The set-up and the demo are run by continuous integration, and by tests/tools/test_demo.py.
"""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.reference.official import files, swin

from .support import ROOT, Releases, checkout, run, summary, write_jpegs
from .test_main_command import TEACHER

TEXT = (ROOT / 'README.md').read_text()
BLOCKS = re.findall(r'```bash\n(.*?)```', TEXT, re.DOTALL)
COMMANDS = [re.sub(r'\s+#.*', '', line) for block in BLOCKS for line in block.splitlines()]
SMALL = '--batch-size 2 --workers 0 --epochs 1'  # the last of an option counts
STUDENT = 'work_dirs/mimco_swin-t/backbone_epoch_100.pth'


def command(start: str) -> str:
    """The one command that begins so."""
    found, = (line for line in COMMANDS if line.startswith(start))
    return found


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    """Where the README's commands are typed: photos, ImageNet in small, a teacher to download."""
    folder = checkout(tmp_path_factory.mktemp('readme'))
    write_jpegs(folder / 'path to' / 'photos', 4)
    for part in ('train', 'val'):
        write_jpegs(folder / 'data' / 'imagenet' / part, 12)
    state = swin.random_swin(embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), window=7,
                             img_size=224)
    teacher = files.moby(folder / 'moby.pth', {
        key: value.float() if value.is_floating_point() else value for key, value in state.items()})
    releases = Releases(folder, 'github.com', {TEACHER: teacher.read_bytes()})
    yield folder, releases.variables
    releases.close()


@pytest.fixture(scope='module')
def trained(home):
    """The run of ``your own images``, in the folder that the later commands name."""
    folder, variables = home
    line = command('tools/dist_train.sh configs/pretrain/mimco_swin-t.py 1 --data')
    ended = run(line.replace('/path/to/photos', '"path to/photos"') + f' {SMALL}', folder,
                **variables)
    assert ended.code == 0, ended.text
    assert 'data path to/photos: 4 images' in summary(ended.text)
    shutil.copy(folder / 'work_dirs/mimco_swin-t/backbone_epoch_1.pth', folder / STUDENT)
    return folder


def test_commands__are_all_known_here():
    """A new one needs a test, here or where the head of this file says."""
    tested = ('tools/setup_env.sh', 'source ', 'tools/run_demo.sh', 'tools/dist_train.sh',
              'tools/transfers/run.sh', 'python tools/figures/', 'python tools/study.py')
    assert len(COMMANDS) >= 12
    assert [line for line in COMMANDS if not line.startswith(tested)] == []


def test_own_images__in_python(home, trained):
    folder, variables = home
    code, = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)
    code = code.replace('/path/to/photos', 'path to/photos').replace('epochs=100', 'epochs=1')
    code = code.replace('batch_size=64', 'batch_size=2, workers=0')
    images = 'import torch\nimages = torch.randn(2, 3, 224, 224)\n'
    code = f'{images}{code}'
    (folder / 'mine.py').write_text(f'{code}\nprint(tuple(maps.shape), photos.features.shape, '
                                  'student_file)\n')
    ended = run(f'PYTHONPATH={ROOT} python mine.py', folder, **variables)
    assert ended.code == 0, ended.text
    assert ended.last == '(2, 768, 7, 7) (4, 768) work_dirs/photos/backbone_epoch_1.pth'
    assert (folder / 'photos.npy').is_file()


def test_swin_b__first_its_teacher(home):
    """Its first command could run; the second says that the first one's result is missing."""
    folder, variables = home
    first = command('tools/dist_train.sh configs/pretrain/teachers/moby_swin-b.py')
    first = run(f'{first[:-1]}1 {SMALL} --dry-run', folder, **variables)
    assert first.code == 0 and first.last == ('Dry run: everything is there; nothing was trained.')
    assert not (folder / 'work_dirs' / 'moby_swin-b').exists()
    second = command('tools/dist_train.sh configs/pretrain/mimco_swin-b.py 8 --teacher')
    second = run(f'{second} {SMALL}', folder, **variables)
    assert second.code == 1 and 'Traceback' not in second.text
    assert 'No such checkpoint file: work_dirs/moby_swin-b/backbone_epoch_300.pth' in second.text


def test_transfers__are_planned(trained):
    ended = run(command('tools/transfers/run.sh') + ' --dry-run', trained)
    assert ended.code == 0, ended.text
    for config in ('imagenet/swin-t.py', 'coco/mask-rcnn_swin-t_1x.py', 'knn/swin-t.py'):
        assert config in ended.text


@pytest.mark.parametrize('start, picture, small', [
    ('python tools/figures/preview.py', 'figures/preview.png', ''),
    ('python tools/figures/curves.py', 'mimco_swin-t/curves.png', ''),
    ('python tools/figures/tsne.py', 'figures/tsne.png', '--num-classes 2'),
    ('python tools/figures/patterns.py', 'figures/patterns.png', '--neighbours 3'),
    ('python tools/figures/neighbours.py', 'figures/neighbours.png', '--k 3'),
])
def test_see_it__draws_a_picture_and_says_where(trained, start, picture, small):
    shutil.copy(next((trained / 'path to').rglob('*.JPEG')), trained / 'photo.jpg')
    ended = run(f'{command(start)} {small}', trained)
    assert ended.code == 0, ended.text
    assert f'The picture is work_dirs/{picture}' in ended.text
    assert Image.open(trained / 'work_dirs' / picture).width > 200
    untracked = {path.name for path in trained.iterdir()} - {
        'data', 'work_dirs', 'torch', 'tools', 'configs', 'docs', 'notebooks', 'path to', 'mine.py',
        'moby.pth', 'certificate.pem', 'key.pem', 'photo.jpg', 'photos.npy',
        'photos.files.csv', 'photos.npy.json'}
    assert untracked == set()


def test_short_names__from_any_folder_by_the_command(home, tmp_path):
    folder, variables = home
    mimco = Path(ROOT, 'tools', 'mimco')
    ended = run(f'{mimco} train mimco_swin-t --data "{folder}/path to/photos" {SMALL} '
                f'--teacher "{folder}/moby.pth" --dry-run', tmp_path, **variables)
    assert ended.code == 0, ended.text
    assert 'results in work_dirs/mimco_swin-t: ' in ended.text and not list(tmp_path.iterdir())
    assert run(f'{mimco} trian', tmp_path).text.startswith('error: there is no command trian. Did')
