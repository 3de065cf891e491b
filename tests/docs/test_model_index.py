"""The model index: the paper's figures, the configs behind them, what mmpretrain makes of it."""

import re

import pytest
from mmengine.config import Config, DictAction
from mmpretrain import ModelHub, get_model, list_models
from modelindex.load_model_index import load

from mimco_mm.tables.effective_epochs import effective_epochs_of_config

from .support import INDEX, ROOT, index, index_rows, is_ours, key_of, options, paper_rows

MODELS = {model['Name']: model for model in index()['Models']}
RESULTS = [(name, result) for name, model in MODELS.items() for result in model['Results']]
DENSE = ('COCO', 'ADE20K')  # their configs inherit from mmdet's and mmseg's


def config_of(model: dict) -> Config:
    """Its config, with its options as the command line reads them."""
    config = Config.fromfile(ROOT / model['Config'])
    config.merge_from_dict({key: DictAction._parse_int_float_bool(value)
                            for key, value in options(model['Metadata']).items()})
    return config


def test_index__has_the_papers_figures_and_no_others():
    expected = {key_of(row): row.values for row in paper_rows().values() if is_ours(row)}
    assert len(expected) == 60
    assert index_rows() == expected


def test_index__every_figure_says_where_it_is_from():
    form = re.compile(r'paper|reproduced \(seed \d+, \S+\)')
    assert [name for name, result in RESULTS if not form.fullmatch(result['Source'])] == []
    assert [name for name, result in RESULTS if not result['Metrics']] == []


def test_index__is_sound_to_modelindex():
    found = load(str(INDEX))
    assert found.check(silent=True) == []
    assert [model.name for model in found.models] == list(MODELS)
    assert {type(model.weights) for model in found.models} == {type(None)}


@pytest.mark.parametrize('name', MODELS)
def test_entry__agrees_with_its_config(name):
    model, config = MODELS[name], config_of(MODELS[name])
    about = model['Metadata']
    assert config.train_cfg.max_epochs == config.param_scheduler[-1].end == about['Epochs']
    assert effective_epochs_of_config(config) == about['Effective Epochs']
    collection = next(c for c in index()['Collections'] if c['Name'] == model['In Collection'])
    assert config.auto_scale_lr.base_batch_size == collection['Metadata']['Batch Size']
    assert name.startswith((ROOT / model['Config']).stem)
    assert about['Method'].startswith(model['In Collection'])


@pytest.mark.parametrize('name', [name for name in MODELS if name.startswith('mimco')])
def test_entry__teacher_is_the_one_that_the_config_reads(name):
    teacher = MODELS[MODELS[name]['Metadata']['Teacher']]['Metadata']
    checkpoint = re.sub(r'[^a-z0-9]', '', config_of(
        MODELS[name]).model.target_generator.checkpoint.lower())
    method, size = teacher['Method'].lower(), teacher['Architecture'].lower()
    for part in (method, size.removesuffix('/16'), str(teacher['Epochs'])):
        assert re.sub(r'[^a-z0-9]', '', part) in checkpoint


@pytest.mark.parametrize('name, result', [
    pytest.param(name, result, marks=pytest.mark.maintained_only if result['Dataset'] in DENSE
                 else (), id=f'{name}-{result["Dataset"]}-{result["Tables"]}')
    for name, result in RESULTS])
def test_result__transfer_is_of_the_models_network(name, result):
    network = name.split('_')[1]
    assert re.search(rf'(^|_|/){network}(_|\.py)', result['Config'])
    config = Config.fromfile(ROOT / result['Config'])
    for path in options(result):  # an option that the config has not would change nothing
        value = config
        for part in path.split('.'):
            assert part in value, path
            value = value[part]


@pytest.fixture(scope='module')
def hub():
    """mmpretrain's models and ours, as a user registers them."""
    before = dict(ModelHub._models_dict)
    ModelHub.register_model_index(str(INDEX))
    yield
    ModelHub._models_dict = {**ModelHub._models_dict, **before}
    for name in MODELS:
        del ModelHub._models_dict[name]


@pytest.mark.parametrize('name, algorithm', [
    ('mimco_swin-t', 'MimCo'), ('mimco_vit-s_300e', 'MimCo'), ('mimco_swin-t_l1', 'MimCo'),
    ('moby_swin-t_100e', 'MoBY'), ('mocov3_vit-s', 'MoCoV3'), ('simmim_swin-t_800e', 'SimMIM'),
    ('simmim-moby_swin-t', 'SimMIMMoBY'),
])
def test_get_model__builds_the_network_of_a_row(hub, name, algorithm):
    assert name in list_models()
    model = get_model(name, pretrained=False)
    assert type(model).__name__ == algorithm
    width = {'swin-t': 96, 'vit-s': 384}[name.split('_')[1]]
    patches = model.backbone.patch_embed.projection
    assert patches.weight.shape[:2] == (width, 3)
    assert model._metainfo.weights is None and len(model._metainfo.results)


def test_get_model__our_names_hide_none_of_mmpretrains(hub):
    get_model('mimco_vit-s')  # which registers mmpretrain's own; a name of both is an error there
    assert {'mimco_vit-s', 'resnet18_8xb32_in1k'} <= set(list_models())
