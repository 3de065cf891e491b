"""ViT's tensors as DeiT, timm, transformers, mmseg and CLIP name them."""

from .naming import Contents, Naming, StateDict, stack, unstack

LAYER_SCALE = r'.*gamma'


class MMPretrainViT(Naming):
    """mmpretrain's own names, those of its MoCo v3, DeiT, DINOv2 and BEiT-like ViTs included."""

    name = 'mmpretrain ViT'
    family = 'ViT'
    mark = 'layers.0.attn.qkv.weight'
    ignored = (r'head\.', )


class TimmViT(Naming):
    """The names of DeiT, MoCo v3, MAE, DINO, iBOT, DINOv2, SimMIM's ViT and timm."""

    name = 'timm ViT'
    family = 'ViT'
    mark = 'blocks.0.attn.qkv.weight'
    pairs = (
        ('patch_embed.proj.', 'patch_embed.projection.'),
        ('norm_pre.', 'pre_norm.'),
        ('blocks.{}.norm1.', 'layers.{}.ln1.'),
        ('blocks.{}.ls1.gamma', 'layers.{}.attn.gamma1.weight'),
        ('blocks.{}.norm2.', 'layers.{}.ln2.'),
        ('blocks.{}.mlp.fc1.', 'layers.{}.ffn.layers.0.0.'),
        ('blocks.{}.mlp.fc2.', 'layers.{}.ffn.layers.1.'),
        ('blocks.{}.ls2.gamma', 'layers.{}.ffn.gamma2.weight'),
        ('blocks.{}.', 'layers.{}.'),
        ('norm.', 'ln1.'),
    )
    ignored = (r'head', r'pre_logits\.', r'masked_embed$', r'decoder_')


class OfficialViT(TimmViT):
    """The names of DeiT, MoCo v3, MAE, DINO and iBOT, whose networks have no LayerScale."""

    name = 'official ViT'
    homeless = (LAYER_SCALE, )


class TransformersViT(Naming):
    """``ViTModel`` of transformers: query, key and value apart."""

    name = 'transformers ViT'
    family = 'ViT'
    mark = 'encoder.layer.0.layernorm_before.weight'
    pairs = (
        ('embeddings.cls_token', 'cls_token'),
        ('embeddings.mask_token', 'mask_token'),
        ('embeddings.position_embeddings', 'pos_embed'),
        ('embeddings.patch_embeddings.projection.', 'patch_embed.projection.'),
        ('encoder.layer.{}.layernorm_before.', 'layers.{}.ln1.'),
        ('encoder.layer.{}.attention.output.dense.', 'layers.{}.attn.proj.'),
        ('encoder.layer.{}.attention.attention.', 'layers.{}.attn.'),
        ('encoder.layer.{}.layernorm_after.', 'layers.{}.ln2.'),
        ('encoder.layer.{}.intermediate.dense.', 'layers.{}.ffn.layers.0.0.'),
        ('encoder.layer.{}.output.dense.', 'layers.{}.ffn.layers.1.'),
        ('layernorm.', 'ln1.'),
    )
    ignored = (r'classifier\.', r'pooler\.')
    homeless = (LAYER_SCALE, )

    def read(self, state: StateDict) -> Contents:
        return super().read(stack(state, ('query', 'key', 'value'), 'qkv'))

    def write(self, state: StateDict) -> StateDict:
        return unstack(super().write(state), 'qkv', ('query', 'key', 'value'))


class MMSegViT(Naming):
    """mmseg's own ``VisionTransformer``, whose attention is torch's."""

    name = 'mmseg ViT'
    family = 'ViT'
    mark = 'layers.0.attn.attn.in_proj_weight'
    pairs = (
        ('layers.{}.attn.attn.in_proj_', 'layers.{}.attn.qkv.'),
        ('layers.{}.attn.attn.out_proj.', 'layers.{}.attn.proj.'),
        ('ln_pre.', 'pre_norm.'),
    )
    homeless = (LAYER_SCALE, )


class CLIPViT(Naming):
    """The image tower of OpenAI's and OpenCLIP's CLIP."""

    name = 'CLIP ViT'
    family = 'ViT'
    mark = 'transformer.resblocks.0.attn.in_proj_weight'
    pairs = (
        ('class_embedding', 'cls_token'),
        ('positional_embedding', 'pos_embed'),
        ('conv1.', 'patch_embed.projection.'),
        ('ln_pre.', 'pre_norm.'),
        ('transformer.resblocks.{}.ln_1.', 'layers.{}.ln1.'),
        ('transformer.resblocks.{}.attn.in_proj_', 'layers.{}.attn.qkv.'),
        ('transformer.resblocks.{}.attn.out_proj.', 'layers.{}.attn.proj.'),
        ('transformer.resblocks.{}.ln_2.', 'layers.{}.ln2.'),
        ('transformer.resblocks.{}.mlp.c_fc.', 'layers.{}.ffn.layers.0.0.'),
        ('transformer.resblocks.{}.mlp.c_proj.', 'layers.{}.ffn.layers.1.'),
        ('ln_post.', 'ln1.'),
    )
    ignored = (r'proj$', )  # the projection into the space that images and texts share

    def read(self, state: StateDict) -> Contents:
        state, left_out = super().read(state)
        if 'cls_token' in state:
            state['cls_token'] = state['cls_token'].reshape(1, 1, -1)
        if 'pos_embed' in state:
            state['pos_embed'] = state['pos_embed'].unsqueeze(0)
        return Contents(state, left_out)

    def write(self, state: StateDict) -> StateDict:
        return super().write(dict(state, cls_token=state['cls_token'].flatten(),
                                  pos_embed=state['pos_embed'].squeeze(0)))
