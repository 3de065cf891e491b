"""Walk over timm's families as teachers: which work, with which of the four students.

    python -m tests.teachers_walk --out docs/teachers.md

Each member is given to the four students as --teacher timm:NAME=FILE gives it. FILE has the random
weights of timm's whole model, head and all. One step of MimCo is taken on two images, forward and
backward. The students are the paper's, of one block a stage (a ViT: of one block), with narrow
heads. Members marked by a kwarg have fewer blocks than released.
"""

import argparse
import copy
import logging
import multiprocessing
import re
import tempfile
import traceback
from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

import timm
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from safetensors.torch import save_file
from torch import nn

import mimco_mm  # noqa: F401
from mimco_mm.errors import UserError
from mimco_mm.models.target_generators import fit_named_teacher

SWIN = dict(type='MaskedSwinTransformer', img_size=224, drop_path_rate=0.)
VIT = dict(type='MaskedMoCoV3ViT', img_size=224, patch_size=16)
STUDENTS = {
    'Swin-T': dict(SWIN, arch=dict(embed_dims=96, depths=[1] * 4, num_heads=[3, 6, 12, 24])),
    'Swin-B': dict(SWIN, arch=dict(embed_dims=128, depths=[1] * 4, num_heads=[4, 8, 16, 32])),
    'ViT-S': dict(VIT, arch=dict(embed_dims=384, num_layers=1, num_heads=12,
                                 feedforward_channels=1536)),
    'ViT-B': dict(VIT, arch=dict(embed_dims=768, num_layers=1, num_heads=12,
                                 feedforward_channels=3072)),
}
NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
# family (module of timm) -> its member, and what makes it smaller than it is released
FAMILIES: Dict[str, Tuple[str, dict]] = {
    'beit': ('beit_base_patch16_224', dict(depth=2)),
    'byoanet': ('halonet26t', {}),
    'byobnet': ('mobileone_s1', {}),
    'cait': ('cait_xxs24_224', dict(depth=2)),
    'coat': ('coat_tiny', {}),
    'convit': ('convit_tiny', {}),
    'convmixer': ('convmixer_768_32', {}),
    'convnext': ('convnext_zepto_rms', {}),
    'cpubone': ('cpubone_nano', {}),
    'crossvit': ('crossvit_tiny_240', {}),
    'csatv2': ('csatv2', {}),
    'cspnet': ('cs3darknet_focus_s', {}),
    'cspnext': ('cspnext_tiny', {}),
    'davit': ('davit_tiny', {}),
    'deepseek_vit': ('deepseek_vit_412m', {}),
    'deit': ('deit_tiny_patch16_224', dict(depth=2)),
    'densenet': ('densenet121', {}),
    'dla': ('dla46x_c', {}),
    'dpn': ('dpn48b', {}),
    'edgenext': ('edgenext_xx_small', {}),
    'efficientformer': ('efficientformer_l1', {}),
    'efficientformer_v2': ('efficientformerv2_s0', {}),
    'efficientnet': ('mobilenetv2_035', {}),
    'efficientvim': ('efficientvim_m1', {}),
    'efficientvit_mit': ('efficientvit_b0', {}),
    'efficientvit_msra': ('efficientvit_m0', {}),
    'eva': ('vit_tiny_patch16_dinov3_qkvb', dict(depth=2)),
    'fasternet': ('fasternet_t0', {}),
    'fastvit': ('fastvit_t8', {}),
    'focalnet': ('focalnet_tiny_srf', {}),
    'gcvit': ('gcvit_xxtiny', {}),
    'gemma4_vit': ('gemma4_vit_167m', {}),
    'ghostnet': ('ghostnet_050', {}),
    'hardcorenas': ('hardcorenas_b', {}),
    'hgnet': ('hgnetv2_b0', {}),
    'hiera': ('hiera_tiny_224', {}),
    'hieradet_sam2': ('sam2_hiera_tiny', {}),
    'hrnet': ('hrnet_w18_small', {}),
    'iformer': ('iformer_t', {}),
    'inception_next': ('inception_next_atto', {}),
    'inception_resnet_v2': ('inception_resnet_v2', {}),
    'inception_v3': ('inception_v3', {}),
    'inception_v4': ('inception_v4', {}),
    'lcnetv2': ('lcnetv2_small', {}),
    'levit': ('levit_128s', {}),
    'lowformer': ('lowformer_b0', {}),
    'mambaout': ('mambaout_femto', {}),
    'maxxvit': ('maxvit_pico_rw_256', {}),
    'metaformer': ('poolformer_s12', {}),
    'mlp_mixer': ('gmlp_ti16_224', {}),
    'mobilenetv3': ('mobilenetv3_small_050', {}),
    'mobilenetv5': ('mobilenetv5_base', {}),
    'mobilevit': ('mobilevit_xxs', {}),
    'mvitv2': ('mvitv2_tiny', {}),
    'naflexvit': ('naflexvit_base_patch16_gap', dict(depth=2)),
    'nasnet': ('nasnetalarge', {}),
    'nest': ('nest_tiny', {}),
    'nextvit': ('nextvit_small', {}),
    'nfnet': ('eca_nfnet_l0', {}),
    'pit': ('pit_ti_224', {}),
    'pnasnet': ('pnasnet5large', {}),
    'pvt_v2': ('pvt_v2_b0', {}),
    'qwen3_vit': ('qwen3_vit_88m', {}),
    'rdnet': ('rdnet_tiny', {}),
    'regnet': ('regnetx_002', {}),
    'repghost': ('repghostnet_050', {}),
    'repvit': ('repvit_m0_9', {}),
    'res2net': ('res2net50_48w_2s', {}),
    'resnest': ('resnest14d', {}),
    'resnet': ('resnet10t', {}),
    'resnetv2': ('resnetv2_18', {}),
    'rexnet': ('rexnet_100', {}),
    'selecsls': ('selecsls42', {}),
    'senet': ('legacy_seresnet18', {}),
    'sequencer': ('sequencer2d_s', dict(layers=(1, 1, 1, 1))),
    'shvit': ('shvit_s1', {}),
    'sknet': ('skresnet18', {}),
    'starnet': ('starnet_s050', {}),
    'swiftformer': ('swiftformer_xs', {}),
    'swin_transformer': ('swin_tiny_patch4_window7_224', dict(depths=(1, 1, 1, 1))),
    'swin_transformer_v2': ('swinv2_tiny_window8_256', dict(depths=(1, 1, 1, 1))),
    'swin_transformer_v2_cr': ('swinv2_cr_tiny_224', dict(depths=(1, 1, 1, 1))),
    'tiny_vit': ('tiny_vit_5m_224', {}),
    'tnt': ('tnt_s_patch16_224', dict(depth=2)),
    'tresnet': ('tresnet_m', {}),
    'twins': ('twins_svt_small', {}),
    'vgg': ('vgg11', {}),
    'visformer': ('visformer_tiny', {}),
    'vision_transformer': ('vit_tiny_patch16_224', dict(depth=2)),
    'vision_transformer_hybrid': ('vit_tiny_r_s16_p8_224', dict(depth=2)),
    'vision_transformer_relpos': ('vit_relpos_small_patch16_224', dict(depth=2)),
    'vision_transformer_sam': ('samvit_base_patch16_224', dict(depth=2)),
    'vitamin': ('vitamin_small_224', {}),
    'volo': ('volo_d1_224', {}),
    'vovnet': ('ese_vovnet19b_slim_dw', {}),
    'xception': ('legacy_xception', {}),
    'xception_aligned': ('xception41', {}),
    'xcit': ('xcit_nano_12_p16_224', {}),
}
# What people ask for, beside the members of their families
ASKED: Dict[str, Tuple[str, dict]] = {
    'DINOv2': ('vit_small_patch14_dinov2.lvd142m', dict(depth=2)),
    'DINOv2 with registers': ('vit_small_patch14_reg4_dinov2.lvd142m', dict(depth=2)),
    'DINOv3 ViT-S': ('vit_small_patch16_dinov3.lvd1689m', dict(depth=2)),
    'DINOv3 ViT-B': ('vit_base_patch16_dinov3.lvd1689m', dict(depth=2)),
    'DINOv3 ConvNeXt-T': ('convnext_tiny.dinov3_lvd1689m', {}),
    'EUPE ViT-S': ('vit_small_patch16_dinov3_qkvb.eupe_lvd1689m', dict(depth=2)),
    'SigLIP 2 ViT-B': ('vit_base_patch16_siglip_224.v2_webli', dict(depth=2)),
    'RADIO v3 ViT-B': ('vit_base_patch16_radio_v3.c_radio', dict(depth=2)),
    'TIPS v2 ViT-B': ('vit_base_patch14_reg1_tipsv2.webli', dict(depth=2)),
    'PE Core T': ('vit_pe_core_tiny_patch16_384.fb', dict(depth=2)),
    'CLIP ViT-B': ('vit_base_patch16_clip_quickgelu_224.openai', dict(depth=2)),
}
REAL = 120e6  # parameters of a member whose step is computed; of a larger one the shapes alone
START, END = '<!-- walk -->', '<!-- end of the walk -->'


