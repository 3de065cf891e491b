# ViT-B/16 taught by OpenAI's CLIP, through timm's model, with CLIP's own input normalisation.
_base_ = '../mimco_vit-b.py'
teacher = ('https://huggingface.co/timm/vit_base_patch16_clip_224.openai/resolve/main/'
           'open_clip_model.safetensors')
network = dict(type='TimmFeatureMap', model_name='vit_base_patch16_clip_quickgelu_224')
model = dict(target_generator=dict(
    backbone=dict(_delete_=True, **network), checkpoint=teacher,
    input_norm=dict(mean=[122.7709383, 116.7460125, 104.09373615],  # CLIP's, in RGB
                    std=[68.5005327, 66.6321579, 70.32316305]),
    layer_norm_targets=True))  # as MaskDistill, of a CLIP teacher
