from .channel_adapter import ChannelAdapter
from .mimco_neck import MimCoNeck

__all__ = ['ChannelAdapter', 'MimCoNeck']
