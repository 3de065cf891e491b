"""One student of several teachers: the sum of as many MimCos with one student."""

import re

import pytest
import torch
from mmengine.config import Config, ConfigDict
from torch import nn

from mimco_mm.engine import fit_teacher
from mimco_mm.errors import ConfigError, told_at
from mimco_mm.models import MultiTeacherMimCo, branches_of, teachers_of
from mimco_mm.options import CONFIGS, check_config, load_config
from mimco_mm.options.teachers import branch_name, set_teacher
from mimco_mm.tables.effective_epochs import effective_epochs_of_config
from mimco_mm.teacher_parts import teacher_parts

from .test_mimco import GRID, B, C, Maps, TeacherMaps, at_step, build, head, neck, samples

X = torch.zeros(B, 3, 8, 8)
WIDE = C + 2


class CountedMaps(Maps):
    """A student that counts how often it is asked."""

    calls = 0

    def forward(self, x, mask=None):
        self.calls += 1
        return super().forward(x, mask)


def branch(z_k: torch.Tensor, width: int = C, **kwargs) -> dict:
    levels = dict(patch_neck=neck(width), patch_head=head(), image_neck=neck(width),
                  image_head=head())
    return dict(type='MimCoBranch', target_generator=TeacherMaps(z_k), **{**levels, **kwargs})


ADAPTED = dict(patch_neck=neck(WIDE), image_neck=neck(WIDE),
               adapter=dict(type='ChannelAdapter', in_channels=C, out_channels=WIDE))


@pytest.fixture
def maps() -> tuple:
    """The student's, a teacher's of its width, and another's, wider and on a finer grid."""
    torch.manual_seed(0)
    z, z_a = torch.randn(2, B, C, *GRID, dtype=torch.float64)
    return z, z_a, torch.randn(B, WIDE, 6, 8, dtype=torch.float64)


def test_loss__is_the_weighted_sum_of_one_mimco_a_teacher(maps):
    z, z_a, z_b = maps
    model = MultiTeacherMimCo(CountedMaps(z), dict(
        b=branch(z_b, weight=0.25, **ADAPTED), a=branch(z_a, patch_queue_key='masked')))
    model = model.double().train()
    singles = dict(a=build(z, z_a, patch_queue_key='masked'), b=build(z, z_b, **ADAPTED))
    for name, single in singles.items():
        single.load_state_dict({**single.state_dict(), **model.branches[name].state_dict()})
    weights = dict(a=1., b=0.25)
    for step in range(3):  # moving averages and queues go on as those of one
        mask = torch.rand(B, *GRID) < 0.6
        mask[:, 0, 0] = True
        at_step(step)
        model.zero_grad()
        found = model.loss(X, samples(mask))
        sum(found.values()).backward()
        assert model.backbone.calls == step + 1
        total = 0.
        for name, single in singles.items():
            single.zero_grad()
            losses = single.loss(X, samples(mask))
            for level, loss in losses.items():
                assert torch.equal(found.pop(f'{level}_{name}'), weights[name] * loss)
            (weights[name] * sum(losses.values())).backward()
            total = total + single.backbone.maps.grad
            wanted = dict(single.named_parameters())
            for key, parameter in model.branches[name].named_parameters():
                grad = wanted[key].grad
                assert (parameter.grad is None) == (grad is None), key
                if grad is not None:
                    torch.testing.assert_close(parameter.grad, grad, rtol=1e-12, atol=1e-14)
            for key, value in model.branches[name].state_dict().items():
                assert torch.equal(value, single.state_dict()[key]), key
        assert not found
        torch.testing.assert_close(model.backbone.maps.grad, total, rtol=1e-12, atol=1e-14)
        assert all(one.maps == () for one in model.branches.values())


def test_model__order_of_the_teachers_decides_nothing(maps):
    z, z_a, _ = maps
    parts = dict(b=branch(z_a), a=branch(z_a, weight=3))
    states = []
    for names in (('a', 'b'), ('b', 'a')):
        torch.manual_seed(5)
        states.append(MultiTeacherMimCo(Maps(z), {name: parts[name] for name in names})
                      .state_dict())
    assert list(states[0]) == list(states[1])
    assert all(torch.equal(*pair) for pair in zip(*(state.values() for state in states)))


def test_branches__of_one_teacher_are_the_model_itself(maps):
    single = build(*maps[:2])
    assert branches_of(single) == {'': single} and teachers_of(single) == {}
    single.target_generator.report = 'loaded'
    assert teachers_of(single) == {'': single.target_generator}
    assert teachers_of(nn.Linear(1, 1)) == {}


@pytest.mark.parametrize('kwargs, message', [
    (dict(weight=0), '`model.teachers.a.weight` must be above 0, got 0'),
    (dict(patch_queue_key='some'), "`model.teachers.a`: `patch_queue_key` must be 'all'"),
    (dict(patch_neck=None), r'`model.teachers.a`: `patch_neck` and `patch_head` go together'),
])
def test_init__says_which_teacher_is_wrong(maps, kwargs, message):
    with pytest.raises(ConfigError, match=message):
        MultiTeacherMimCo(Maps(maps[0]), dict(a=branch(maps[1], **kwargs)))


@pytest.mark.parametrize('teachers', [{}, {'vit-s': None}, {'a.b': None}, {'1': None}])
def test_init__names_are_identifiers(maps, teachers):
    with pytest.raises(ConfigError, match='`model.teachers` expects teachers by names'):
        MultiTeacherMimCo(Maps(maps[0]), teachers)


