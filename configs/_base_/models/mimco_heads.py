# Projectors, predictors, queues and losses of both levels, for features 768 wide.
# Widths and norms are MoBY's; queue and temperature are the paper's (section 3.2).
neck = dict(type='MimCoNeck', in_channels=768, hid_channels=4096, out_channels=256)
head = dict(
    type='QueueContrastiveHead',
    predictor=dict(type='MimCoNeck', in_channels=256, hid_channels=4096, out_channels=256),
    loss=dict(type='InfoNCELoss', temperature=0.2),
    feat_dim=256,
    queue_len=4096)
model = dict(
    type='MimCo',
    patch_neck=neck,
    patch_head=head,
    image_neck=neck,
    image_head=head,
    patch_queue_key='all',  # section 3.2; Algorithm 1 has 'masked'
    base_momentum=0.99)  # MoBY
