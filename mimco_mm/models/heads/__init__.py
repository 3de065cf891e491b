from .feature_regression_head import FeatureRegressionHead
from .float_mocov3_head import FloatMoCoV3Head
from .queue_contrastive_head import QueueContrastiveHead

__all__ = ['FeatureRegressionHead', 'FloatMoCoV3Head', 'QueueContrastiveHead']