def test_loss__says_which_teachers_width_differs(maps):
    z, _, z_b = maps
    model = MultiTeacherMimCo(Maps(z), dict(a=branch(z_b))).double()
    at_step(0)
    with pytest.raises(ConfigError, match=r'the teacher 8.*`model\.teachers\.a\.adapter='):
        model.loss(X, samples(torch.ones(B, *GRID)))


def test_told_at__names_the_keys_of_one_teacher_alone():
    with pytest.raises(ConfigError, match='^`model.target_generator.dtype`$'):
        with told_at('model'):
            raise ConfigError('`model.target_generator.dtype`')
    with pytest.raises(ConfigError, match='^model.teachers.a.adapter, not model.backbone$'):
        with told_at('model.teachers.a'):
            raise ConfigError('model.adapter, not model.backbone')


# --teacher

MIMCO = dict(
    type='MimCo', backbone=dict(type='B'), adapter=dict(in_channels=2, out_channels=3),
    target_generator=dict(type='FrozenTeacher', backbone=dict(type='T'), checkpoint='own.pth',
                          sha256='ab', layer_norm_targets=True),
    patch_neck=dict(in_channels=3), patch_head=dict(), image_neck=None, image_head=None,
    base_momentum=0.9)


def taught(*teachers: str, **model) -> dict:
    cfg = Config(dict(model={**MIMCO, **model}))
    set_teacher(cfg, list(teachers))
    return cfg.model


def test_teacher__one_is_as_ever():
    one = taught('/a/b.pth')
    assert one.type == 'MimCo' and one.target_generator.checkpoint == '/a/b.pth'


def test_teacher__several_get_copies_of_all_but_the_student():
    model = taught('/a/b.pth', 'timm:vit_x=f.pth', data_preprocessor=dict(type='P'))
    assert model.keys() == {'type', 'backbone', 'teachers', 'data_preprocessor'}
    assert model.type == 'MultiTeacherMimCo' and list(model.teachers) == ['b', 'vit_x']
    rest = {key: MIMCO[key] for key in MIMCO if key not in ('type', 'backbone', 'target_generator')}
    for part in model.teachers.values():
        assert {key: part[key] for key in rest} == rest
        assert (part.type, part.weight) == ('MimCoBranch', 1.)
    assert model.teachers.b.patch_neck is not model.teachers.vit_x.patch_neck
    assert model.teachers.b.target_generator == dict(
        type='FrozenTeacher', backbone=dict(type='T'), checkpoint='/a/b.pth',
        layer_norm_targets=True)
    assert model.teachers.vit_x.target_generator == dict(
        type='FrozenTeacher', timm='vit_x=f.pth', layer_norm_targets=True)
    assert list(teacher_parts(model)) == ['model.teachers.b', 'model.teachers.vit_x']
    assert teacher_parts(ConfigDict(MIMCO)) == {'model': MIMCO}
    assert teacher_parts(dict(type='MoBY')) == {} == teacher_parts(None)


@pytest.mark.parametrize('teacher, name', [
    ('hf:facebook/dinov2-small', 'dinov2_small'), ('hf:/my/folder/', 'folder'),
    ('timm:vit_small_patch16_dinov3.lvd1689m', 'vit_small_patch16_dinov3_lvd1689m'),
    ('timm:vit_x=/a/b.safetensors', 'vit_x'), ('https://x.org/vit-s-300ep.pth.tar', 'vit_s_300ep'),
    ('https://x.org/a.pth?download=1', 'a'), ('b/1.pth', 'teacher_1'), ('b/ü.pth', 'teacher'),
    ('m.pth', 'm_3')])
def test_teacher__names_are_of_files_and_models(teacher, name):
    assert branch_name(teacher, {'m', 'm_2'}) == name and name.isidentifier()


def test_config__of_the_document_is_fitted_to_both_teachers(tmp_path):
    page = (CONFIGS.parent / 'docs' / 'teachers.md').read_text()
    text, = re.findall(r'```python\n(_base_ = .*?)```', page, re.DOTALL)
    file = tmp_path / 'config.py'
    file.write_text(text.replace("'mimco", f"'{CONFIGS}/pretrain/mimco"))
    cfg = load_config(str(file))
    check_config(cfg)
    fit_teacher(cfg)
    moby, dinov3 = cfg.model.teachers.moby, cfg.model.teachers.dinov3
    assert (moby.patch_neck.in_channels, moby.get('adapter')) == (768, None)
    assert 'moby_swin_t' in moby.target_generator.checkpoint
    assert (dinov3.image_neck.in_channels, dinov3.weight) == (384, 0.5)
    assert dinov3.adapter == dict(type='ChannelAdapter', in_channels=768, out_channels=384)
    assert dinov3.target_generator.backbone.model_name == 'vit_small_patch16_dinov3.lvd1689m'
    assert effective_epochs_of_config(cfg) is None  # DINOv3's are not in its name


@pytest.mark.parametrize('teachers, model, message', [
    (['a.pth', 'b.pth', 'a.pth'], {}, 'a.pth is given twice'),
    ([], {}, 'expects a teacher, got none'),
    (['a.pth', 'b.pth'], dict(type='Mine'), 'makes no sense.*for MimCo, not for Mine'),
    (['a.pth'], dict(teachers=dict(x={})), 'it names several teachers itself'),
    (['a.pth', 'timm:'], {}, 'expects a name after timm:'),
])
def test_teacher__several_are_refused_where_they_cannot_be(teachers, model, message):
    with pytest.raises(ConfigError, match=message):
        taught(*teachers, **model)
