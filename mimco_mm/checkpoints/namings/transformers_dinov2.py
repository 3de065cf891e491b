from .vit import TransformersViT

BLOCK = 'encoder.layer.{}.'


class TransformersDINOv2(TransformersViT):
    """``Dinov2Model`` of transformers: the names of its ViT, but for what is in a block."""

    name = 'transformers DINOv2'
    mark = 'encoder.layer.0.layer_scale1.lambda1'
    pairs = (
        *(pair for pair in TransformersViT.pairs if not pair[0].startswith(BLOCK)),
        (f'{BLOCK}norm1.', 'layers.{}.ln1.'),
        (f'{BLOCK}layer_scale1.lambda1', 'layers.{}.attn.gamma1.weight'),
        (f'{BLOCK}attention.output.dense.', 'layers.{}.attn.proj.'),
        (f'{BLOCK}attention.attention.', 'layers.{}.attn.'),
        (f'{BLOCK}norm2.', 'layers.{}.ln2.'),
        (f'{BLOCK}mlp.fc1.', 'layers.{}.ffn.layers.0.0.'),
        (f'{BLOCK}mlp.fc2.', 'layers.{}.ffn.layers.1.'),
        (f'{BLOCK}layer_scale2.lambda1', 'layers.{}.ffn.gamma2.weight'),
    )
    homeless = ()