class Student(nn.Module):
    """One of ``STUDENTS``, built once for all teachers; on meta it gives the shape of its map."""

    built: Dict[str, nn.Module] = {}
    shapes: Dict[str, torch.Size] = {}

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in self.built:
            network = MODELS.build(copy.deepcopy(STUDENTS[name]))
            self.shapes[name] = network(torch.zeros(1, 3, 224, 224))[-1].shape
            self.built[name] = network
        self.name = name

    def forward(self, x: torch.Tensor, mask: Optional[torch.Tensor] = None) -> tuple:
        if x.is_meta:
            return (x.new_empty(self.shapes[self.name]), )
        return self.built[self.name](x, mask)


class Outcome(NamedTuple):
    """What came of a teacher and a student: a map and side, or why not."""

    side: int = 0
    shape: Tuple[int, ...] = ()
    refusal: str = ''


def model_config(student: str, teacher: str, kwargs: dict) -> dict:
    """Config of a MimCo with narrow heads, and a teacher by its name."""
    neck = dict(type='MimCoNeck', in_channels=8, hid_channels=16, out_channels=8,
                norm_cfg=dict(type='BN'))
    head = dict(type='QueueContrastiveHead', feat_dim=8, queue_len=16, predictor=neck,
                loss=dict(type='InfoNCELoss'))
    generator = dict(type='FrozenTeacher', timm=teacher, **(
        dict(backbone=dict(kwargs)) if kwargs else {}))
    return dict(type='MimCo', backbone=dict(type=Student, name=student), target_generator=generator,
                patch_neck=dict(neck), patch_head=head, image_neck=dict(neck), image_head=head,
                data_preprocessor=dict(type='MimCoDataPreprocessor', **NORM))


