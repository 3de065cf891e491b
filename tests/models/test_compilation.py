"""Blocks compile without a graph break, once a shape, and compute what they did."""

import logging.handlers
import queue
import re

import pytest
import torch
from mmengine.logging import MMLogger
from mmpretrain.registry import MODELS

from mimco_mm.models.acceleration import (
    accelerate,
    attention,
    compile_blocks,
    compiled_blocks,
    layers,
)
from mimco_mm.models.acceleration.onednn_linear import OneDNNLinear

from .test_acceleration import NETWORKS, build, outcome, relative_error

# torch 2.5 cannot trace how mmengine looks at the arguments of a deprecated call
pytestmark = pytest.mark.maintained_only
SMALL = dict(img_size=64, patch_size=16, arch=dict(
    embed_dims=48, num_layers=2, num_heads=12, feedforward_channels=96))


@pytest.fixture(autouse=True)
def fresh_dynamo():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    limit = torch._dynamo.config.cache_size_limit
    yield
    torch._dynamo.config.cache_size_limit = limit
    torch._dynamo.config.suppress_errors = False
    torch._dynamo.reset()


@NETWORKS
@pytest.mark.parametrize('faster', [False, True, 'fused'])
def test_compile_blocks__whole_graphs_of_the_same_results(config, faster, monkeypatch):
    monkeypatch.setattr(attention, 'fused_is_faster', lambda x: faster == 'fused')
    config = {**config, 'drop_path_rate': 0.}
    plain, compiled = build(config).double(), build(config).double()
    if faster:
        accelerate(compiled)
    compile_blocks(compiled, backend='aot_eager', fullgraph=True)
    torch._dynamo.config.suppress_errors = False  # a graph break is an error here
    wanted, got = outcome(plain), outcome(compiled)
    assert list(plain.state_dict()) == list(compiled.state_dict())
    for name in wanted:
        assert relative_error(got[name], wanted[name]) < 1e-12, name


@NETWORKS
def test_compile_blocks__nothing_is_compiled_again(config):
    network = compile_blocks(accelerate(build({**config, 'drop_path_rate': 0.2})),
                             backend='aot_eager', fullgraph=True)
    torch._dynamo.config.suppress_errors = False
    x, mask = torch.randn(3, 3, 64, 64), torch.ones(3, 2, 2, dtype=torch.bool)
    network(x, mask)[-1].sum().backward()
    graphs = torch._dynamo.utils.counters['stats']['unique_graphs']
    network(x, mask)[-1].sum().backward()
    assert 0 < torch._dynamo.utils.counters['stats']['unique_graphs'] == graphs


def swin_teacher(path):
    swin = dict(type='SwinTransformer', img_size=64, window_size=2,
                arch=dict(embed_dims=8, depths=[2, 2, 2, 2], num_heads=[1, 2, 4, 8]))
    torch.save(MODELS.build(swin).state_dict(), path)
    return MODELS.build(dict(type='FrozenTeacher', backbone=swin, checkpoint=str(path)))


def test_compile_blocks__reaches_a_frozen_teacher_with_its_biases(tmp_path):
    teacher = swin_teacher(tmp_path / 'teacher.pth')
    accelerate(teacher).init_weights()
    x = torch.randn(2, 3, 64, 64)
    wanted = teacher(x)
    compile_blocks(teacher, backend='aot_eager', fullgraph=True)
    torch._dynamo.config.suppress_errors = False
    torch.testing.assert_close(teacher(x), wanted)
    assert torch._dynamo.utils.counters['stats']['unique_graphs'] > 0
    with torch.autocast('cpu', torch.bfloat16):  # with weights that are cast once
        torch.testing.assert_close(teacher(x).float(), wanted, rtol=0.1, atol=0.1)


def test_compile_blocks__every_shape_of_student_and_teacher_is_compiled():
    """Three stages, shifted or not, and a last one, of the student and of the frozen teacher."""
    torch._dynamo.config.cache_size_limit = 8  # torch's own
    swin = dict(img_size=64, window_size=2, drop_path_rate=0.,
                arch=dict(embed_dims=8, depths=[2, 2, 4, 2], num_heads=[1, 2, 4, 8]))
    student = accelerate(build(dict(type='MaskedSwinTransformer', **swin)))
    student.hidden_networks = (accelerate(build(dict(type='SwinTransformer', **swin))), )
    teacher, = student.hidden_networks
    teacher.requires_grad_(False).eval()
    assert compiled_blocks(student) == (0, 20)
    compile_blocks(student, backend='eager')
    assert compiled_blocks(student) == (20, 20)
    x, mask = torch.randn(2, 3, 64, 64), torch.ones(2, 2, 2, dtype=torch.bool)
    student(x, mask)
    with torch.no_grad():
        teacher(x)
    assert torch._dynamo.utils.counters['stats']['unique_graphs'] == 2 * 7  # of 20 blocks


def test_compile_blocks__what_cannot_be_compiled_runs_as_before():
    def broken(graph, inputs):
        raise RuntimeError('this backend compiles nothing')

    network = build(dict(type='MaskedMoCoV3ViT', drop_path_rate=0., **SMALL))
    x = torch.randn(2, 3, 64, 64)
    wanted = network(x)[-1]
    said = logging.handlers.QueueHandler(queue.SimpleQueue())
    logger = MMLogger.get_current_instance()
    logger.addHandler(said)
    assert torch.equal(compile_blocks(network, backend=broken)(x)[-1], wanted)
    logger.removeHandler(said)
    lines = [said.queue.get().getMessage() for _ in range(said.queue.qsize())]
    assert lines and all(re.fullmatch(
        r'Not compiled, and run as it is: \w+ \S+\.py line \d+ \(\w+: .*this backend compiles '
        r'nothing.*\)', line) for line in lines), lines


def test_compile_blocks__what_is_computed_once_is_not_compiled(tmp_path):
    teacher = compile_blocks(swin_teacher(tmp_path / 'teacher.pth'), backend='eager')
    teacher.init_weights()
    assert teacher.spread is not None
    assert not torch._dynamo.utils.counters['stats']['unique_graphs']
    teacher(torch.randn(2, 3, 64, 64))
    assert torch._dynamo.utils.counters['stats']['unique_graphs']


def test_compile_blocks__products_are_the_compilers(monkeypatch):
    """Inductor does not take oneDNN's operator."""
    monkeypatch.setattr(layers, 'onednn_is_faster', lambda: True)
    targets = set()

    def backend(graph, inputs):
        targets.update(str(node.target) for node in graph.graph.nodes)
        return graph.forward

    network = accelerate(build(dict(type='MaskedMoCoV3ViT', drop_path_rate=0., **SMALL)))
    assert any(isinstance(module, OneDNNLinear) for module in network.modules())
    compile_blocks(network, backend=backend, fullgraph=True)(torch.randn(2, 3, 64, 64))
    assert 'linear' in str(targets)
    assert not [name for name in targets if 'mkldnn' in name or 'autograd' in name]
