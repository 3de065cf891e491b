from .feature_regression_head import FeatureRegressionHead
from .queue_contrastive_head import QueueContrastiveHead

__all__ = ['QueueContrastiveHead', 'FeatureRegressionHead']