def made_file(name: str, kwargs: dict, folder: str) -> str:
    """A file of timm's whole model: random weights, and batch norms' statistics that suit them."""
    torch.manual_seed(0)
    model = timm.create_model(name, **kwargs)
    norms = [one for one in model.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the mean over all batches, which is the one below
    if norms:
        with torch.no_grad():
            model.train()(torch.randn(2, *model.pretrained_cfg['input_size']))
    state = {key: value.clone().contiguous() for key, value in model.state_dict().items()}
    file = f'{folder}/{name}.safetensors'
    save_file(state, file)
    return file


def walked(name: str, kwargs: dict) -> Iterator[Outcome]:
    """What comes of a teacher, with each student in turn."""
    with torch.device('meta'):
        real = sum(p.numel() for p in timm.create_model(name, **kwargs).parameters()) < REAL
    loaded: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        file = made_file(name, kwargs, folder) if real else 'FILE'
        for student in STUDENTS:
            config = model_config(student, f'{name}={file}', kwargs)
            try:
                yield step(config, loaded) if real else fitted(config)
            except UserError as error:
                yield Outcome(refusal=' '.join(str(error).replace(file, f'timm:{name}').split()))


def fitted(config: dict) -> Outcome:
    fit_named_teacher(config, units=7)
    width = config['patch_neck']['in_channels']
    return Outcome(config['target_generator'].get('input_size', 224), (width, ))


def step(config: dict, loaded: dict) -> Outcome:
    """One step of MimCo; teachers of one config are read once."""
    side, _ = fitted(config)[:2]
    key = repr(config['target_generator'])
    model = MODELS.build(config)
    if key in loaded:
        model.target_generator = loaded[key]
    model.target_generator.init_weights()
    loaded[key] = model.target_generator
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 0)
    hub.update_info('max_iters', 10)
    mask = (torch.arange(49) % 5 < 3).view(7, 7)
    samples = [DataSample().set_mask(mask) for _ in range(2)]
    losses = model.loss(torch.randn(2, 3, 224, 224), samples)
    sum(losses.values()).backward()
    student = model.backbone.built[model.backbone.name]
    gradients = [p.grad for p in student.parameters() if p.grad is not None]
    assert all(loss.isfinite() for loss in losses.values()), losses
    assert gradients and all(grad.isfinite().all() for grad in gradients)
    student.zero_grad()
    return Outcome(side, tuple(model.target_generator.map_shape))


