"""The command-line tools: each explains itself, and the launchers pass everything on."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mimco_mm.version import __version__
from tests.doors.support import listen

TOOLS = Path(__file__).parents[2] / 'tools'
# of the other scripts, not run
LIBRARIES = {'common.sh', 'command_line.py', 'arguments.py', 'moved.py'}
SCRIPTS = sorted(p for p in TOOLS.glob('*.sh') if p.name not in LIBRARIES)
PROGRAMS = sorted(p for p in TOOLS.rglob('*.py') if p.name not in LIBRARIES)
FORWARDERS = sorted((TOOLS / 'analysis').glob('*.py'))  # of old names

TITLED = ('[TITLE=]CHECKPOINT', '--heads TITLE=N')
HELP = dict(tsne=TITLED, patterns=TITLED, neighbours=TITLED, loss_memory=('--queries N', ))

STUB = '''#!/bin/bash
[[ "$1" == -c ]] && exec {python} "$@"
printf '%s\\n' "$OMP_NUM_THREADS" "$@" >"$STUB_LOG"
'''


def name(path: Path) -> str:
    return str(path.relative_to(TOOLS))


@pytest.mark.parametrize('script', [*SCRIPTS, TOOLS / 'common.sh'], ids=name)
def test_shell_syntax(script):
    subprocess.run(['bash', '-n', str(script)], check=True)


@pytest.mark.parametrize('tool', [*SCRIPTS, *PROGRAMS], ids=name)
def test_help__is_there_before_anything_heavy(tool, tmp_path):
    command = ['bash'] if tool.suffix == '.sh' else [sys.executable, '-X', 'importtime']
    result = subprocess.run([*command, str(tool), '--help'], cwd=tmp_path, capture_output=True,
                            text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert 'usage: ' in result.stdout.lower()
    assert all(text in result.stdout for text in HELP.get(tool.stem, ()))
    imported = re.findall(r'\| +(\w+)$', result.stderr, re.M)
    assert ('argparse' in imported) == (tool.suffix == '.py')
    assert not {'torch', 'mmpretrain', 'sklearn'} & set(imported)


@pytest.mark.parametrize('tool', [p for p in PROGRAMS if p not in FORWARDERS], ids=name)
def test_usage_errors__all_tools_have_the_one_parser(tool):
    source = tool.read_text()
    assert 'ArgumentParser(' not in source and ' Parser(' in source


@pytest.mark.parametrize('command, typed', [
    ([TOOLS / 'mimco', 'index'], 'mimco index'),
    ([TOOLS / 'convert' / 'index_shards.py'], 'index_shards.py')], ids=['mimco', 'tool'])
def test_usage_errors__are_one_line_that_names_what_was_typed(command, typed):
    result = subprocess.run([sys.executable, *map(str, command), '--nothing', 'x'],
                            capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (
        1, f'error: unrecognized arguments: --nothing (see {typed} --help)\n')


@pytest.fixture
def launch(tmp_path):
    """Run a launcher with stubs for python and srun; give what they were started with."""
    for program in ('python', 'srun'):
        stub = tmp_path / program
        stub.write_text(STUB.format(python=sys.executable))
        stub.chmod(0o755)

    def call(script: str, *args: str, **variables: str) -> list[str]:
        log = tmp_path / 'log'
        env = {k: v for k, v in os.environ.items()
               if k not in ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT', 'OMP_NUM_THREADS')}
        env.update(PATH=f'{tmp_path}{os.pathsep}{env["PATH"]}', VIRTUAL_ENV=str(tmp_path),
                   STUB_LOG=str(log), **variables)
        file = script if '/' in script else str(TOOLS / script)
        subprocess.run(['bash', file, *args], env=env, check=True, capture_output=True, text=True)
        return log.read_text().splitlines()

    return call


class TestDistTrain:

    def test_arguments_stay_whole(self, launch):
        _, *args = launch('dist_train.sh', 'my config.py', '2', '--work-dir', 'a dir',
                          '--cfg-options', 'key="[a, b]"')
        assert args == [str(TOOLS / 'train.py'), 'my config.py', '--gpus', '2', '--work-dir',
                        'a dir', '--cfg-options', 'key="[a, b]"']

    def test_by_a_link_and_a_path_of_cd(self, launch, tmp_path, monkeypatch):
        (tmp_path / 'train').symlink_to(TOOLS / 'dist_train.sh')
        monkeypatch.chdir(TOOLS.parent)
        for script in (str(tmp_path / 'train'), 'tools/dist_train.sh'):
            _, program, *_ = launch(script, 'c.py', '2', CDPATH='.:/')
            assert program == str(TOOLS / 'train.py')


def test_slurm_train(launch):
    _, *args = launch('slurm_train.sh', 'part', 'a job', 'c.py', 'a dir', '--resume', GPUS='16',
                      SRUN_ARGS='--time=1:00 --exclusive')
    assert {'--partition=part', '--job-name=a job', '--ntasks=16', '--ntasks-per-node=8',
            '--gres=gpu:8', '--time=1:00', '--exclusive'} <= set(args)
    assert args[-7:] == [str(TOOLS / 'train.py'), 'c.py', '--work-dir', 'a dir', '--launcher',
                         'slurm', '--resume']


def test_srun_args__are_split_at_blanks_and_not_run(launch, tmp_path):
    args = launch('slurm_train.sh', 'part', 'job', 'c.py', 'dir', CPUS_PER_TASK='12', SRUN_ARGS=(
        f'--time=1:00 --constraint=*\n--comment=$(touch {tmp_path}/run) `touch {tmp_path}/run`'))
    start = args.index('--time=1:00')
    assert args[start:start + 6] == [
        '--time=1:00', '--constraint=*', '--comment=$(touch', f'{tmp_path}/run)', '`touch',
        f'{tmp_path}/run`']
    assert '--cpus-per-task=12' in args and not (tmp_path / 'run').exists()


def test_mimco__has_a_version_and_bears_a_pipe_that_is_closed():
    tool = str(TOOLS / 'mimco')
    assert subprocess.run([sys.executable, tool, '--version'], capture_output=True, text=True
                          ).stdout == f'mimco-mm {__version__}\n'
    cut = subprocess.run(['bash', '-c', f'{sys.executable} {tool} | true'], capture_output=True,
                         text=True)
    assert cut.stderr == ''


def test_interrupted_tool__says_what_goes_on(tmp_path):
    tool = tmp_path / 'tool.py'
    tool.write_text(f'''import sys, time
sys.path.insert(0, {str(TOOLS)!r})
from command_line import run_tool
def main():
    print('begun', flush=True)
    time.sleep(60)
run_tool(main, goes_on=True)
''')
    started = subprocess.Popen([sys.executable, str(tool)], text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, preexec_fn=listen)
    assert started.stdout.readline() == 'begun\n'
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=60)
    assert (started.returncode, told) == (130, '\ninterrupted; the same command goes on\n')


@pytest.mark.parametrize('part', ['train', 'test'])
@pytest.mark.skipif(shutil.which('srun') is not None, reason='needs a machine without Slurm')
def test_slurm__that_is_not_there_is_told(part):
    ended = subprocess.run(['bash', str(TOOLS / f'slurm_{part}.sh'), 'part', 'job', 'c.py', 'dir'],
                           capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (
        1, "error: there is no srun here (Slurm's launcher); without Slurm: "
        f'tools/dist_{part}.sh\n')


NUMBERS = ['GPUS', 'GPUS_PER_NODE', 'CPUS_PER_TASK']


@pytest.mark.parametrize(('script', 'args', 'names'), [
    ('slurm_train.sh', ['part', 'job', 'c.py', 'dir'], NUMBERS),
    ('slurm_test.sh', ['part', 'job', 'c.py', 'c.pth'], NUMBERS),
    ('dist_train.sh', ['c.py', None], ['GPUS']),
    ('dist_test.sh', ['c.py', 'c.pth', None], ['GPUS'])])
def test_numbers__run_no_command(tmp_path, script, args, names):
    """bash's arithmetic would: $((gpus < 8)) with gpus='a[$(touch FILE)]' makes the file."""
    for name in names:
        text = f'a[$(touch {tmp_path}/run)]'
        result = subprocess.run(
            ['bash', str(TOOLS / script), *(arg or text for arg in args)], capture_output=True,
            text=True, env={**os.environ, name: text})
        assert result.returncode == 1
        assert f"{name} must be a number from 1 up, got '{text}'" in result.stderr
        assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(('script', 'args', 'option'), [
    ('slurm_train.sh', ['part', 'job', 'c.py', 'dir', '--resume', '--work-dir', 'b'], '--work-dir'),
    ('slurm_test.sh', ['part', 'job', 'c.py', 'c.pth', '--launcher=none'], '--launcher'),
    ('dist_train.sh', ['c.py', '8', '--gpus=1'], '--gpus'),
    ('dist_test.sh', ['c.py', 'c.pth', '8', '--gpus', '1'], '--gpus')])
