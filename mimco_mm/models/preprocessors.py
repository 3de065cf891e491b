from mmengine.structures import BaseDataElement
from mmpretrain.models.utils import SelfSupDataPreprocessor
from mmpretrain.registry import MODELS

__all__ = ['MimCoDataPreprocessor']


@MODELS.register_module()
class MimCoDataPreprocessor(SelfSupDataPreprocessor):
    """mmpretrain's preprocessor, which leaves the data samples on the host.

    The stock one copies the mask of every sample to the device by itself. MimCo batches the masks,
    and finds the masked positions, on the host, and sends both in one copy each.
    """

    def cast_data(self, data):
        if isinstance(data, BaseDataElement):
            return data
        return super().cast_data(data)
