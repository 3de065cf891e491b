# A ViT for 32-px images, of MoCo v3's architecture: 4-px tokens, 2 x 2 of them to a mask unit, as
# the paper's 16-px tokens under 32-px units. Widths are ours; heads are narrower than the Swin's,
# for they work on 64 positions an image instead of 16.
vit = dict(
    arch=dict(embed_dims=64, num_layers=4, num_heads=4, feedforward_channels=256),
    img_size=32,
    patch_size=4,
    out_type='featmap')
width = dict(in_channels=64)
vit_neck = dict(in_channels=64, hid_channels=256, out_channels=64)
vit_head = dict(predictor=vit_neck, feat_dim=64)
