"""--teacher timm:NAME and hf:NAME: weights from a hub that stands in for Hugging Face's."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import timm
import torch
from safetensors.torch import save_file

from tests import tiny

from .forked import run_forked
from .support import summary

NAME, GATED = 'test_vit.r160_in1k', 'facebook/dinov3-vits16-pretrain-lvd1689m'


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does to its client: files of ``pages``, one gated repository, one down."""

    pages: dict = {}
    asked: list = []

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        page = self.pages.get(self.path)
        headers = {'X-Repo-Commit': 'a' * 40, 'ETag': '"1"',
                   'Content-Length': str(len(page or b''))}
        code = 200 if page else 404
        if page is None:
            headers['X-Error-Code'] = 'EntryNotFound'
        if self.path.startswith(f'/{GATED}/'):
            code, headers['X-Error-Code'] = 403, 'GatedRepo'
        if self.path.startswith('/timm/test_vit2'):
            code = 403  # as a company's proxy does
            headers.pop('X-Error-Code', None)
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(page or b'')

    do_GET = do_HEAD

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope='module')
def ended(tmp_path_factory) -> dict:
    """How each command ended."""
    root = tmp_path_factory.mktemp('hub')
    data = tiny.write_images(root / 'images', 8)
    cfg = tiny.config('mimco_swin-t', root / 'run', data)
    cfg.dump(root / 'config.py')
    torch.manual_seed(0)
    save_file(timm.create_model(NAME).state_dict(), root / 'vit.safetensors')
    server = ThreadingHTTPServer(('127.0.0.1', 0), Hub)
    Hub.pages = {f'/timm/{NAME}/resolve/main/model.safetensors':
                 (root / 'vit.safetensors').read_bytes()}
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def train(teacher: str) -> list:
        return ['train.py', 'config.py', '--teacher', teacher, '--dry-run', '--work-dir', 'run']

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv('HF_ENDPOINT', f'http://127.0.0.1:{server.server_port}')
        environment.setenv('HF_HOME', str(root / 'hf'))
        environment.setenv('no_proxy', '127.0.0.1')
        environment.delenv('HF_HUB_OFFLINE', raising=False)
        found = run_forked(dict(
            hub=train(f'timm:{NAME}'), cached=train(f'timm:{NAME}'),
            file=train(f'timm:{NAME}=vit.safetensors'), gated=train(f'hf:{GATED}'),
            down=train('timm:test_vit2.r160_in1k'), unknown=train('timm:test_vitt'),
            nameless=train('timm:')), root)
    server.shutdown()
    server.server_close()
    return found


@pytest.mark.parametrize('name', ['hub', 'cached', 'file'])
def test_named__a_run_says_all_that_was_worked_out(ended, name):
    assert ended[name].code == 0, ended[name].text
    told = ' '.join(summary(ended[name].text).split())
    assert f'teacher {"vit.safetensors" if name == "file" else f"timm:{NAME}"} (sha256' in told
    assert (f'teacher TimmFeatureMap {NAME}: sees images in 64 px, mean (127.5, 127.5, '
            '127.5), std (127.5, 127.5, 127.5); gives 4 x 4 patches, 64 wide; adapter 16 -> 64 '
            'channels behind the student') in told


def test_named__the_hub_is_asked_for_the_file_once(ended):
    file = f'/timm/{NAME}/resolve/main/model.safetensors'
    assert file in Hub.asked


def test_named__a_hub_that_does_not_answer_is_asked_for_one_file(ended):
    assert {path for path in Hub.asked if path.startswith('/timm/test_vit2')} == {
        '/timm/test_vit2.r160_in1k/resolve/main/model.safetensors'}


@pytest.mark.parametrize('name, words', [
    ('gated', [f'{GATED} is gated: accept its terms at https://huggingface.co/{GATED}',
               'HF_TOKEN', '--teacher hf:FOLDER']),
    ('down', ['timm/test_vit2.r160_in1k cannot be downloaded', '/hf/hub',
              'https://huggingface.co/timm/test_vit2.r160_in1k/resolve/main/model.safetensors',
              '--teacher timm:test_vit2.r160_in1k=FILE']),
    ('unknown', ["has no model 'test_vitt'", 'Did you mean test_vit']),
    ('nameless', ['--teacher timm: expects a name']),
])
def test_named__what_cannot_be_had_is_told(ended, name, words):
    assert ended[name].code == 1 and 'Traceback' not in ended[name].text
    assert all(word in ended[name].text for word in words), ended[name].text
