# imagenet_mimco.py with JPEGs decoded, cropped and flipped on the GPU, for few CPU cores a GPU: the
# same boxes, flips and masks. It takes the place of imagenet_mimco.py in `_base_` of a config.
_base_ = 'imagenet_mimco.py'

load, crop, flip, mask, pack = _base_.train_pipeline
train_pipeline = [
    {**load, 'type': 'LoadCodedImage'},
    {**crop, 'type': 'CodedResizedCrop'},
    {**flip, 'type': 'CodedFlip'},
    mask,
    {**pack, 'type': 'PackCodedInputs'},
]
data_preprocessor = dict(type='DecodingDataPreprocessor')
train_dataloader = dict(
    collate_fn=dict(type='collate_coded'),
    dataset=dict(dataset=dict(pipeline=train_pipeline)))
