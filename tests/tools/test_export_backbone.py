"""tools/convert/export_backbone.py: what it prints, writes and refuses."""

import importlib
import re
import shlex
from functools import partial
from pathlib import Path

import pytest
import torch

from mimco_mm.checkpoints import sha256_of
from mimco_mm.records import write_json
from mimco_mm.tables import results_folder
from tests.checkpoints.exports import (
    STUDENTS,
    SUFFIX,
    SWIN,
    VIT,
    assert_features,
    heads_of,
    maintained_only,
    official_map,
    openmmlab,
    side_for,
    student,
    timm_map,
    transformers_map,
    write_run,
)
from tests.reference.official import files, vit
from tests.tools.modules import call, load_tool, refusal

TOOL = 'convert/export_backbone.py'
export, refused = partial(call, TOOL), partial(refusal, TOOL)


@pytest.fixture
def swin_run(tmp_path):
    return write_run(tmp_path / 'epoch_2.pth', student(SWIN))


@pytest.fixture
def vit_run(tmp_path):
    return write_run(tmp_path / 'vit_epoch_2.pth', student(VIT))


def tree(folder: Path) -> dict:
    """{path: content} of all files, and of the folders, in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob('*'))}


def rows(printed: str) -> dict:
    """{(in the file, in the export): (how, tensors)} of the printed table."""
    lines = printed.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith('in the file'))
    end = lines.index('', start) if '' in lines[start:] else len(lines)
    found = {}
    for line in lines[start + 1:end]:
        cells = re.split(r'\s{2,}', line.strip())
        if not line.startswith('left out'):
            found[cells[0], cells[1]] = (cells[2] if len(cells) == 4 else '', int(cells[-1]))
    return found


def load_line(printed: str) -> str:
    assert 'To load it:' in printed.splitlines()[-2]
    return printed.splitlines()[-1].strip()


@STUDENTS
@pytest.mark.parametrize('library, ending', [
    ('mmpretrain', '.pth'), pytest.param('mmdet', '.pth', marks=maintained_only),
    pytest.param('mmseg', '.pth', marks=maintained_only), ('timm', '.safetensors'), ('timm', ''),
    ('official', '.pth'), ('transformers', '')])
def test_main__what_it_prints_loads_the_students_features(tmp_path, library, ending, config):
    network, out = student(config), tmp_path / 'run (2)' / f'out{ending}'
    heads = ['--heads', heads_of(config)] if heads_of(config) else []
    run = write_run(tmp_path / 'epoch_2.pth', network)
    line = load_line(export(run, out, '--to', library, *heads))
    if library == 'official':
        words = shlex.split(line)
        file = words[words.index('--pretrained' if config is SWIN else '--finetune') + 1]
        state = torch.load(file, weights_only=True)['model']
        assert_features(network, lambda x: official_map(config, state, x))
    elif library in ('timm', 'transformers'):
        client = pytest.importorskip(library)
        model = eval(line, {library: client}).eval()
        features = timm_map if library == 'timm' else transformers_map
        assert_features(network, lambda x: features(model, x))
    else:
        importlib.import_module(f'{library}.models')
        backbone = eval(line.removeprefix('backbone='))
        if '.' not in backbone['type']:
            backbone['type'] = f'{library}.{backbone["type"]}'
        assert_features(network, openmmlab(library, backbone, backbone.pop('init_cfg')),
                        side_for(backbone))


def test_main__help_names_the_libraries(capsys):
    tool = load_tool(TOOL)
    with pytest.raises(SystemExit, match='0'):
        tool.main(['--help'])
    printed = capsys.readouterr().out
    assert printed.startswith('usage: ')
    for word in (*tool.LIBRARIES, '--dry-run', '--overwrite', '--heads', '--license', '--results'):
        assert word in printed


def test_heads__are_refused_where_they_have_no_use(tmp_path, swin_run):
    assert 'holds a Swin, whose tensors tell its attention heads' in refused(
        swin_run, tmp_path / 'out.pth', '--to', 'mmpretrain', '--heads', 3)
    assert not (tmp_path / 'out.pth').exists()


def test_license__is_for_a_folders_card(tmp_path, swin_run):
    before = tree(tmp_path)
    for library, name in (('timm', 'out.safetensors'), ('mmpretrain', 'out.pth')):
        assert '--license: for the model card of a folder' in refused(
            swin_run, tmp_path / name, '--to', library, '--license', 'mit')
    assert 'small letters: apache-2.0' in refused(
        swin_run, tmp_path / 'out', '--to', 'timm', '--license', 'MIT\nevil: 1')
    assert tree(tmp_path) == before
    printed = export(swin_run, tmp_path / 'out', '--to', 'timm', '--license', 'cc-by-nc-4.0')
    assert 'README.md, does not know method, data, results (--results).\n' in printed
    assert '\nlicense: cc-by-nc-4.0\n' in (tmp_path / 'out' / 'README.md').read_text()


def test_results__stand_in_the_card(tmp_path, swin_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = results_folder(swin_run, sha256_of(swin_run))
    for name, sha256 in ((folder, sha256_of(swin_run)), (tmp_path / 'other', '0' * 64)):
        write_json(name / 'run.json', dict(
            checkpoint='other.pth', sha256=sha256, network='swin-t', method='MimCo', epochs=2))
        write_json(name / 'knn' / 'results.json', dict(results=dict(top1_k10=12.345), data={}))
    assert 'data, licence (--license).\n' in export(swin_run, 'out', '--to', 'transformers')
    row = ("| k-NN (not in the paper) | top1_k10 | 12.35 | cannot stand beside the paper's: its "
           'data were not recorded |')
    assert row in Path('out', 'README.md').read_text().splitlines()
    assert 'export other.pth, or give another work dir' in refused(
        swin_run, 'new', '--to', 'timm', '--results', 'other')
    assert 'expected the work dir of tools/transfers/run.sh' in refused(
        swin_run, 'new', '--to', 'timm', '--results', 'nothing')
    (tmp_path / 'other' / 'run.json').write_text('{"sha256": 1}')
    assert 'it has no checkpoint, sha256, method, network, epochs' in refused(
        swin_run, 'new', '--to', 'timm', '--results', 'other')
    assert not Path('new').exists()


def test_main__libraries_are_all_targets():
    from mimco_mm.checkpoints import TARGETS
    assert tuple(TARGETS) == load_tool(TOOL).LIBRARIES


def test_dry_run__shows_re_ordered_merging_and_writes_nothing(tmp_path, swin_run):
    before = tree(tmp_path)
    printed = export(swin_run, tmp_path / 'a' / 'out.safetensors', '--to', 'timm', '--dry-run')
    assert tree(tmp_path) == before
    found = rows(printed)
    for part in ('norm.weight', 'norm.bias', 'reduction.weight'):
        name = f'downsample.{part}'
        assert found[f'stages.*.{name}', f'layers.*.{name}'] == ('re-ordered', 2)
    assert found['stages.*.blocks.*.attn.w_msa.qkv.bias',
                 'layers.*.blocks.*.attn.qkv.bias'] == ('', 6)
    learned = len(list(student(SWIN).parameters())) - 1  # the mask token
    assert sum(count for _, count in found.values()) == learned
    assert re.search(r'^left out:(?=.*mask_token).*relative_position_index', printed, re.M)
    assert 'Nothing written (--dry-run)' in printed
    assert 'algorithm or classifier, mmpretrain Swin' in printed


def test_dry_run__shows_split_qkv(tmp_path, vit_run):
    before = tree(tmp_path)
    printed = export(vit_run, tmp_path / 'out', '--to', 'transformers', '--heads', 4, '--dry-run')
    assert tree(tmp_path) == before
    found = rows(printed)
    for part in ('query', 'key', 'value'):
        assert found['layers.*.attn.qkv.weight',
                     f'encoder.layer.*.attention.attention.{part}.weight'] == ('split', 3)
    assert found['ln1.weight', 'layernorm.weight'] == ('', 1)


def test_dry_run__refuses_the_name_that_writing_would(tmp_path, swin_run):
    assert 'ends in .safetensors' in refused(swin_run, tmp_path / 'a.pth', '--to', 'timm',
                                             '--dry-run')


def test_main__a_name_that_is_too_long(tmp_path, swin_run):
    assert 'cannot be written (File name too long)' in refused(
        swin_run, tmp_path / ('a' * 300), '--to', 'mmpretrain')


def test_dry_run__of_what_is_there_already(tmp_path, swin_run):
    out = tmp_path / 'out.pth'
    out.write_text('mine')
    assert 'Nothing written' in export(swin_run, out, '--to', 'mmpretrain', '--dry-run')
    assert out.read_text() == 'mine'


@pytest.mark.parametrize('library', ['mmpretrain', 'timm', 'official'])
def test_overwrite__a_file_is_replaced_on_demand_only(tmp_path, swin_run, library):
    out = tmp_path / f'out{SUFFIX.get(library, ".pth")}'
    out.write_text('mine')
    before = tree(tmp_path)
    assert f'{out} is there already' in refused(swin_run, out, '--to', library)
    assert tree(tmp_path) == before
    export(swin_run, out, '--to', library, '--overwrite')
    fresh = tmp_path / 'fresh' / out.name
    export(swin_run, fresh, '--to', library)
    from mimco_mm.checkpoints import prepare_export
    again, wanted = (prepare_export(str(file), 'mmpretrain').state for file in (out, fresh))
    assert again.keys() == wanted.keys()
    assert all(torch.equal(again[key], wanted[key]) for key in wanted)


def test_overwrite__a_folder_gets_new_files_on_demand_only(tmp_path, swin_run, vit_run):
    out, names = tmp_path / 'out', {'config.json', 'preprocessor_config.json', 'model.safetensors',
                                       'README.md'}
    export(vit_run, out, '--to', 'transformers', '--heads', 4)
    assert {path.name for path in out.iterdir()} == names
    (out / 'notes.txt').write_text('mine')
    before = tree(tmp_path)
    assert f'{out} is there already' in refused(swin_run, out, '--to', 'transformers')
    assert tree(tmp_path) == before
    export(swin_run, out, '--to', 'transformers', '--overwrite')
    export(swin_run, tmp_path / 'fresh', '--to', 'transformers')
    assert tree(out) == {**tree(tmp_path / 'fresh'), 'notes.txt': b'mine'}
    export(swin_run, out, '--to', 'timm', '--overwrite')
    export(swin_run, tmp_path / 'fresh_timm', '--to', 'timm')
    assert tree(out) == {**tree(tmp_path / 'fresh_timm'), 'notes.txt': b'mine'}


@pytest.mark.parametrize('name', ['README.md', 'config.json', 'model.safetensors'])
def test_overwrite__a_folder_that_is_no_export_is_left_alone(tmp_path, swin_run, name):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / name).write_text('mine')
    before = tree(tmp_path)
    assert f'out holds {name}, and no README.md that an export has written' in refused(
        swin_run, tmp_path / 'out', '--to', 'timm', '--overwrite')
    assert tree(tmp_path) == before


def test_overwrite__an_export_may_replace_what_it_was_read_from(tmp_path, swin_run):
    out = tmp_path / 'model.safetensors'
    export(swin_run, out, '--to', 'timm')
    before = out.read_bytes()
    export(out, out, '--to', 'timm', '--overwrite')
    assert out.read_bytes() == before


def write_no_backbone(path: Path) -> Path:
    torch.save(dict(state_dict={'head.fc.weight': torch.ones(2), 'conv1.weight': torch.ones(2)}),
               path)
    return path


def write_no_tensors(path: Path) -> Path:
    torch.save(dict(epoch=3), path)
    return path


def write_layer_scale(path: Path) -> Path:
    return files.dino_backbone(path, vit.random_vit(layer_scale=True))


def write_swin(path: Path) -> Path:
    return Path(write_run(path, student(SWIN)))


def write_vit(path: Path) -> Path:
    return Path(write_run(path, student(VIT)))


def write_swin_v2(path: Path) -> Path:
    """Its names are Swin's, but for a network and a scale in place of each bias table."""
    state = {key: value for key, value in student(SWIN).state_dict().items()
             if not key.endswith('relative_position_bias_table')}
    torch.save(dict(state_dict={f'backbone.{key}': value for key, value in state.items()}), path)
    return path