def test_what_an_argument_says__is_not_said_again(script, args, option):
    result = subprocess.run(['bash', str(TOOLS / script), *args], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, '')
    assert f'error: {option} is what an argument in front says' in result.stderr


def test_dist_test(launch):
    _, *args = launch('dist_test.sh', 'my config.py', 'a file.pth', '2', '--out', 'x.pkl')
    assert args == [str(TOOLS / 'test.py'), 'my config.py', 'a file.pth', '--gpus', '2', '--out',
                    'x.pkl']


def test_slurm_test(launch):
    _, *args = launch('slurm_test.sh', 'part', 'a job', 'c.py', 'a file.pth', '--tta', GPUS='4')
    assert {'--partition=part', '--job-name=a job', '--ntasks=4', '--gres=gpu:4'} <= set(args)
    assert args[-6:] == [str(TOOLS / 'test.py'), 'c.py', 'a file.pth', '--launcher', 'slurm',
                         '--tta']


def test_python_without_torch__is_told_to_make_an_environment(tmp_path):
    """As where no environment is active, and a checkout has none of its own."""
    for name in ('common.sh', 'dist_train.sh', 'train.py'):
        (tmp_path / 'tools').mkdir(exist_ok=True)
        (tmp_path / 'tools' / name).write_text((TOOLS / name).read_text())
    python = tmp_path / 'python'
    python.write_text(f'#!/bin/bash\nexec {sys.executable} -S "$@"\n')  # without site-packages
    python.chmod(0o755)
    env = {name: value for name, value in os.environ.items() if name != 'VIRTUAL_ENV'}
    result = subprocess.run(
        ['bash', str(tmp_path / 'tools' / 'dist_train.sh'), 'mimco_swin-t', '1'], text=True,
        capture_output=True, env={**env, 'PATH': f'{tmp_path}{os.pathsep}{env["PATH"]}'})
    assert result.returncode == 1 and 'source .venv/bin/activate' in result.stderr


