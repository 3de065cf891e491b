"""Checkpoints by URL: asked for once, kept, and checked; what fails is said in words."""

import contextlib
import hashlib
import multiprocessing
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger
from mmpretrain.registry import MODELS
from safetensors.torch import save_file

from mimco_mm.checkpoints import CheckpointError, load_backbone
from mimco_mm.checkpoints.download import local_file

from ..reference.official import files, vit

VIT = dict(
    type='VisionTransformer', img_size=64, patch_size=16, out_type='featmap',
    arch=dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=192))
CONTENT = b'whatever a release holds'
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.pages``, by path and query, and counts what it is asked for."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(self.server.delay)
        page = self.server.pages.get(self.path)
        if page is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(self.server.stated_length or len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on this machine; ``server.url`` is its address."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    server.asked, server.pages, server.stated_length, server.delay = [], {}, None, 0
    server.url = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.01))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch) -> Path:
    """Where torch keeps downloads."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    return tmp_path / 'torch' / 'hub'


def kept_files(hub: Path) -> list:
    return [file for file in hub.rglob('*')
            if file.is_file() and file.suffix not in ('.lock', '.sha256')]


def refusal(url: str, **arguments) -> str:
    with pytest.raises(CheckpointError) as error:
        local_file(url, **arguments)
    return str(error.value)


def write(path: Path, content: bytes = CONTENT) -> Path:
    path.write_bytes(content)
    return path


def test_local_file__a_path_is_left_where_it_is(tmp_path, hub):
    path = write(tmp_path / 'a.pth')
    assert local_file(str(path)) == (str(path), SHA256) == local_file(path)
    assert kept_files(hub) == []


def test_local_file__home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    write(tmp_path / 'a.pth')
    assert local_file('~/a.pth').path == str(tmp_path / 'a.pth')


def test_local_file__a_url_is_asked_for_once(server, hub):
    server.pages['/releases/teacher.pth'] = CONTENT
    first, second = (local_file(f'{server.url}/releases/teacher.pth') for _ in range(2))
    assert first == second and first.sha256 == SHA256
    assert server.asked == ['/releases/teacher.pth']
    assert Path(first.path).read_bytes() == CONTENT and Path(first.path).name == 'teacher.pth'
    assert [str(file) for file in kept_files(hub)] == [first.path]


def test_local_file__a_file_url(tmp_path, hub):
    path = write(tmp_path / 'a b.pth')
    kept = local_file(path.as_uri())
    assert kept.sha256 == SHA256 and Path(kept.path).name == 'a b.pth'
    assert hub in Path(kept.path).parents
    path.unlink()
    assert local_file(path.as_uri()) == kept


def test_local_file__urls_with_one_file_name_are_kept_apart(server):
    pages = {f'/{vit}/checkpoint.pth{query}': f'{vit}{query}'.encode()
             for vit in ('vits_16', 'vitb_16') for query in ('', '?download=1')}
    server.pages.update(pages)
    kept = {page: local_file(server.url + page).path for page in pages}
    assert len(set(kept.values())) == 4
    for page, path in kept.items():
        assert Path(path).name == 'checkpoint.pth' and Path(path).read_bytes() == pages[page]


def test_local_file__processes_that_need_it_at_once_ask_for_it_once(server, hub):
    server.pages['/teacher.pth'], server.delay = CONTENT, 0.5
    with multiprocessing.get_context('fork').Pool(3) as pool:
        found = pool.map(local_file, [f'{server.url}/teacher.pth'] * 3, chunksize=1)
    assert [one.sha256 for one in found] == [SHA256] * 3
    assert server.asked == ['/teacher.pth']
    assert [str(file) for file in kept_files(hub)] == [found[0].path]


def test_local_file__a_process_that_dies_holds_nobody_up(server, hub):
    """Killed within its download, it leaves what it has, and the lock."""
    server.pages['/teacher.pth'], server.delay = CONTENT, 30
    url = f'{server.url}/teacher.pth'
    process = multiprocessing.get_context('fork').Process(target=local_file, args=(url, ))
    process.start()
    while not server.asked:
        time.sleep(0.01)
    process.kill()
    process.join()
    server.delay = 0
    assert local_file(url).sha256 == SHA256


@pytest.mark.parametrize('sha256', [SHA256, SHA256[:8], SHA256.upper()])
def test_local_file__right_sha256(server, tmp_path, sha256):
    server.pages['/a.pth'] = CONTENT
    for checkpoint in (f'{server.url}/a.pth', str(write(tmp_path / 'a.pth'))):
        assert local_file(checkpoint, sha256).sha256 == SHA256


def test_local_file__wrong_sha256(server, tmp_path, hub):
    server.pages['/a.pth'] = CONTENT
    url, path, wrong = f'{server.url}/a.pth', str(write(tmp_path / 'a.pth')), '0' * 8
    message = refusal(path, sha256=wrong)
    assert f'has the sha256 {SHA256}, expected 00000000' in message
    assert message.endswith('Check where it came from.')
    message = refusal(url, sha256=wrong)
    assert f'gave a file with the sha256 {SHA256}, expected 00000000' in message
    assert kept_files(hub) == []
    # Of one that was kept, the file to be deleted is named, and to delete it mends.
    kept = local_file(url).path
    assert refusal(url, sha256=wrong).startswith(f'{kept} has the sha256 {SHA256}, expected 0000')
    server.pages['/a.pth'] = b'another'
    Path(kept).unlink()
    another = hashlib.sha256(b'another').hexdigest()
    assert local_file(url, another) == (kept, another) == local_file(url)


def test_local_file__the_first_hash_is_kept_and_compared(server):
    server.pages['/a.pth'] = CONTENT
    url = f'{server.url}/a.pth'
    kept = Path(local_file(url).path)
    assert Path(f'{kept}.sha256').read_text() == f'{SHA256}  a.pth\n'
    kept.write_bytes(b'damaged')
    assert f'expected {SHA256}' in refusal(url) and 'Delete it to download' in refusal(url)
    kept.unlink()
    server.pages['/a.pth'] = b'exchanged'
    message = refusal(url)
    assert f'and one with {SHA256} before' in message and not kept.exists()
    Path(re.search(r'delete (\S+)\.$', message)[1]).unlink()  # as told
    assert local_file(url).sha256 == hashlib.sha256(b'exchanged').hexdigest()


def test_local_file__open_line_without_a_hash_is_said(server, tmp_path):
    log = tmp_path / 'log.txt'
    MMLogger.get_instance(tmp_path.name, log_file=str(log))
    server.pages['/a.pth'] = server.pages[f'/a-{SHA256[:8]}.pth'] = CONTENT
    local_file(f'{server.url}/a.pth', SHA256)
    local_file(f'{server.url}/a-{SHA256[:8]}.pth')
    local_file(write(tmp_path / 'a.pth').as_uri())
    assert log.read_text() == ''
    local_file(f'{server.url}/a.pth')
    assert f'{server.url}/a.pth comes over an open line' in log.read_text()


def test_local_file__hash_in_the_name(server):
    for name in (f'vit-{SHA256[:8]}', f'vit_20230426-{SHA256[:8]}', f'vit-{SHA256}'):
        server.pages[f'/{name}.pth'] = CONTENT
        assert local_file(f'{server.url}/{name}.pth').sha256 == SHA256
    server.pages['/vit_20230426-5641ca5a.pth'] = CONTENT
    assert 'expected 5641ca5a' in refusal(f'{server.url}/vit_20230426-5641ca5a.pth')


def test_local_file__sha256_that_is_given_comes_before_the_name(server):
    server.pages['/vit-5641ca5a.pth'] = CONTENT
    assert local_file(f'{server.url}/vit-5641ca5a.pth', SHA256).sha256 == SHA256
    server.pages[f'/vit-{SHA256[:8]}.pth'] = CONTENT
    assert 'expected 12345678' in refusal(f'{server.url}/vit-{SHA256[:8]}.pth', sha256='12345678')


@pytest.mark.parametrize('name', [
    'vit-20230426.pth', 'vit-s-300ep.pth.tar', 'swin_tiny_patch4_window7_224.pth',
    'vit-abcdefg0.pth', 'vit-abc123.pth', 'vit_5641ca5a.pth', '5641ca5a.pth',
    'checkpoint-20991231.pth', 'vit-5641ca5a-nohead.pth', 'ViT-B-16.safetensors'])
def test_local_file__no_hash_in_the_name(server, name):
    server.pages[f'/{name}'] = CONTENT
    assert local_file(f'{server.url}/{name}').sha256 == SHA256


def test_local_file__a_path_may_be_named_as_it_likes(tmp_path):
    assert local_file(write(tmp_path / 'vit-5641ca5a.pth')).sha256 == SHA256


def test_local_file__not_found_and_found_later(server, hub):
    url = f'{server.url}/teacher.pth'
    message = refusal(url)
    assert message.startswith(f'{url} cannot be downloaded (HTTP Error 404')
    assert 'download it elsewhere and give its path, or put it at ' in message
    assert kept_files(hub) == []  # not even a part
    place = re.search(r'put it at (\S+)\. ', message)[1]
    Path(place).write_bytes(CONTENT)
    assert local_file(url) == (place, SHA256)  # as told
    Path(place).unlink()
    server.pages['/teacher.pth'] = CONTENT
    assert local_file(url) == (place, SHA256)
    assert server.asked == ['/teacher.pth'] * 2


def test_local_file__nobody_answers(monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    message = refusal(f'http://127.0.0.1:{port}/teacher.pth')
    assert 'cannot be downloaded' in message and 'On a machine without a network' in message


@pytest.mark.parametrize('url', ['s3://bucket/a.pth', 'petrel://a.pth', 'ftp://host/a.pth',
                                 'data://text/plain,a'])
def test_local_file__other_schemes(url, hub):
    message = refusal(url)
    assert f'{url}: paths, and http, https and file URLs' in message
    assert f'not {url.partition(":")[0]}. Download it, and give its path' in message
    assert not hub.exists()


@pytest.mark.parametrize('url', ['file:///nowhere/a.pth', 'file:///', 'http:///a.pth'])
def test_local_file__urls_of_nothing(url):
    assert f'{url} cannot be downloaded' in refusal(url)


@pytest.mark.parametrize('url', [
    'http://127.0.0.1:9/my teacher.pth', 'http://127.0.0.1:port/a.pth', 'http://[::1/a.pth',
    f'http://{"a" * 64}.org/a.pth'])
def test_local_file__malformed_urls(url, monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    assert url in refusal(url)


def test_local_file__a_transfer_that_breaks_off_is_not_kept(server, hub):
    server.pages['/a.pth'], server.stated_length = CONTENT[:10], len(CONTENT)
    with pytest.raises(CheckpointError):
        local_file(f'{server.url}/a.pth')
    assert kept_files(hub) == []


def test_local_file__missing_path_says_how_to_get_it(tmp_path):
    message = refusal(str(tmp_path / 'teacher.pth'), if_missing='Run stage 1 first.')
    assert message == (f'No such checkpoint file: {tmp_path / "teacher.pth"} (seen from '
                       f'{Path.cwd()}). Run stage 1 first.')
    assert refusal(str(tmp_path / 'teacher.pth')).endswith(').')


def load(url: str, **arguments) -> tuple:
    network = MODELS.build(VIT)
    return network, load_backbone(network, url, config_key='model.teacher', **arguments)


def test_load_backbone__by_url(server, tmp_path):
    state = vit.random_vit()
    server.pages['/a.pth'] = files.moby(tmp_path / 'a.pth', state).read_bytes()
    network, report = load(f'{server.url}/a.pth')
    assert torch.equal(network.state_dict()['layers.2.ln1.weight'], state['blocks.2.norm1.weight'])
    assert report.checkpoint == f'{server.url}/a.pth'
    assert report.sha256 == hashlib.sha256(server.pages['/a.pth']).hexdigest()
    assert str(report).startswith(f'{server.url}/a.pth (sha256 {report.sha256[:12]}; MoBY')


def test_load_backbone__safetensors_by_url_with_a_query(server, tmp_path):
    save_file(vit.random_vit(), tmp_path / 'a.safetensors')
    server.pages['/a.safetensors?download=true'] = (tmp_path / 'a.safetensors').read_bytes()
    _, report = load(f'{server.url}/a.safetensors?download=true')
    assert report.covered == report.parameters


@pytest.mark.parametrize('page', [
    b'\n<!DOCTYPE html><html><body>Sign in to download</body></html>', b'<html lang="en">',
    b'<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code></Error>'])
def test_load_backbone__web_page_in_place_of_the_file(server, hub, tmp_path, page):
    url = f'{server.url}/a.pth'
    server.pages['/a.pth'] = page
    with pytest.raises(CheckpointError) as error:
        load(url)
    message = str(error.value)
    assert f"Cannot load VisionTransformer from `model.teacher`='{url}':\n" in message
    assert f'{url} gave a web page, not a checkpoint: take the link of the file itself' in message
    assert kept_files(hub) == []
    server.pages['/a.pth'] = files.moby(tmp_path / 'a.pth', vit.random_vit()).read_bytes()
    load(url)


@pytest.mark.parametrize('url, arguments, reason', [
    ('s3://bucket/a.pth', {}, 'not s3'),
    ('file:///nowhere/a.pth', {}, 'cannot be downloaded'),
    ('/nowhere/a.pth', dict(if_missing='Run stage 1.'), r'No such checkpoint file.*Run stage 1\.'),
])
def test_load_backbone__refusals_name_key_and_network(url, arguments, reason):
    with pytest.raises(CheckpointError, match=(
            rf"Cannot load VisionTransformer from `model.teacher`='{url}':\n.*{reason}")):
        load(url, **arguments)


def test_load_backbone__another_file_than_sha256_says(tmp_path):
    path = files.moby(tmp_path / 'a.pth', vit.random_vit())
    with pytest.raises(CheckpointError, match='`model.teacher`=.*\n.* expected 00000000: it is'):
        load(str(path), sha256='00000000')
    assert load(str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest()[:16])