def write_nothing(path: Path) -> Path:
    return path


REFUSED = [
    (write_no_backbone, 'timm', 'out.safetensors', 'neither a Swin nor a ViT.*conv1.weight'),
    (write_no_tensors, 'mmpretrain', 'out.pth', 'No tensors in it.*epoch'),
    (write_nothing, 'mmpretrain', 'out.pth', 'No such checkpoint file: .*source.pth'),
    (write_swin, 'timm', 'out.pth', 'ends in .safetensors'),
    (write_vit, 'transformers', 'out', 'heads of this ViT cannot be told.*--heads'),
    (write_layer_scale, 'transformers', 'out', 'has no place for.*gamma'),
    (write_layer_scale, 'mmseg', 'out.pth', 'gamma'),
    (write_swin_v2, 'timm', 'out.safetensors', 'bias_table .* is not there.*SwinV2'),
    (write_swin, 'official-deit', 'out.pth', 'official-deit has no Swin'),
    (write_swin, 'mmpretrain', 'out.safetensors', 'ends in .pth'),
]


@pytest.mark.parametrize('write, library, name, message', REFUSED)
def test_refusal__leaves_what_was_there_and_nothing_else(tmp_path, write, library, name, message):
    checkpoint, out = write(tmp_path / 'source.pth'), tmp_path / name
    heads = ['--heads', 4] if write is write_layer_scale else []
    before = tree(tmp_path)
    text = refused(checkpoint, out, '--to', library, *heads)
    assert re.search(message, text), text
    assert tree(tmp_path) == before
    if out.suffix:
        out.write_text('mine')
    else:
        out.mkdir()
        (out / 'config.json').write_text('mine')
    before = tree(tmp_path)
    refused(checkpoint, out, '--to', library, '--overwrite', *heads)
    assert tree(tmp_path) == before