def test_tool_without_torch__names_the_environment():
    result = subprocess.run([sys.executable, '-S', str(TOOLS / 'figures' / 'preview.py'), 'c.py'],
                            capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr.count('\n') == 1
    assert result.stderr.startswith('error: torch is not in the environment of ')


@pytest.mark.parametrize(('script', 'args', 'variables', 'message'), [
    ('dist_train.sh', ['c.py'], {}, 'expected CONFIG and GPUS, got 1'),
    ('dist_train.sh', ['c.py', '--resume'], {}, "a number from 1 up, got '--resume'"),
    ('slurm_train.sh', ['part', 'job', 'c.py', 'dir'], {'GPUS': '1' * 20},
     'GPUS must be a number from 1 up'),
    ('slurm_train.sh', ['part', 'job'], {}, 'got 2 argument'),
    ('dist_test.sh', ['c.py', 'c.pth'], {}, 'expected CONFIG, CHECKPOINT and GPUS, got 2'),
    ('dist_test.sh', ['c.py', 'c.pth', '0'], {}, "a number from 1 up, got '0'"),
    ('slurm_test.sh', ['part', 'job'], {}, 'got 2 argument'),
    ('setup_env.sh', ['all'], {}, "demo, tests or original, got 'all'"),
    ('run_tests.sh', ['--stack', 'old'], {}, "maintained or original, got 'old'"),
])
def test_wrong_use_is_explained(script, args, variables, message):
    result = subprocess.run(['bash', str(TOOLS / script), *args], capture_output=True, text=True,
                            env={**os.environ, **variables})
    assert result.returncode == 1
    assert message in result.stderr
