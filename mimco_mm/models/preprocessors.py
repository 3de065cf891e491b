from mmengine.structures import BaseDataElement
from mmpretrain.models.utils import SelfSupDataPreprocessor
from mmpretrain.registry import MODELS

__all__ = ['MimCoDataPreprocessor']


@MODELS.register_module()
class MimCoDataPreprocessor(SelfSupDataPreprocessor):
    """mmpretrain's preprocessor, which leaves the data samples on the host.

    The stock one copies the mask of every sample to the device by itself. MimCo batches the masks,
    and finds the masked positions, on the host, and sends both in one copy each.

    Args:
        send_samples: send them all the same, as mmpretrain's SimMIM expects it.
        **kwargs: those of mmpretrain's SelfSupDataPreprocessor.
    """

    def __init__(self, send_samples: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.send_samples = send_samples

    def cast_data(self, data):
        if isinstance(data, BaseDataElement) and not self.send_samples:
            return data
        return super().cast_data(data)