def test_overwrite__a_folder_in_place_of_a_file_is_not_emptied(tmp_path, swin_run):
    folder = tmp_path / 'my runs'
    folder.mkdir()
    (folder / 'notes.txt').write_text('mine')
    refused(swin_run, folder, '--to', 'mmpretrain', '--overwrite')
    assert (folder / 'notes.txt').read_text() == 'mine'


def test_overwrite__a_file_in_place_of_a_folder_is_no_traceback(tmp_path, swin_run):
    (tmp_path / 'out').write_text('mine')
    refused(swin_run, tmp_path / 'out', '--to', 'transformers', '--overwrite')
    assert (tmp_path / 'out').read_text() == 'mine'


@pytest.mark.parametrize('heads', ['0', '-4', 'four'])
def test_heads__that_are_no_number_of_heads(tmp_path, vit_run, heads):
    assert f"expected a number from 1 up, got '{heads}'" in refused(
        vit_run, tmp_path / 'out', '--to', 'timm', f'--heads={heads}')


def test_main__says_first_what_the_code_must_be_given(tmp_path, vit_run):
    printed = export(vit_run, tmp_path / 'a.pth', '--to', 'official-dino', '--heads', 4)
    caution, written = printed.splitlines()[-3:-1]
    assert caution.startswith('Set img_size=32, embed_dim=48, depth=3, num_heads=4, mlp_ratio=2.0 '
                              'for vit_tiny in vision_transformer.py of dino first')
    assert written.startswith(f'Written to {tmp_path / "a.pth"}')


def test_heads__that_do_not_divide_the_width_are_refused(tmp_path, vit_run):
    before = tree(tmp_path)
    refused(vit_run, tmp_path / 'out', '--to', 'transformers', '--heads', 5)
    assert tree(tmp_path) == before
