"""How this project's evaluations prepare an image, for other libraries.

The same as ``centre_crop`` of the data sets and the normalisation of all configs.
"""

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # ImageNet's, of pixels in 0 to 1
CROP = 7 / 8  # part of an image's shorter edge that is seen (224 of 256 px) ...
FULL_SIZE = 224  # ... by networks of this many px; of smaller ones all is seen
BICUBIC = 3  # of Pillow


def transformers_processor(side: int) -> dict:
    """``preprocessor_config.json`` of transformers for networks of ``side`` px."""
    edge = int(side / CROP) if side >= FULL_SIZE else side
    return dict(
        image_processor_type='BitImageProcessor', do_convert_rgb=True, do_resize=True,
        size=dict(shortest_edge=edge), resample=BICUBIC, do_center_crop=True,
        crop_size=dict(height=side, width=side), do_rescale=True, rescale_factor=1 / 255,
        do_normalize=True, image_mean=MEAN, image_std=STD)