def row(title: str, name: str, kwargs: dict, outcomes: list) -> str:
    """A line of the table."""
    smaller = ''.join(f' ({key}={value})' for key, value in kwargs.items())
    cells = []
    for one in outcomes:
        grid = '' if len(one.shape) < 3 else f' -> {one.shape[1]} x {one.shape[2]}'
        cells.append('refused' if one.refusal else f'{one.side} px{grid}')
    pairs = [' / '.join(dict.fromkeys(cells[index:index + 2])) for index in (0, 2)]
    width = next((one.shape[0] for one in outcomes if one.shape), '')
    shapes = any(len(one.shape) == 1 for one in outcomes)
    told = next((one.refusal for one in outcomes if one.refusal), '')
    note = told or ('shapes alone: too large for the walk' if shapes else 'step taken')
    return f'| {title} | `{name}`{smaller} | {width} | {pairs[0]} | {pairs[1]} | {note} |'


HEAD = ['| family | member | width | Swin-T, Swin-B (7 x 7) | ViT-S, ViT-B (14 x 14) | outcome |',
        '|---|---|--:|---|---|---|']


def table_row(title: str) -> str:
    """The line of one member; faults of this project are told in it, and are to be mended."""
    name, kwargs = {**ASKED, **FAMILIES}[title]
    MMLogger.get_instance('walk').setLevel(logging.WARNING)  # no line for each tensor
    try:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            return row(title, name, kwargs, list(walked(name, kwargs)))
    except Exception as error:
        traceback.print_exc()
        return f'| {title} | `{name}` | | | | FAULT {error!r} |'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out', type=Path, required=True, help='document with the table in it')
    parser.add_argument('--only', nargs='+', help='families, for a look; nothing is written')
    parser.add_argument('--jobs', type=int, default=1, help='processes')
    args = parser.parse_args()
    titles, lines = args.only or [*ASKED, *FAMILIES], []
    for name in STUDENTS:
        Student(name)  # before processes are forked
    with multiprocessing.Pool(args.jobs) as pool:
        for line in pool.imap(table_row, titles):
            print(line, flush=True)
            lines.append(line)
    if not args.only:
        about = f'timm {timm.__version__}, {len(FAMILIES)} families.'
        table = '\n'.join([about, '', *HEAD, *lines])
        text = args.out.read_text()
        args.out.write_text(re.sub(f'(?s)({START}).*({END})',
                                   lambda found: f'{found[1]}\n{table}\n{found[2]}', text))


if __name__ == '__main__':
    main()
