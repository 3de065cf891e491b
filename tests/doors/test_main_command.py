"""The README's main command as it is printed, with its own teacher from its own address."""

import subprocess
import time

import pytest
import torch

from tests.reference.official import files, swin

from .support import Releases, checkout, environment, run, steps, summary, write_jpegs

COMMAND = 'tools/dist_train.sh configs/pretrain/mimco_swin-t.py'
SMALL = '--batch-size 2 --workers 0 --epochs 1'  # documented options alone
TEACHER = '/SwinTransformer/storage/releases/download/v1.0.3/moby_swin_t_300ep_pretrained.pth'


@pytest.fixture(scope='module')
def teacher(tmp_path_factory) -> bytes:
    """A file of MoBY's official layout, of a Swin-T with random weights."""
    state = swin.random_swin(embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), window=7,
                             img_size=224)
    state = {key: value.float() if value.is_floating_point() else value
             for key, value in state.items()}
    return files.moby(tmp_path_factory.mktemp('release') / 'moby.pth', state).read_bytes()


@pytest.fixture
def folder(tmp_path):
    checkout(tmp_path)
    write_jpegs(tmp_path / 'data' / 'imagenet' / 'train', 4)
    return tmp_path


@pytest.fixture
def github(tmp_path, teacher):
    releases = Releases(tmp_path, 'github.com', {TEACHER: teacher})
    yield releases
    releases.close()


def test_main_command__downloads_the_teacher_once_and_runs_again_without_a_network(folder, github):
    first = run(f'{COMMAND} 2 {SMALL}', folder, **github.variables)
    assert first.code == 0, first.text
    assert github.asked == [TEACHER]
    told = summary(first.text)
    assert '183 tensors matched, 0 missing, 0 unexpected, 100 % of 27.5 M' in told
    assert 'MoBY, official Swin' in told and 'data data/imagenet/train' in told
    assert steps(first.text) == '1/1'
    saved = folder / 'work_dirs' / 'mimco_swin-t'
    assert (saved / 'backbone_epoch_1.pth').is_file()
    assert len(first.text.splitlines()) < 25, first.text  # the log of a start
    github.close()
    again = run(f'{COMMAND} 1 {SMALL} --work-dir again', folder, **github.variables)
    assert again.code == 0, again.text
    assert steps(again.text) == '2/2' and (folder / 'again' / 'epoch_1.pth').is_file()


def test_main_command__without_network_and_cache_says_what_to_do_once(folder, github):
    github.close()
    started = time.time()
    ended = run(f'{COMMAND} 2 {SMALL}', folder, **github.variables)
    assert ended.code == 1
    assert ended.text.count('cannot be downloaded') == 1 and 'Traceback' not in ended.text
    assert 'download it elsewhere and give its path, or put it at' in ended.last
    assert time.time() - started < 120  # nobody waits for anybody
    assert not (folder / 'work_dirs' / 'mimco_swin-t' / 'last_checkpoint').exists()


def test_main_command__two_machines_with_one_home_share_a_download(folder, github):
    """Both stop at the same error after it; what matters here is who has fetched the teacher."""
    command = f'{COMMAND} 1 {SMALL}'
    port = str(29600 + int(time.time()) % 300)
    machines = [subprocess.Popen(
        ['bash', '-c', command], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(folder, NNODES='2', NODE_RANK=str(rank), MASTER_ADDR='127.0.0.1',
                        PORT=port, **github.variables)) for rank in range(2)]
    texts = [machine.communicate(timeout=300)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], texts
    assert github.asked == [TEACHER]
    assert steps(texts[0]) == '1/1' and '2 ranks x 2 images' in texts[0]


def test_main_command__a_wrong_teacher_ends_it_with_one_message(folder, tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / 'my teacher.pth')
    ended = run(f'{COMMAND} 2 {SMALL} --teacher "my teacher.pth"', folder)
    assert ended.code == 1 and 'Traceback' not in ended.text
    assert ended.text.count('error: ') == 1 and 'my teacher.pth' in ended.text
    assert '`model.target_generator.checkpoint`' in ended.text
