from .channel_adapter import ChannelAdapter
from .mimco_neck import MimCoNeck
from .simple_feature_pyramid import SimpleFeaturePyramid

__all__ = ['ChannelAdapter', 'MimCoNeck', 'SimpleFeaturePyramid']
