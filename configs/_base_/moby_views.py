# MoBY's two asymmetric views: blur always in the first, blur rarely and solarize in the second.
jitter = dict(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
solarize = dict(thr=128, prob=0.2)
blur = dict(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf')
crop_flip_color = [
    dict(type='AntialiasedResizedCrop', scale=224, crop_ratio_range=(0.08, 1.0)),  # bilinear
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomApply', transforms=[dict(type='ColorJitter', **jitter)], prob=0.8),
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True,
         channel_weights=(0.114, 0.587, 0.2989)),  # of B, G, R
]
view_1 = [*crop_flip_color, dict(**blur, prob=1.0)]
view_2 = [*crop_flip_color, dict(**blur, prob=0.1), dict(type='Solarize', **solarize)]
